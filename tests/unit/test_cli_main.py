"""The command line imports a command when it is used, and its help has a line for each."""

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from cli.main import COMMANDS, sma


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_is_there_under_its_name(name):
    command = sma.get_command(click.Context(sma), name)
    assert command is not None
    assert command.name == name


def test_the_help_has_the_line_of_each_command():
    shown = CliRunner().invoke(sma, ["--help"]).output
    missing = [name for name, (_, summary) in COMMANDS.items() if f"\n  {name:<11}{summary}\n" not in shown]
    assert missing == []


def test_a_command_that_does_not_exist_is_named():
    ran = CliRunner().invoke(sma, ["recompute"])
    assert ran.exit_code == 2
    assert "No such command 'recompute'" in ran.output


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("cli.main", "polars"),
        ("cli.stream", "polars"),
        ("cli.stack", "dagster"),
        ("cli.export", "polars"),
        ("cli.latest", "polars"),
        ("cli.latest", "confluent_kafka"),
        ("cli.tail", "confluent_kafka"),
    ],
)
def test_a_command_does_not_wait_for_what_others_import(module, heavy):
    script = f"import sys, {module}; sys.exit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
