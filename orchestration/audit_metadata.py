"""Builds the metadata of an audit: what was checked and how, what was found, and what was left."""

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import dagster as dg

from batch.explain.command import explain_command
from orchestration.metadata import MOST_COMMANDS, escaped, explain_metadata, pair
from orchestration.partitions import ranges_of
from sma.instants import format_instant

if TYPE_CHECKING:
    from batch.audit.run import Audited
    from batch.audit.trail import AuditedDay, UnexplainedCorrection

MOST_DAYS = 50
# what the check shows of it
CHECKED = (
    "faults",
    "unexplained_corrections",
    "unexplained_differences",
    "damaged_windows",
    "faults_by_day",
    "rows_before_and_after",
)


def in_one_line(audited: "Audited") -> str:
    """Return what an audit found, as a sentence."""
    days = {each.day for each in audited.days}
    if not audited.faults:
        return f"the stored rows of {len(days):,} days are what the log says"
    faulty = sorted({each.day for each in audited.days if each.faults})
    return (
        f"{audited.faults:,} windows were damaged, of {in_words(faulty)}: no event explains them; see "
        "docs/runbooks/UnexplainedCorrections.md"
    )


def audited_metadata(audited: "Audited", unexplained: Sequence["UnexplainedCorrection"]) -> dict[str, Any]:
    """Return the figures of an audit, its faults by day, and the rows before and after as a table."""
    recomputed = {each.day for each in audited.days if each.is_recomputed}
    counted = {each.day for each in audited.days if not each.is_recomputed}
    return {
        "faults": audited.faults,
        "days_recomputed": len(recomputed),
        "days_not_recomputable": len(counted),
        "recomputed": in_words(sorted(recomputed)),
        "not_recomputable": in_words(sorted(counted)),
        "days_without_events_that_had_rows": in_words(audited.without_events),
        "corrections": sum(each.corrections for each in audited.days),
        "unexplained_corrections": sum(each.unexplained_corrections for each in audited.days)
        + audited.corrections_elsewhere,
        "unexplained_differences": sum(each.unexplained_differences or 0 for each in audited.days),
        "damaged_windows": sum(each.damaged for each in audited.days),
        "faults_by_day": dg.MetadataValue.md(_faults_table(audited.days)),
        "rows_before_and_after": dg.MetadataValue.md(_corrections_table(unexplained)),
        **explain_metadata(
            explain_command(each.customer, each.metric, each.average, each.as_of_ms)
            for each in unexplained[:MOST_COMMANDS]
        ),
        "days_left": audited.left,
        "days_settled": audited.settled,
        "days_overdue": audited.overdue,
        "offsets_read": audited.offsets_read,
        "run_seconds": round(audited.seconds, 3),
    }


def in_words(days: Sequence[date]) -> str:
    """Return days as ranges, e.g. `2013-01-01 to 2013-01-31, 2013-03-01`."""
    ranges = ranges_of(days)
    named = [str(first) if first == last else f"{first} to {last}" for first, last in ranges[:MOST_DAYS]]
    return ", ".join([*named, *([f"{len(ranges) - MOST_DAYS} more"] if len(ranges) > MOST_DAYS else [])]) or "none"


def _faults_table(days: Sequence["AuditedDay"]) -> str:
    faulty = [each for each in days if each.faults]
    if not faulty:
        return "None."
    lines = [
        "| day | average | unexplained corrections | unexplained differences | damaged, not repaired |",
        "| --- | --- | ---: | ---: | ---: |",
        *(
            f"| {each.day} | {each.average} | {each.unexplained_corrections} | "
            f"{'not compared' if each.unexplained_differences is None else each.unexplained_differences} | "
            f"{each.damaged} |"
            for each in faulty[:MOST_DAYS]
        ),
    ]
    if len(faulty) > MOST_DAYS:
        lines.append(f"\n{len(faulty) - MOST_DAYS} more in `sma.audits`.")
    return "\n".join(lines)


def _corrections_table(unexplained: Sequence["UnexplainedCorrection"]) -> str:
    if not unexplained:
        return "None."
    return "\n".join(
        [
            "| customer | metric | average | as of | sum / events before | sum / events now |",
            "| --- | --- | --- | --- | ---: | ---: |",
            *(
                f"| {escaped(each.customer)} | {escaped(each.metric)} | {each.average} | "
                f"{format_instant(each.as_of_ms).replace('T', ' ').removesuffix('Z')} | "
                f"{pair(each.value_sum_micros_before, each.event_count_before)} | "
                f"{pair(each.value_sum_micros_after, each.event_count_after)} |"
                for each in unexplained
            ),
        ]
    )
