"""Plans a reconciliation, launches it as a Dagster backfill, and prints its report (`cli.reconcile_command`)."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from datetime import date

from batch.report.recent_runs import count_computed_days
from batch.report.reconciliation_report import (
    ReconciliationReport,
    commands_to_trace,
    reconciliation_report,
    report_before,
)
from batch.schedule.reconciliation_plan import DayRange, DayRequest, ReconciliationPlan, plan_reconciliation
from batch.store.job_starts import averages_in_force
from cli.console import err, out, print_json, print_table, progress_bar, say
from cli.reconcile_words import (
    left_out_in_words,
    not_closed_in_words,
    nothing_in_words,
    plan_document,
    plan_in_words,
    unclosed_in_words,
)
from orchestration.backfill import follow_backfill, launch_backfill, run_ranges
from orchestration.partitions import partition_bounds, partition_keys, today
from orchestration.run_durations import Estimate, ended_runs, estimate
from sma.averages import load_averages
from sma.errors import SmaError
from sma.settings import Settings

Before = tuple[ReconciliationReport, list[str]]
"""What earlier reconciliations found, and the commands that trace values of it."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A request, its plan, the range of days of each run, and how long they take; None where that is not known."""

    request: DayRequest
    plan: ReconciliationPlan
    runs: tuple[DayRange, ...]
    estimate: Estimate | None

    @property
    def lines(self) -> list[str]:
        """What it is about to do, in words, or why there is nothing to do."""
        if not self.plan.days:
            return nothing_in_words(self.plan, self.request)
        return plan_in_words(self.plan, self.estimate, len(self.runs))


def require_clean(report: ReconciliationReport) -> None:
    """Fail if a difference or a correction is unexplained, or a record unaccounted for.

    Raises:
        SmaError: one is.
    """
    if report.unexplained_corrections:
        raise SmaError(
            f"{report.unexplained_corrections} stored rows were wrong, are right now, and no new event explains it: "
            "see the table sma.corrections, and docs/runbooks/UnexplainedCorrections.md"
        )
    if report.unexplained or report.unaccounted:
        raise SmaError(
            f"{report.unexplained} differences are unexplained and {report.unaccounted} records unaccounted for: "
            "see the tables sma.differences and sma.accounting, and `sma explain` to trace one value"
        )


def plan_days(settings: Settings, request: DayRequest) -> Planned:
    """Plan a reconciliation; only the offset index is extended.

    Raises:
        SmaError: the days are none, or a service does not answer.
    """
    if request.start is not None and request.end is not None:
        if request.start > request.end:
            raise SmaError(f"--start {request.start} is after --end {request.end}")
        partition_keys([request.start, request.end])
    averages = load_averages(settings.averages)
    ended = ended_runs(settings)
    plan = plan_reconciliation(settings, averages, request, partition_bounds(), today(), run_ranges, say)
    runs = tuple(run_ranges(plan.days, plan.apart))
    days_of_runs = [sum(first <= day <= last for day in plan.days) for first, last in runs]
    return Planned(request, plan, runs, estimate(ended, days_of_runs))


def reconcile_days(settings: Settings, planned: Planned) -> tuple[ReconciliationReport, tuple[str, ...]]:
    """Say what is planned and reconcile it; return the report and the ids of the Dagster runs.

    Raises:
        SmaError: there is no day to reconcile, the backfill failed, or a service does not answer.
    """
    if not planned.plan.days:
        raise SmaError("; ".join(planned.lines))
    for line in planned.lines:
        say(line)
    days = planned.plan.days
    backfill_id = launch_backfill(settings, days, apart=planned.plan.apart)
    with computed_days_bar(settings, days) as observe:
        outcome = follow_backfill(settings, backfill_id, say, run_count=len(planned.runs), observe=observe)
    if outcome.error is not None:
        raise SmaError(outcome.error)
    return reconciliation_report(settings, outcome.run_ids), outcome.run_ids


@contextmanager
def computed_days_bar(settings: Settings, days: Sequence[date]) -> Iterator[Callable[[Sequence[str]], None]]:
    """Show how many days are computed, on a terminal; yield what to call with the ids of the runs.

    Elsewhere the lines that the runs log are the progress.
    """
    if not err.is_terminal:
        yield lambda run_ids: None
        return
    with progress_bar("days computed", len(days)) as show:

        def observe(run_ids: Sequence[str]) -> None:
            with suppress(SmaError):  # the bar waits; the backfill goes on
                show(count_computed_days(settings, run_ids))

        yield observe


def print_dry_run(planned: Planned, *, as_json: bool) -> None:
    """Print what would be done, or why nothing would be."""
    if as_json:
        print_json({"plan": plan_document(planned.plan, planned.estimate), **_nothing_document(planned)})
        return
    print_lines(planned.lines)
    if planned.plan.days:
        print_lines(unclosed_in_words(planned.plan.unclosed))
    out.print("Dry run: no day was computed; the offset index was extended to the log's end.")


def print_nothing(planned: Planned, before: Before | None, *, as_json: bool) -> None:
    """Print why nothing was compared, and what was found before; the plan has no days.

    The JSON document has the keys of a report, with the counts of the newest reconciliation of each day. People do not
    see these counts while there are events that no reconciliation has seen.
    """
    report, commands = before or (ReconciliationReport(*[0] * len(fields(ReconciliationReport))), [])
    if as_json:
        plan = {"plan": plan_document(planned.plan, planned.estimate)}
        print_json({**asdict(report), "explain": commands, **plan, **_nothing_document(planned)})
        return
    print_lines(planned.lines)
    if before is not None and not planned.plan.unclosed.events:
        print_report(report, "Stream against batch, as reconciled before")
        print_commands(commands)


def read_before(settings: Settings, request: DayRequest, most: int) -> Before | None:
    """Return what the newest reconciliation of each day that is asked for found; None where there is none.

    None for one customer too: its days were compared whole, for all customers.

    Raises:
        SmaError: the database does not answer.
    """
    if request.customer is not None:
        return None
    averages = averages_in_force(settings, load_averages(settings.averages)).averages
    found = report_before(settings, [average.name for average in averages], request.start, request.end)
    if found is None:
        return None
    report, run_ids = found
    return report, commands_to_trace(settings, run_ids, most)


def _nothing_document(planned: Planned) -> dict[str, list[str]]:
    return {} if planned.plan.days else {"nothing_compared": planned.lines}


def require_possible(plan: ReconciliationPlan) -> None:
    """Fail if days have to be reconciled and none of them can be.

    Raises:
        SmaError: that is so.
    """
    if not plan.days and (plan.gone or plan.outside):
        raise SmaError(f"no day was reconciled: {'; '.join(left_out_in_words(plan))}")


def require_closed(planned: Planned) -> None:
    """Fail if days that are asked for are not closed, or nothing is closed though there are events.

    Raises:
        SmaError: names the days, the partitions that hold them back, and what closes them.
    """
    line = not_closed_in_words(planned.plan, planned.request)
    if line is not None:
        raise SmaError(line)


def require_explained(plan: ReconciliationPlan) -> None:
    """Fail if earlier reconciliations have left differences unexplained, although nothing is to be compared again.

    Raises:
        SmaError: that is so.
    """
    if plan.unexplained:
        raise SmaError(
            f"{plan.unexplained} differences of earlier reconciliations are still unexplained: see the table "
            "sma.differences and docs/runbooks/UnexplainedDifferences.md"
        )


def print_report(report: ReconciliationReport, title: str = "Stream against batch") -> None:
    """Print the counts of a reconciliation; a line where nothing was compared."""
    if not report.windows_compared:
        out.print("No window was compared: neither layer has a row of a closed window on these days.")
    rows = [
        ("events", report.events),
        ("of these late", report.late_events),
        ("rejected records", report.rejected_events),
        *(_compared(report) if report.windows_compared else ()),
        ("stored rows that were wrong, unexplained", report.unexplained_corrections),
    ]
    print_table(title, ["", "count"], rows)


def _compared(report: ReconciliationReport) -> Sequence[tuple[str, int]]:
    of_one = report.of_one_partition
    return (
        ("windows compared", report.windows_compared),
        ("  equal", report.equal),
        ("  changed", report.changed),
        ("  missing in stream", report.missing_in_stream),
        ("  extra in stream", report.extra_in_stream),
        ("differences explained by late events", report.explained - of_one),
        *([("differences of series in two partitions, explained", of_one)] if of_one else ()),
        ("differences unexplained", report.unexplained),
    )


def print_lines(lines: Sequence[str]) -> None:
    """Print lines of the result."""
    for line in lines:
        out.print(line, soft_wrap=True)


def print_commands(commands: Sequence[str]) -> None:
    """Print the commands that trace values of this reconciliation, if there are any."""
    if commands:
        out.print("To trace values of this reconciliation, unexplained differences first, then the newest:")
        for command in commands:
            out.print(f"  {command}", soft_wrap=True)
