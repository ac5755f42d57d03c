"""`sma reconcile`: what is not asked for, or has nothing to do, starts no backfill."""

import io
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from click.testing import CliRunner

import cli.reconcile
from batch.schedule.reconciliation_plan import DayRequest, ReconciliationPlan
from batch.schedule.unclosed import HoldingPartition, Unclosed
from cli import console
from cli.main import sma
from cli.reconcile import Planned, computed_days_bar, reconcile_days
from sma.errors import SmaError
from sma.settings import Settings

DAY = date(2024, 3, 1)
PLAN = ReconciliationPlan((DAY,), {}, 31, (), (), (), 10, 100, Unclosed(0, True, (), 0, ()), None)
NOTHING = replace(PLAN, days=())


@pytest.fixture
def command(monkeypatch):
    """Runs the command on a plan; returns its result and the requests and backfills that it made."""

    def run(plan, *arguments):
        made = []

        def plan_days(_settings, request):
            made.append(request)
            return Planned(request, plan, ((DAY, DAY),), None)

        monkeypatch.setattr(cli.reconcile, "plan_days", plan_days)
        monkeypatch.setattr(cli.reconcile, "read_before", lambda *_: None)
        monkeypatch.setattr(cli.reconcile, "launch_backfill", lambda *_, **__: pytest.fail("a backfill was launched"))
        return CliRunner().invoke(sma, ["reconcile", *arguments]), made

    return run


def test_a_dry_run_launches_nothing(command):
    ran, made = command(PLAN, "--dry-run")
    assert (ran.exit_code, made) == (0, [DayRequest()])


def test_where_nothing_is_to_be_done_nothing_is_launched_and_the_command_succeeds(command):
    ran, _ = command(NOTHING)
    assert ran.exit_code == 0


HOLDING = HoldingPartition(2, 1_709_200_000_000, None, datetime(2026, 1, 1, tzinfo=UTC))
OPEN = Unclosed(5, True, (DAY,), 0, (HOLDING,))


@pytest.mark.parametrize(
    ("plan", "arguments", "exit_code"),
    [
        (replace(NOTHING, settled=0, unclosed=OPEN), (), 1),
        (replace(NOTHING, settled=0, unclosed=OPEN), ("--dry-run",), 1),
        (replace(NOTHING, unclosed=OPEN), (), 0),  # as where events flow: the newest windows are always open
        (replace(NOTHING, unclosed=OPEN), ("--all",), 0),
        (replace(NOTHING, unclosed=OPEN), ("--start", "2024-03-01"), 0),
        (replace(NOTHING, unclosed=OPEN), ("--start", "2024-03-01", "--end", "2024-03-01"), 1),
        (replace(PLAN, unclosed=OPEN), ("--end", "2024-03-02", "--dry-run"), 1),
        (replace(NOTHING, unclosed=OPEN), ("--end", "2024-02-29"), 0),
    ],
)
def test_days_that_are_asked_for_and_not_closed_are_a_failure_that_names_what_holds_them_back(
    command, plan, arguments, exit_code
):
    ran, _ = command(plan, *arguments)
    assert ran.exit_code == exit_code
    if exit_code:
        said = str(ran.exception)
        assert said.startswith("not closed, so not wholly reconciled: 2024-03-01: partition 2 holds them back: ")
        assert "sma heartbeat" in said
        assert "\n" not in said


def test_stale_days_that_cannot_be_reconciled_are_a_failure(command):
    ran, _ = command(replace(NOTHING, gone=(DAY,)))
    assert ran.exit_code == 1
    assert isinstance(ran.exception, SmaError)


@pytest.mark.parametrize(
    ("arguments", "request_"),
    [
        (["--all"], DayRequest(is_all=True)),
        (["--customer", "acme"], DayRequest(customer="acme")),
        (["--start", "2024-03-01", "--end", "2024-03-01"], DayRequest(DAY, DAY)),
    ],
)
def test_the_options_are_what_is_planned(command, arguments, request_):
    _, (made,) = command(NOTHING, *arguments)
    assert made == request_


@pytest.mark.parametrize(
    ("request_", "includes_settled"),
    [
        (DayRequest(), False),
        (DayRequest(customer="acme"), False),
        (DayRequest(is_all=True), True),
        (DayRequest(start=DAY), True),
        (DayRequest(end=DAY), True),
    ],
)
def test_settled_days_are_taken_only_if_they_are_asked_for(request_, includes_settled):
    assert request_.includes_settled == includes_settled


def test_on_a_terminal_a_bar_shows_how_many_days_are_computed(monkeypatch):
    counts = iter([1, SmaError("TimescaleDB does not answer"), 2])

    def count(_settings, _run_ids):
        found = next(counts)
        if isinstance(found, SmaError):
            raise found
        return found

    written = io.StringIO()
    monkeypatch.setattr(cli.reconcile, "count_computed_days", count)
    monkeypatch.setattr(console.err, "_file", written)
    monkeypatch.setattr(console.err, "_force_terminal", True)
    with computed_days_bar(Settings(), [DAY] * 3) as observe:
        for _ in range(3):
            observe(["run-1"])
    assert "days computed" in written.getvalue()
    assert "3/3" in written.getvalue()


def test_elsewhere_the_database_is_not_asked_for_progress(monkeypatch):
    monkeypatch.setattr(cli.reconcile, "count_computed_days", lambda *_: pytest.fail("the database was asked"))
    with computed_days_bar(Settings(), [DAY]) as observe:
        observe(["run-1"])


def test_a_caller_that_needs_a_reconciliation_fails_where_there_is_no_day():
    with pytest.raises(SmaError, match="^nothing was compared: no day has a closed window"):
        reconcile_days(Settings(), Planned(DayRequest(is_all=True), NOTHING, (), None))
