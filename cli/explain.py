"""Prints an explanation, its sentence first, as tables; the command `sma explain` is in `cli.explain_command`."""

from collections.abc import Mapping, Sequence

from batch.explain.explanation import Explanation
from batch.explain.layer_checks import LayerCheck
from batch.explain.wording import (
    check_in_words,
    number_in_words,
    pair_in_words,
    sentence,
    time_in_words,
    window_in_words,
)
from batch.windows.window_events import SeriesEvent
from cli.console import out, print_table
from cli.explain_document import listed_events, run_url
from sma.durations import format_duration
from sma.instants import format_instant
from sma.value import format_micros

LISTED_RECONCILIATIONS = 5


def print_explanation(explained: Explanation, dagster_url: str, most_events: int) -> None:
    """Print the explanation, its sentence first."""
    series = f"{explained.customer}/{explained.metric}"
    _print(f"{series}, average '{explained.average.name}' as of {format_instant(explained.as_of_ms)}")
    _print(f"\n{sentence(explained)}\n")
    _print_served(explained)
    _print_layers(explained)
    _print_events(explained, most_events)
    _print_audit_trail(explained, dagster_url)


def _print_served(explained: Explanation) -> None:
    served = explained.records.served
    if served is not None:
        row = (
            served.source,
            _yes(served.is_final),
            number_in_words(served.sma),
            format_micros(served.pair.value_sum_micros),
            served.pair.event_count,
            _yes(served.is_full),
        )
        columns = ["source", "is_final", "sma", "value_sum", "event_count", "is_full"]
        print_table("As readers see it", columns, [row])
    _print(f"Window: {window_in_words(explained)}\n")


def _print_layers(explained: Explanation) -> None:
    def row(name: str, check: LayerCheck) -> Sequence[object]:
        stored = check.row
        return (
            name,
            number_in_words(stored.sma) if stored else "no row",
            pair_in_words(stored.pair) if stored else "",
            time_in_words(stored.written_at) if stored else "",
            check_in_words(explained, check),
        )

    columns = ["layer", "sma", "value_sum / event_count", "written at", "checked against its events"]
    print_table("The row of each layer", columns, [row("stream", explained.stream), row("batch", explained.batch)])


def _print_events(explained: Explanation, most_events: int) -> None:
    events, late = explained.events, explained.late_events
    listed = listed_events(explained, most_events)
    count = f"{len(events):,} known" if explained.log.lost else f"{len(events):,}"
    title = f"Events: {count}, {len(late):,} of them late" + (
        f"; {len(listed):,} listed" if len(listed) < len(events) else ""
    )
    if not listed:
        _print(f"{title}\n")
        return
    positions_by_layer = explained.positions_by_layer()
    columns = ["partition", "Kafka offset", "event time", "value", "in", "late"]
    print_table(title, columns, [_event(event, positions_by_layer, explained.log.lost is not None) for event in listed])


def _event(
    event: SeriesEvent, positions_by_layer: Mapping[str, frozenset[tuple[int, int]]], is_lost: bool
) -> Sequence[object]:
    layers = [name for name, positions in positions_by_layer.items() if event.position in positions]
    late = ""
    if event.newest_before_ms is not None and event.behind_ms is not None:
        late = f"{format_duration(event.behind_ms)} behind {format_instant(event.newest_before_ms)}"
    return (
        str(event.kafka_partition),
        str(event.kafka_offset),
        format_instant(event.event_time_ms),
        format_micros(event.value_micros),
        ", ".join(layers) or ("not known" if is_lost else "neither"),
        late,
    )


def _print_audit_trail(explained: Explanation, dagster_url: str) -> None:
    records, day = explained.records, explained.day
    name = explained.average.name
    if records.reconciliations:
        newest = records.reconciliations[:LISTED_RECONCILIATIONS]
        older = len(records.reconciliations) - len(newest)
        title = f"Reconciliations of {day}, average '{name}'" + (f": the newest, {older:,} older" if older else "")
        rows = [
            (
                time_in_words(row.reconciled_at),
                row.windows_compared,
                row.equal,
                row.changed + row.missing_in_stream + row.extra_in_stream,
                row.explained,
                row.unexplained,
                row.run_id,
            )
            for row in newest
        ]
        print_table(title, ["when", "windows", "equal", "different", "explained", "unexplained", "run"], rows)
    else:
        _print(f"Reconciliations of {day}, average '{name}': none yet\n")
    if records.differences:
        columns = ["found at", "class", "explained", "late events", "stream", "batch", "run"]
        differences = [
            (
                time_in_words(row.reconciled_at),
                row.difference_class,
                _yes(row.is_explained),
                row.late_event_count,
                pair_in_words(row.stream),
                pair_in_words(row.batch),
                row.run_id,
            )
            for row in records.differences
        ]
        print_table("Differences found in this window", columns, differences)
    if records.corrections:
        corrections = [
            (time_in_words(row.corrected_at), pair_in_words(row.before), pair_in_words(row.after), row.run_id)
            for row in records.corrections
        ]
        print_table("Corrections of its batch result", ["at", "before", "after", "run"], corrections)
    if records.result is not None:
        read_to = ", ".join(f"{partition}: {offset}" for partition, offset in sorted(records.result.read_to.items()))
        _print(f"The batch result of {day} is computed from the log up to the Kafka offsets (by partition) {read_to},")
        _print(
            f"written at {time_in_words(records.result.written_at)} by {run_url(dagster_url, records.result.run_id)}"
        )


def _yes(is_true: bool) -> str:
    return "yes" if is_true else "no"


def _print(line: str) -> None:
    out.print(line, soft_wrap=True)
