"""The console prints names as they are: nothing in an event is read as markup, a link or an emoji."""

import io
import re
import subprocess
import sys

import pytest

from cli import console
from cli.console import out, print_table, progress_bar, say
from cli.stream_wording import reprocessed_in_words
from sma.settings import CHECKOUT
from streaming.control.reprocess import Reprocessed

NAMES = ["[red]x[/red]", "[link=http://x]y", "[/]", "[bold]", ":smile:", r"\[x]"]


@pytest.fixture
def terminal(monkeypatch):
    """Standard output and standard error as one terminal with colours; returns what is written to it."""
    written = io.StringIO()
    for stream in (console.out, console.err):
        monkeypatch.setattr(stream, "_file", written)
        monkeypatch.setattr(stream, "_force_terminal", True)
    return written


@pytest.mark.parametrize("name", NAMES)
def test_a_line_has_the_name_as_events_spell_it(terminal, name):
    out.print(name)
    say(name)
    assert terminal.getvalue() == f"{name}\n{name}\n"


@pytest.mark.parametrize("name", NAMES)
def test_a_table_has_the_name_in_its_title_its_heading_and_its_cells(terminal, name):
    print_table(name, [name], [[name]])
    assert terminal.getvalue().count(name) == 3


@pytest.mark.parametrize("name", NAMES)
def test_a_progress_bar_has_the_name(terminal, name):
    with progress_bar(name, 1):
        pass
    assert name in terminal.getvalue()


def test_a_grid_below_a_second_is_printed_to_the_millisecond():
    done = Reprocessed("half", "quarter", 4, 2, first_as_of=250, last_as_of=1_000, is_dry=False, seconds=0.1)
    assert "as of 1970-01-01 00:00:00.250 to 1970-01-01 00:00:01," in reprocessed_in_words(done)


def test_no_other_console_prints():
    makers = [
        path.relative_to(CHECKOUT).as_posix()
        for folder in ("cli", "demo", "bench", "deploy", "database")
        for path in (CHECKOUT / folder).rglob("*.py")
        if re.search(r"\b(Console|from_markup)\(", path.read_text())
    ]
    assert makers == ["cli/console.py"]


@pytest.mark.parametrize("is_read", [True, False])
def test_a_pipe_that_nobody_reads_is_noticed(is_read):
    script = "import sys; from cli.console import pipe_is_closed; input(); print(pipe_is_closed(), file=sys.stderr)"
    command, pipe = [sys.executable, "-c", script], subprocess.PIPE
    with subprocess.Popen(command, cwd=CHECKOUT, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as running:
        if not is_read:
            running.stdout.close()
        running.stdin.write("\n")
        running.stdin.flush()
        assert running.stderr.read() == f"{not is_read}\n"
