"""`sma audit`: launches Dagster's job `audit`, as its schedule does, and prints what it found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import TYPE_CHECKING

import click

from cli.console import out, print_json, print_table, say
from cli.reconcile_command import DAY
from sma.errors import SmaError

if TYPE_CHECKING:
    from batch.audit.trail import AuditedDay, UnexplainedCorrection
    from orchestration.audit_run import AuditOutcome

MOST_COMMANDS = 3


@click.command()
@click.option("--start", type=DAY, help="first day (UTC), as YYYY-MM-DD; the days that are due if no day is given")
@click.option("--end", type=DAY, help="last day (UTC), included")
@click.option("--json", "as_json", is_flag=True, help="print what was found as JSON")
def audit(start: datetime | None, end: datetime | None, as_json: bool) -> None:
    """Compare the stored rows of settled days with the log, and repair those that were damaged.

    Launches the job audit in Dagster, follows it, and prints what it found. Exit code 1 if a stored row was wrong and
    no new event explains it. Days whose events Kafka no longer retains are counted, and named.

    \b
    Examples:
      sma audit                                        # the days that are due, as the schedule does
      sma audit --start 2013-01-01 --end 2013-01-31
    """
    first, last = (each.date() if each else None for each in (start, end))
    if first and last and first > last:
        raise SmaError(f"--start {first} is after --end {last}")

    from batch.audit.trail import read_audit, read_unexplained
    from batch.store.database import connect
    from orchestration.audit_run import follow_audit, launch_audit
    from sma.settings import load_settings

    settings = load_settings()
    outcome = follow_audit(settings, launch_audit(settings, first, last), say)
    if outcome.error is not None:
        raise SmaError(outcome.error)
    with connect(settings.database_url, "SMA_DATABASE_URL") as connection:
        days = read_audit(connection, outcome.run_id)
        unexplained = read_unexplained(connection, outcome.run_id, MOST_COMMANDS)
    if as_json:
        print_json(_document(outcome, days, unexplained))
    else:
        _print_report(days, unexplained)
    _require_no_damage(outcome, days)


def _document(
    outcome: AuditOutcome, days: Sequence[AuditedDay], unexplained: Sequence[UnexplainedCorrection]
) -> dict[str, object]:
    return {
        "run_id": outcome.run_id,
        **_figures(days),
        "not_recomputable": [str(day) for day in _counted(days)],
        "days": [asdict(each) | {"day": str(each.day), "faults": each.faults} for each in days],
        "explain": [_command(each) for each in unexplained],
    }


def _figures(days: Sequence[AuditedDay]) -> dict[str, int]:
    return {
        "days_recomputed": len({each.day for each in days if each.is_recomputed}),
        "days_not_recomputable": len(_counted(days)),
        "corrections": sum(each.corrections for each in days),
        "unexplained_corrections": sum(each.unexplained_corrections for each in days),
        "unexplained_differences": sum(each.unexplained_differences or 0 for each in days),
        "damaged": sum(each.damaged for each in days),
    }


def _counted(days: Sequence[AuditedDay]) -> list[date]:
    return sorted({each.day for each in days if not each.is_recomputed})


def _command(correction: UnexplainedCorrection) -> str:
    from batch.explain.command import explain_command

    return explain_command(correction.customer, correction.metric, correction.average, correction.as_of_ms)


def _print_report(days: Sequence[AuditedDay], unexplained: Sequence[UnexplainedCorrection]) -> None:
    figures = _figures(days)
    rows = [
        ("days recomputed from the log", figures["days_recomputed"]),
        ("days that cannot be recomputed", figures["days_not_recomputable"]),
        ("stored rows that were wrong", figures["corrections"]),
        ("  and no new event explains it", figures["unexplained_corrections"]),
        ("streamed rows that nothing explains", figures["unexplained_differences"]),
        ("damaged windows, not repaired", figures["damaged"]),
    ]
    print_table("Stored rows against the log", ["", "count"], rows)
    if counted := _counted(days):
        from orchestration.audit_metadata import in_words

        out.print(f"Kafka no longer retains the events of {in_words(counted)}: their rows were counted")
    if unexplained:
        out.print("To trace the values that were furthest off:")
        for each in unexplained:
            out.print(f"  {_command(each)}", soft_wrap=True)


def _require_no_damage(outcome: AuditOutcome, days: Sequence[AuditedDay]) -> None:
    faults = sum(each.faults for each in days)
    if faults:
        raise SmaError(
            f"{faults} windows were damaged, and no event explains it: see the tables sma.audits and sma.corrections, "
            "and docs/runbooks/UnexplainedCorrections.md"
        )
    if outcome.found_damage:
        raise SmaError(
            "rows that a run before corrected were damaged: see the table sma.corrected_days, and "
            "docs/runbooks/UnexplainedCorrections.md"
        )
