"""Builds the metadata of a materialization: counts, Kafka offsets, durations, the largest differences as a table.

The worst differences come with the `sma explain` command that traces them, ready to paste.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from itertools import groupby, islice
from typing import TYPE_CHECKING, Any

import dagster as dg
import polars as pl

from batch.explain.command import commands_of, explain_command, worst_first
from orchestration.charts import chart
from sma.instants import format_instant, instant
from sma.value import format_micros

if TYPE_CHECKING:
    from batch.index.extend import IndexReport
    from batch.index.log_index import LogIndex
    from batch.pipeline import Computed, Reconciled
    from batch.reconciliation.accounting import Account
    from batch.report.worst_series import SeriesRows

LARGEST = 20
MOST_COMMANDS = 5

Metadata = Mapping[str, Any]


def indexed_metadata(report: "IndexReport") -> Metadata:
    """Return the metadata of a pass over the new records of the log."""
    return {
        "records": report.records,
        "events": report.events,
        "late_events": report.late_events,
        "rejected_events": report.rejected_events,
        "heartbeats": report.heartbeats,
        "offsets_read": sum(end - start for start, end in report.partitions.values()),
        "offsets_skipped": sum(start for start, _ in report.partitions.values()),
        "kafka_offsets": {str(partition): list(ends) for partition, ends in sorted(report.partitions.items())},
        "run_seconds": round(report.seconds, 3),
    }


def computed_metadata(computed: "Computed") -> Iterator[tuple[str, Metadata]]:
    """Yield the partition key and metadata of each day that is computed, by this run or before it was resumed."""
    of_run = {
        **_log_metadata(computed.index),
        "offsets_read": computed.offsets_read,
        "offsets_skipped": computed.offsets_skipped,
        "low_watermark": instant(computed.low_watermark_ms).isoformat(),
        "index_seconds": round(computed.index_seconds, 3),
        "run_seconds": round(computed.seconds, 3),
    }
    for finished in computed.already_written:
        yield str(finished), {"finished_before": True, **of_run}
    for day, group in groupby(computed.written, key=lambda written: written.result.day):
        written = list(group)
        yield (
            str(day),
            {
                "dagster/partition_row_count": sum(each.row_count for each in written),
                **{f"rows/{each.result.average}": each.row_count for each in written},
                "rows_changed": sum(each.rows_written for each in written),
                "rows_deleted": sum(each.rows_deleted for each in written),
                **_corrected(computed, day),
                **explain_metadata(
                    explain_command(customer, metric, each.result.average, as_of_ms)
                    for each in written
                    for customer, metric, as_of_ms in each.corrected
                ),
                **of_run,
            },
        )


def _corrected(computed: "Computed", day: date) -> Metadata:
    """Return how many stored rows of a day were wrong, and how many of them no new event explains."""
    corrected = [each for each in computed.corrected if each.day == day]
    return {
        "corrections": sum(each.corrections for each in corrected),
        "unexplained_corrections": sum(each.unexplained or 0 for each in corrected),
    }


def reconciled_metadata(run: "Reconciled", worst: Mapping[str, "SeriesRows"]) -> Iterator[tuple[str, Metadata]]:
    """Yield the partition key and metadata of each day that was reconciled; `worst`: the series to draw, by day."""
    of_run = {
        **_log_metadata(run.index),
        "offsets_read": run.offsets_read,
        "accounting": dg.MetadataValue.md(_accounting_table(run.accounts)),
        "mismatched_records": run.mismatched.height,
        "run_seconds": round(run.seconds, 3),
    }
    for day, group in groupby(run.days, key=lambda reconciled: reconciled.result.day):
        reconciled = list(group)
        differences = pl.concat(each.differences for each in reconciled)
        names = type(reconciled[0].summary).__slots__
        yield (
            str(day),
            {
                **{name: sum(getattr(each.summary, name) for each in reconciled) for name in names},
                "largest_differences": dg.MetadataValue.md(largest_differences(differences)),
                **explain_metadata(commands_of(differences, MOST_COMMANDS)),
                **({"worst_series": dg.MetadataValue.md(chart(worst[str(day)]))} if str(day) in worst else {}),
                "compare_seconds": round(sum(each.duration_seconds for each in reconciled), 3),
                **of_run,
            },
        )


def largest_differences(differences: pl.DataFrame) -> str:
    """Return the largest differences as a Markdown table, the unexplained first."""
    if differences.is_empty():
        return "None."
    top = worst_first(differences).head(LARGEST)
    lines = [
        "| customer | metric | average | as of | class | stream sum / events | batch sum / events | late | explained |",
        "| --- | --- | --- | --- | --- | ---: | ---: | ---: | --- |",
    ]
    for row in top.iter_rows(named=True):
        cells = [
            escaped(row["customer"]),
            escaped(row["metric"]),
            row["average"],
            format_instant(row["as_of_ms"]).replace("T", " ").removesuffix("Z"),
            row["class"],
            pair(row["stream_value_sum_micros"], row["stream_event_count"]),
            pair(row["batch_value_sum_micros"], row["batch_event_count"]),
            str(row["late_event_count"]),
            "two partitions" if row["of_one_partition"] else "yes" if row["is_explained"] else "**no**",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    if differences.height > LARGEST:
        lines.append(f"\n{differences.height - LARGEST} more in `sma.differences`.")
    return "\n".join(lines)


def explain_metadata(commands: Iterable[str]) -> Metadata:
    """Return the commands that trace some windows, `MOST_COMMANDS` at most; nothing where there are none."""
    lines = list(islice(commands, MOST_COMMANDS))
    return {"explain": dg.MetadataValue.md("\n".join(["```sh", *lines, "```"]))} if lines else {}


def _log_metadata(index: "LogIndex") -> Metadata:
    return {
        "records_in_log": index.records,
        "events_in_log": sum(each.events + each.late_events for each in index.partitions),
        "kafka_offsets": {str(each.kafka_partition): [0, each.next_offset] for each in index.partitions},
    }


def _accounting_table(accounts: "tuple[Account, ...]") -> str:
    lines = [
        "| partition | offsets | records | used | late | rejected | heartbeats | residue |",
        "| ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    lines.extend(
        f"| {each.kafka_partition} | {each.read_from} to {each.read_to} | {each.records} | {each.events_used} | "
        f"{each.late_events} | {each.rejected_events} | {each.heartbeats} | {each.residue} |"
        for each in accounts
    )
    return "\n".join(lines)


def pair(value_sum_micros: int | None, event_count: int | None) -> str:
    """Return a sum and a count as text."""
    return "no row" if value_sum_micros is None else f"{format_micros(value_sum_micros)} / {event_count}"


def escaped(text: str) -> str:
    """Return text as a cell of a Markdown table."""
    return text.replace("\\", "\\\\").replace("|", "\\|")
