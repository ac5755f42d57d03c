"""Launches a Dagster backfill, as the UI does, and prints its report; the command is in `cli.reconcile_command`."""

from collections.abc import Sequence
from datetime import date

from batch.pipeline import days_touched
from batch.report.reconciliation_report import ReconciliationReport, reconciliation_report
from cli.console import out, print_table, say
from orchestration.backfill import follow_backfill, launch_backfill, run_ranges
from orchestration.partitions import days_between, that_are_partitions
from sma.averages import load_averages
from sma.errors import SmaError
from sma.settings import Settings, load_settings


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


def reconcile_days(start: date | None, end: date | None) -> tuple[ReconciliationReport, tuple[str, ...]]:
    """Reconcile the days from start to end, both included; return the report and the ids of the Dagster runs.

    Raises:
        SmaError: no day can be reconciled, the backfill failed, or a service does not answer.
    """
    settings = load_settings()
    if start is not None and end is not None:
        if start > end:
            raise SmaError(f"--start {start} is after --end {end}")
        days = days_between(start, end)
    else:
        days = _days_of_the_log(settings, start, end)
    outcome = follow_backfill(settings, launch_backfill(settings, days), say, run_count=len(run_ranges(days)))
    if outcome.error is not None:
        raise SmaError(outcome.error)
    return reconciliation_report(settings, outcome.run_ids), outcome.run_ids


def _days_of_the_log(settings: Settings, start: date | None, end: date | None) -> list[date]:
    """Return the days from start to end that own closed rows and are partitions: none in between that owns no row."""
    touched = days_touched(settings, load_averages(settings.averages), say)
    if not touched:
        raise SmaError("the log holds no event in a closed window: publish with `sma produce ... --close`")
    wanted = [day for day in touched if (start or day) <= day <= (end or day)]
    days = that_are_partitions(wanted, say)
    if not days:
        raise SmaError(
            f"no day to reconcile from {start or touched[0]} to {end or touched[-1]}: the log has events of "
            f"{len(touched)} days from {touched[0]} to {touched[-1]}, and daily partitions begin at SMA_FIRST_DAY"
        )
    return days


def print_report(report: ReconciliationReport) -> None:
    """Print the counts of a reconciliation."""
    rows = [
        ("events", report.events),
        ("of these late", report.late_events),
        ("rejected records", report.rejected_events),
        ("windows compared", report.windows_compared),
        ("  equal", report.equal),
        ("  changed", report.changed),
        ("  missing in stream", report.missing_in_stream),
        ("  extra in stream", report.extra_in_stream),
        ("differences explained by late events", report.explained),
        ("differences unexplained", report.unexplained),
        ("stored rows that were wrong, unexplained", report.unexplained_corrections),
    ]
    print_table("Stream against batch", ["", "count"], rows)


def print_commands(commands: Sequence[str]) -> None:
    """Print the commands that trace the worst differences, if there are any."""
    if commands:
        out.print("To trace the values that differ most, the unexplained first:")
        for command in commands:
            out.print(f"  {command}", soft_wrap=True)
