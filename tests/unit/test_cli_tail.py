"""`sma tail` prints the rows that are asked for, says that it waits, and ends without an error."""

import json
from contextlib import nullcontext

import click
import pytest

import reader.stream
from cli.main import sma as command_line
from reader.stream import EmittedRow
from sma.settings import Settings


def row(customer="AA", metric="delay", average="hour", count=1):
    return EmittedRow(customer, metric, average, 0, 1_000_000, count, True, 0)


@pytest.fixture
def tail(monkeypatch, capfd):
    """Runs the command over batches of rows, of which the last is followed by Ctrl-C; returns what it printed."""
    monkeypatch.setattr("sma.settings.load_settings", Settings)
    monkeypatch.setattr("reader.session.session", lambda *_: nullcontext())
    monkeypatch.setattr(reader.stream, "present_generation", lambda _: 0)
    asked = {}

    def begin(_, **options):
        asked.update(options)
        return {0: 0}

    monkeypatch.setattr(reader.stream, "offsets_to_read_from", begin)

    def run(batches, *arguments):
        def rows(*_):
            yield from batches
            raise KeyboardInterrupt

        monkeypatch.setattr(reader.stream, "emitted_rows", rows)
        command_line(["tail", *arguments], standalone_mode=False)
        return *capfd.readouterr(), asked

    return run


ROWS = [(row(), False), (row(metric="taxi"), False), (row("BB"), False), (row(average="day", count=2), True)]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), [0, 1, 2, 3]),
        (("AA",), [0, 1, 3]),
        (("AA", "delay"), [0, 3]),
        (("AA", "delay", "--average", "day"), [3]),
        (("--average", "hour"), [0, 1, 2]),
        (("nobody",), []),
        (("--limit", "2"), [0, 1]),
        (("AA", "--limit", "3"), [0, 1, 3]),
    ],
)
def test_rows_that_are_asked_for_are_printed_until_ctrl_c(tail, arguments, expected):
    printed, said, _ = tail([ROWS], *arguments, "--json")
    names = [
        (fields["customer"], fields["metric"], fields["average"], fields["is_correction"])
        for fields in map(json.loads, printed.splitlines())
    ]
    wanted = [ROWS[at] for at in expected]
    assert names == [(each.customer, each.metric, each.average, is_correction) for each, is_correction in wanted]
    assert said == ""


def test_it_says_once_that_it_waits(tail):
    printed, said, _ = tail([[], [], ROWS[:1], []])
    assert printed == "1970-01-01T00:00:00Z  AA/delay  hour  1.000000000  (1 event)\n"
    assert said == "waiting for rows; Ctrl-C ends\n"


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        ((), {"from_start": False, "since_ms": None}),
        (("--from-start",), {"from_start": True, "since_ms": None}),
        (("--since", "1970-01-01T00:01"), {"from_start": False, "since_ms": 60_000}),
    ],
)
def test_it_begins_where_it_is_told(tail, arguments, asked):
    assert tail([], *arguments)[2] == asked


def test_two_beginnings_are_refused(tail):
    with pytest.raises(click.UsageError, match="either --from-start or --since"):
        tail([], "--from-start", "--since", "1 hour")


def test_a_job_that_publishes_nothing_is_reported(tail, monkeypatch):
    monkeypatch.setattr("sma.settings.load_settings", lambda: Settings(publish_averages=False))
    assert "SMA_PUBLISH_AVERAGES is false" in tail([])[1]
