"""`sma explain`: shows how one served value came to be, as tables or as JSON."""

from collections.abc import Mapping, Sequence

import click

from batch.explain.explanation import Explanation
from batch.explain.layer_checks import LayerCheck
from batch.explain.trace import explain as explain_value
from batch.explain.wording import (
    check_in_words,
    number_in_words,
    pair_in_words,
    sentence,
    time_in_words,
    window_in_words,
)
from batch.windows.window_events import SeriesEvent
from cli.console import out, print_json, print_table, say
from cli.explain_document import as_document, listed_events, run_url
from sma.averages import load_averages
from sma.durations import format_duration
from sma.errors import SmaError
from sma.instants import format_instant, parse_instant
from sma.settings import load_settings
from sma.value import format_micros

LISTED_RECONCILIATIONS = 5


@click.command()
@click.argument("customer")
@click.argument("metric")
@click.argument("average")
@click.argument("as_of")
@click.option(
    "--events",
    "most_events",
    type=click.IntRange(min=0),
    default=50,
    show_default=True,
    help="how many events to list, late ones and then the newest; 0 for none",
)
@click.option("--json", "as_json", is_flag=True, help="print the explanation as JSON")
def explain(customer: str, metric: str, average: str, as_of: str, most_events: int, as_json: bool) -> None:
    """Trace the value of one average of CUSTOMER's METRIC at the grid point AS_OF.

    What readers see and why; the events of the window, and which of them were late; what each layer says, and whether
    that is what its events add up to, recomputed from the log; what reconciliations found. AS_OF is ISO 8601, UTC
    unless it has a zone. Reads only. Exit code 1 if what a layer says is wrong.

    \b
    Examples:
      sma explain AA departure_delay hour 2013-01-10T22:15
      sma explain AA departure_delay last_50 '2013-01-10 22:00:00+00:00' --events 0
      sma explain AA departure_delay hour 2013-01-10T22:15 --json | jq .sentence
    """
    settings = load_settings()
    averages = load_averages(settings.averages)
    explained = explain_value(settings, averages, customer, metric, average, parse_instant(as_of), say)
    if as_json:
        print_json(as_document(explained, settings.dagster_url, most_events))
    else:
        print_explanation(explained, settings.dagster_url, most_events)
    if explained.is_wrong:
        layers = [
            name for name, check in (("stream", explained.stream), ("batch layer", explained.batch)) if check.is_wrong
        ]
        raise SmaError(f"what the {' and the '.join(layers)} says is not what its events give: see above")


def print_explanation(explained: Explanation, dagster_url: str, most_events: int) -> None:
    """Print all of it, the sentence first."""
    series = f"{explained.customer}/{explained.metric}"
    _print(f"{series}, average '{explained.average.name}' as of {format_instant(explained.as_of_ms)}")
    _print(f"\n{sentence(explained)}\n")
    _print_served(explained)
    _print_layers(explained)
    _print_events(explained, most_events)
    _print_history(explained, dagster_url)


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
        said = check.row
        return (
            name,
            number_in_words(said.sma) if said else "no row",
            pair_in_words(said.pair) if said else "",
            time_in_words(said.written_at) if said else "",
            check_in_words(explained, check),
        )

    columns = ["layer", "sma", "value_sum / event_count", "written at", "checked against its events"]
    print_table("What each layer says", columns, [row("stream", explained.stream), row("batch", explained.batch)])


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
    held_by = explained.held_by()
    columns = ["partition", "Kafka offset", "event time", "value", "in", "late"]
    print_table(title, columns, [_event(event, held_by, explained.log.lost is not None) for event in listed])


def _event(event: SeriesEvent, held_by: Mapping[str, frozenset[tuple[int, int]]], is_lost: bool) -> Sequence[object]:
    holding = [name for name, positions in held_by.items() if event.position in positions]
    late = ""
    if event.newest_before_ms is not None and event.behind_ms is not None:
        late = f"{format_duration(event.behind_ms)} behind {format_instant(event.newest_before_ms)}"
    return (
        str(event.kafka_partition),
        str(event.kafka_offset),
        format_instant(event.event_time_ms),
        format_micros(event.value_micros),
        ", ".join(holding) or ("not known" if is_lost else "neither yet"),
        late,
    )


def _print_history(explained: Explanation, dagster_url: str) -> None:
    records, day = explained.records, explained.day
    name = explained.average.name
    if records.reconciliations:
        newest = records.reconciliations[:LISTED_RECONCILIATIONS]
        older = len(records.reconciliations) - len(newest)
        title = f"Reconciliations of {day}, average '{name}'" + (f": the newest, {older:,} older" if older else "")
        rows = [
            (
                time_in_words(held.reconciled_at),
                held.windows_compared,
                held.equal,
                held.changed + held.missing_in_stream + held.extra_in_stream,
                held.explained,
                held.unexplained,
                held.run_id,
            )
            for held in newest
        ]
        print_table(title, ["when", "windows", "equal", "different", "explained", "unexplained", "run"], rows)
    else:
        _print(f"Reconciliations of {day}, average '{name}': none yet\n")
    if records.differences:
        columns = ["found at", "class", "explained", "late events", "stream", "batch", "run"]
        rows = [
            (
                time_in_words(held.reconciled_at),
                held.difference_class,
                _yes(held.is_explained),
                held.late_event_count,
                pair_in_words(held.stream),
                pair_in_words(held.batch),
                held.run_id,
            )
            for held in records.differences
        ]
        print_table("Differences that they found in this window", columns, rows)
    if records.corrections:
        rows = [
            (time_in_words(held.corrected_at), pair_in_words(held.before), pair_in_words(held.after), held.run_id)
            for held in records.corrections
        ]
        print_table("Corrections of its batch result", ["at", "before", "after", "run"], rows)
    if records.result is not None:
        read_to = ", ".join(f"{partition}: {offset}" for partition, offset in sorted(records.result.read_to.items()))
        _print(f"The batch result of {day} follows from the log up to the Kafka offsets (by partition) {read_to},")
        _print(
            f"computed at {time_in_words(records.result.written_at)} by {run_url(dagster_url, records.result.run_id)}"
        )


def _yes(holds: bool) -> str:
    return "yes" if holds else "no"


def _print(line: str) -> None:
    out.print(line, markup=False, soft_wrap=True)
