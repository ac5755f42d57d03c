"""The command line imports a command when it is used, and its help has a line for each."""

import subprocess
import sys
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from cli.main import COMMANDS, sma

WIDTH = max(map(len, COMMANDS)) + 2
HEAVY = (
    "confluent_kafka",
    "dagster",
    "kafka",
    "matplotlib",
    "numba",
    "numpy",
    "polars",
    "prometheus_client",
    "psycopg",
    "pydantic",
    "requests",
    "supervisor",
)
SCRIPT = f"""
import sys
from cli.main import sma
try:
    sma(prog_name="sma")
except SystemExit as end:
    print(end.code, [name for name in {HEAVY!r} if name in sys.modules])
"""


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_is_there_under_its_name(name):
    command = sma.get_command(click.Context(sma), name)
    assert command is not None
    assert command.name == name


def test_the_help_has_the_line_of_each_command():
    shown = CliRunner().invoke(sma, ["--help"]).output
    missing = [name for name, (_, summary) in COMMANDS.items() if f"\n  {name:<{WIDTH}}{summary}\n" not in shown]
    assert missing == []


def test_a_command_that_does_not_exist_is_named():
    ran = CliRunner().invoke(sma, ["recompute"])
    assert ran.exit_code == 2
    assert "No such command 'recompute'" in ran.output


def paths_of(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            yield from paths_of(command.get_command(context, name), (*path, name))


PATHS = list(paths_of(sma))


@pytest.mark.parametrize("option", ["--help", "--nonsense"])
@pytest.mark.parametrize("path", PATHS, ids=lambda path: " ".join(path) or "sma")
def test_help_and_refused_options_import_nothing_heavy(path: tuple[str, ...], option: str):
    ran = subprocess.run([sys.executable, "-c", SCRIPT, *path, option], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == f"{2 if option == '--nonsense' else 0} []"


def test_the_status_waits_for_no_library_of_the_batch_layer():
    script = "import sys, cli.now, cli.status_page; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert {"polars", "numba", "numpy", "dagster", "matplotlib"}.isdisjoint(ran.stdout.split())


def test_no_command_is_left_out_of_these():
    assert {("stream", "replay"), ("customer", "add"), ("reconcile",)} <= set(PATHS)
