"""Generated streams: what the layers must agree on, whatever arrives.

A stream is a list of (customer, metric, event time in ms, value as decimal text) in the order of the log, with ties,
disorder, gaps, negative values, values with more than 6 decimals, halves to round, and exponents.
"""

import json
from collections.abc import Mapping, Sequence

import polars as pl
from hypothesis import strategies as st

from sma.averages import Average, Averages
from sma.event import Event, read_record
from sma.window import CountWindow, DurationWindow
from tests.support import oracle
from tests.support.memory_log import EVENTS_SCHEMA

MINUTE = 60_000
HOUR = 60 * MINUTE
_ANY_AHEAD_MS = 2**60

# small windows on a small grid, so that a generated stream has first, last and empty stretches of windows
AVERAGES = (
    Average("tumbling", DurationWindow(10 * MINUTE), every_ms=10 * MINUTE),
    Average("hour", DurationWindow(HOUR), every_ms=15 * MINUTE),
    Average("long", DurationWindow(6 * HOUR), every_ms=HOUR),
    Average("last_3", CountWindow(3), every_ms=10 * MINUTE),
    Average("last_20", CountWindow(20), every_ms=HOUR),
    Average("shifted", DurationWindow(3 * HOUR), every_ms=HOUR, offset_ms=7 * MINUTE + 1),
    Average("last_5_shifted", CountWindow(5), every_ms=30 * MINUTE, offset_ms=29 * MINUTE),
)


def oracle_rows(stream: Sequence[oracle.Event], average: Average) -> Mapping[oracle.Key, oracle.Pair]:
    """What the oracle says of an average."""
    if isinstance(average.window, CountWindow):
        return oracle.count_windows(stream, average.window.event_count, average.every_ms, average.offset_ms)
    return oracle.duration_windows(stream, average.window.duration_ms, average.every_ms, average.offset_ms)


def known_rows(
    stream: Sequence[oracle.Event], average: Average, known_from_ms: Mapping[tuple[str, str], int]
) -> Mapping[oracle.Key, oracle.Pair]:
    """Of what the oracle says, the rows whose windows hold only events from when on their series is known."""

    def is_known(key: oracle.Key) -> bool:
        series, as_of_ms = key[:2], key[2]
        if series not in known_from_ms:
            return True
        if isinstance(average.window, DurationWindow):
            return as_of_ms - average.window.duration_ms >= known_from_ms[series]
        known = [event for event in stream if event[:2] == series and known_from_ms[series] <= event[2] < as_of_ms]
        return len(known) >= average.window.event_count

    return {key: pair for key, pair in oracle_rows(stream, average).items() if is_known(key)}


def left_of(
    events: Sequence[oracle.Event], positions: Sequence[tuple[int, int]], firsts: Mapping[int, int]
) -> list[list[oracle.Event]]:
    """Return the events from an offset of each partition on, in the order of the log."""
    placed = list(zip(events, positions, strict=True))
    return [[event for event, at in placed if at[0] == number and at[1] >= first] for number, first in firsts.items()]


def known_of(
    logs: Sequence[Sequence[oracle.Event]], averages: Averages, *, has_late: bool = True
) -> dict[str, dict[oracle.Key, oracle.Pair]]:
    """Return the rows of each average whose windows are known, of what is left of some partitions."""
    known: dict[str, dict[oracle.Key, oracle.Pair]] = {average.name: {} for average in averages.averages}
    for left in logs:
        log_times = [(event[:2], event[2]) for event in left]
        known_from = oracle.known_from_ms(log_times, averages.allowed_lateness_ms, averages.max_ahead_ms)
        late = set() if has_late else oracle.late_by_series(left, averages.allowed_lateness_ms)
        counted = [event for place, event in enumerate(left) if place not in late]
        for average in averages.averages:
            known[average.name] |= known_rows(counted, average, known_from)
    return known


@st.composite
def value_texts(draw: st.DrawFn) -> str:
    sign = draw(st.sampled_from(["", "-", "+"]))
    whole = draw(st.integers(0, 10**12 - 1))
    fraction = draw(st.text("0123456789", max_size=12))
    text = f"{sign}{whole}.{fraction}" if fraction else f"{sign}{whole}"
    halves = st.sampled_from(
        ["0.0000005", "-0.0000005", "1.0000014999999999", "-2.5e-6", "1e-6", "5e-7", "-0", "1.5E3"]
    )
    return draw(st.one_of(st.just(text), st.just(text), halves))


def times(start_ms: int) -> st.SearchStrategy[int]:
    on_the_grid = st.integers(0, 60).map(lambda point: start_ms + point * 15 * MINUTE)
    anywhere = st.integers(0, 15 * HOUR).map(lambda offset: start_ms + offset)
    crowded = st.integers(0, 3).map(lambda offset: start_ms + 2 * HOUR + offset)
    just_before_the_grid = on_the_grid.map(lambda time_ms: time_ms - 1)
    return st.one_of(on_the_grid, anywhere, crowded, just_before_the_grid)


@st.composite
def streams(draw: st.DrawFn, start_ms: int = 0, max_size: int = 60) -> list[oracle.Event]:
    # a single series has windows of 20 events that are full, and fewer than all of its events
    series = draw(st.sampled_from([[("a", "m")], [(customer, metric) for customer in "abä" for metric in "mn"]]))
    event = st.tuples(st.sampled_from(series), times(start_ms), value_texts())
    some = st.lists(event, min_size=draw(st.sampled_from([0, max_size // 2])), max_size=max_size)
    return [(*key, time_ms, value) for key, time_ms, value in draw(some)]


def positions(stream: Sequence[oracle.Event]) -> list[tuple[int, int]]:
    """Where each event stands in a log in which a series is in one of 3 partitions: (partition, Kafka offset)."""
    ends = [0, 0, 0]
    found = []
    for customer, metric, _, _ in stream:
        partition = (ord(customer) + ord(metric)) % len(ends)
        found.append((partition, ends[partition]))
        ends[partition] += 1
    return found


def as_log(
    stream: Sequence[oracle.Event],
    places: Sequence[tuple[int, int]] | None = None,
    timestamps_ms: Sequence[int] | None = None,
) -> pl.DataFrame:
    """Read each event as the batch layer reads a record of that log, or of one in which they stand at other places."""
    events = []
    stamps = timestamps_ms or [event_time_ms for _, _, event_time_ms, _ in stream]
    stamped = zip(stream, places or positions(stream), stamps, strict=True)
    for (customer, metric, event_time_ms, value), position, timestamp_ms in stamped:
        raw = json.dumps({"customer": customer, "metric": metric, "event_time": event_time_ms, "value": value}).encode()
        event = read_record(f"{customer}/{metric}".encode(), raw, timestamp_ms, _ANY_AHEAD_MS)
        assert isinstance(event, Event), event
        events.append(
            (event.customer, event.metric, event.event_time_ms, event.value_micros, *position, event.log_time_ms)
        )
    schema = {**EVENTS_SCHEMA, "log_time_ms": pl.Int64}
    return pl.DataFrame(events, schema, orient="row").sort("kafka_partition", "kafka_offset")


def as_answers(frame: pl.DataFrame, average: Average) -> Mapping[oracle.Key, oracle.Pair]:
    """State the rows of one average as the oracle does."""
    rows = frame.filter(pl.col("average") == average.name).iter_rows(named=True)
    return {
        (row["customer"], row["metric"], row["as_of_ms"]): (row["value_sum_micros"], row["event_count"]) for row in rows
    }
