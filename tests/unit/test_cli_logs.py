"""`sma logs`, and the completion of commands and parts, as a shell asks for it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli.logs import logs
from cli.main import sma
from sma.errors import SmaError
from sma.settings import CHECKOUT

COMPLETE = """
import atexit, sys
atexit.register(lambda: print([name for name in ("pydantic", "yaml", "polars") if name in sys.modules]))
from cli.main import sma
sma(prog_name="sma")
"""


@pytest.fixture
def folder(state_dir: Path) -> Path:
    (state_dir / "logs").mkdir()
    return state_dir / "logs"


def run(*arguments: str, **options: bool) -> Result:
    return CliRunner().invoke(logs, arguments, **options)


def test_the_end_of_each_process_of_a_part_is_printed_under_its_name(folder: Path):
    (folder / "flink-jobmanager.log").write_text("a\nb\n")
    (folder / "flink-taskmanager.log.1").write_text("c\n")
    (folder / "flink-taskmanager.log").write_text("[red]d[/red]")
    shown = run("flink", "--lines", "1").output.splitlines()
    assert shown == ["==> flink-jobmanager <==", "b", "==> flink-taskmanager <==", "c", "[red]d[/red]"]
    assert run("flink-jobmanager").output.splitlines() == ["a", "b"]


def test_without_a_part_the_files_are_listed_with_their_sizes(folder: Path):
    (folder / "kafka.log").write_text("x" * 1_234)
    (folder / "exporter.log").write_text("x")
    shown = [line.split() for line in run().output.splitlines() if ".log" in line]
    assert [(*cells[:2], cells[-1]) for cells in shown] == [
        ("kafka", "kafka", "1,234"),
        ("prometheus", "exporter", "1"),
    ]


def test_before_the_first_start_the_way_on_is_named(folder: Path):
    assert "`sma up` starts the stack" in run().output


@pytest.mark.parametrize(
    ("part", "message"), [("kafka", "kafka has no log in .*: it was not started"), ("splunk", "no part is called")]
)
def test_a_part_without_a_log_and_one_that_is_none_are_errors(folder: Path, part: str, message: str):
    with pytest.raises(SmaError, match=message):
        run(part, catch_exceptions=False)


def test_following_goes_on_with_what_is_added(folder: Path):
    (folder / "kafka.log").write_text("a\n")
    command = [sys.executable, "-m", "cli.main", "logs", "kafka", "--follow"]
    with subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) as following:
        assert following.stdout is not None
        assert following.stdout.readline() == "a\n"
        with (folder / "kafka.log").open("a") as file:
            file.write("b\n")
        assert following.stdout.readline() == "b\n"
        following.kill()  # a test run whose parent ignores SIGTERM hands that on


def test_following_needs_a_part():
    assert "--follow needs a PART" in run("--follow").output


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_each_shell_asks_sma(shell: str):
    assert f"_SMA_COMPLETE={shell}_complete" in CliRunner().invoke(sma, ["completion", shell]).output


def test_another_shell_is_refused_with_the_names():
    assert "'bash', 'zsh', 'fish'" in CliRunner().invoke(sma, ["completion", "cmd"]).output


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("sma logs fl", ["flink", "flink-jobmanager", "flink-taskmanager"]),
        ("sma logs k", ["kafka", "kafka-2", "kafka-3", "kafka-tokens"]),
        ("sma pro", ["produce"]),
        ("sma stream re", ["replay", "reprocess"]),
        ("sma logs --fo", ["--follow"]),
    ],
)
def test_what_was_begun_is_completed_without_anything_heavy(words: str, completed: list[str]):
    asked = {"_SMA_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
    command = [sys.executable, "-c", COMPLETE]
    ran = subprocess.run(command, cwd=CHECKOUT, env=os.environ | asked, capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines() == [*(f"plain,{name}" for name in completed), "[]"]
