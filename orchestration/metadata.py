"""Makes the metadata of a materialization: counts, Kafka offsets, durations, the largest differences as a table.

The worst differences come with the `sma explain` command that traces them, ready to paste.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby, islice
from typing import TYPE_CHECKING, Any

import dagster as dg
import polars as pl

from batch.explain.command import commands_of, explain_command, worst_first
from orchestration.charts import chart
from sma.instants import instant
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
    """Return what a pass over the log's new part tells."""
    return {
        "records": report.records,
        "events": report.events,
        "late_events": report.late_events,
        "rejected_events": report.rejected_events,
        "heartbeats": report.heartbeats,
        "offsets_read": sum(end - start for start, end in report.partitions.values()),
        "offsets_skipped": sum(start for start, _ in report.partitions.values()),
        "kafka_offsets": {str(partition): list(held) for partition, held in sorted(report.partitions.items())},
        "run_seconds": round(report.seconds, 3),
    }


def computed_metadata(computed: "Computed") -> Iterator[tuple[str, Metadata]]:
    """Yield the partition key and metadata of each day that was computed, or that had been before the run went on."""
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
                "dagster/partition_row_count": sum(held.row_count for held in written),
                **{f"rows/{held.result.average}": held.row_count for held in written},
                "rows_changed": sum(held.rows_written for held in written),
                "rows_deleted": sum(held.rows_deleted for held in written),
                **_explain(
                    explain_command(customer, metric, held.result.average, as_of_ms)
                    for held in written
                    for customer, metric, as_of_ms in held.corrected
                ),
                **of_run,
            },
        )


def reconciled_metadata(found: "Reconciled", worst: Mapping[str, "SeriesRows"]) -> Iterator[tuple[str, Metadata]]:
    """Yield the partition key and metadata of each day that was reconciled; `worst`: the series to draw, by day."""
    of_run = {
        **_log_metadata(found.index),
        "offsets_read": found.offsets_read,
        "accounting": dg.MetadataValue.md(_accounting_table(found.accounts)),
        "misjudged_records": found.mismatched.height,
        "run_seconds": round(found.seconds, 3),
    }
    for day, group in groupby(found.days, key=lambda reconciled: reconciled.result.day):
        reconciled = list(group)
        differences = pl.concat(held.differences for held in reconciled)
        names = type(reconciled[0].summary).__slots__
        yield (
            str(day),
            {
                **{name: sum(getattr(held.summary, name) for held in reconciled) for name in names},
                "largest_differences": dg.MetadataValue.md(largest_differences(differences)),
                **_explain(commands_of(differences, MOST_COMMANDS)),
                **({"worst_series": dg.MetadataValue.md(chart(worst[str(day)]))} if str(day) in worst else {}),
                "compare_seconds": round(sum(held.duration_seconds for held in reconciled), 3),
                **of_run,
            },
        )


def largest_differences(differences: pl.DataFrame) -> str:
    """Return the largest differences as a Markdown table, what is unexplained first."""
    if differences.is_empty():
        return "None."
    top = worst_first(differences).head(LARGEST)
    lines = [
        "| customer | metric | average | as of | class | stream sum / events | batch sum / events | late | explained |",
        "| --- | --- | --- | --- | --- | ---: | ---: | ---: | --- |",
    ]
    for row in top.iter_rows(named=True):
        cells = [
            _escaped(row["customer"]),
            _escaped(row["metric"]),
            row["average"],
            instant(row["as_of_ms"]).strftime("%Y-%m-%d %H:%M:%S"),
            row["class"],
            _pair(row["stream_value_sum_micros"], row["stream_event_count"]),
            _pair(row["batch_value_sum_micros"], row["batch_event_count"]),
            str(row["late_event_count"]),
            "yes" if row["is_explained"] else "**no**",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    if differences.height > LARGEST:
        lines.append(f"\n{differences.height - LARGEST} more in `sma.differences`.")
    return "\n".join(lines)


def _explain(commands: Iterable[str]) -> Metadata:
    """Return the commands that trace some windows, `MOST_COMMANDS` at most; nothing where there are none."""
    lines = list(islice(commands, MOST_COMMANDS))
    return {"explain": dg.MetadataValue.md("\n".join(["```sh", *lines, "```"]))} if lines else {}


def _log_metadata(index: "LogIndex") -> Metadata:
    return {
        "records_in_log": index.records,
        "events_in_log": sum(held.events + held.late_events for held in index.partitions),
        "kafka_offsets": {str(held.kafka_partition): [0, held.next_offset] for held in index.partitions},
    }


def _accounting_table(accounts: "tuple[Account, ...]") -> str:
    lines = [
        "| partition | offsets | records | used | late | rejected | heartbeats | residue |",
        "| ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    lines.extend(
        f"| {held.kafka_partition} | {held.read_from} to {held.read_to} | {held.records} | {held.events_used} | "
        f"{held.late_events} | {held.rejected_events} | {held.heartbeats} | {held.residue} |"
        for held in accounts
    )
    return "\n".join(lines)


def _pair(value_sum_micros: int | None, event_count: int | None) -> str:
    return "no row" if value_sum_micros is None else f"{format_micros(value_sum_micros)} / {event_count}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|")
