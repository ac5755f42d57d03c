"""Traces one served value: reads its window from the database and the log, and explains it. Writes nothing.

The order of reading makes the checks valid: first the committed offsets of the stream, whose rows are then in the
tables; then the tables, in one snapshot; then the log to its end, which holds every event of those rows.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime

from batch.explain.explanation import DayState, Explanation, LogReading, explain_window
from batch.explain.layer_checks import DERIVED
from batch.explain.series_events import PartitionEvents, Wanted, find_events
from batch.explain.series_index import IndexedSeries, partitions_of_series, read_series
from batch.explain.stored_records import WindowRecords, read_records
from batch.index.closed_days import has_watermark, holding_back, low_watermark_ms
from batch.index.known_series import has_rows, read_definitions, unknown_average, unknown_series
from batch.index.log_index import Rule, read_index, read_rules
from batch.log.offsets import OffsetRange, Progress, retained_ranges
from batch.log.reader import Chunk, read_partition
from batch.log.series_table import SeriesTable
from batch.results.retention import first_day_kept
from batch.schedule.stale_days import stale_days
from batch.store.database import Connection, connect, snapshot
from clients.kafka.groups import committed_offsets
from sma.averages import Average, Averages
from sma.days import day_of
from sma.errors import SmaError
from sma.grid import grid_point_after, grid_point_at_or_before
from sma.instants import format_instant
from sma.limits import MAX_NAME_CHARACTERS
from sma.settings import BatchSettings

REPORTED_OFFSETS = 500_000  # reading more takes a while, and is reported


def explain(
    settings: BatchSettings,
    averages: Averages,
    customer: str,
    metric: str,
    name: str,
    as_of_ms: int,
    progress: Progress,
) -> Explanation:
    """Explain the value of one series and average at one grid point.

    Args:
        settings: how Kafka and the database are reached.
        averages: those of averages.yaml.
        customer: of the series.
        metric: of the series.
        name: of the average.
        as_of_ms: the grid point, in milliseconds since the Unix epoch.
        progress: takes a line where reading takes long.

    Raises:
        SmaError: there is no such average, grid point or series, or Kafka or the database does not answer.
    """
    committed = committed_offsets(settings.kafka_as("batch"), settings.events_topic, settings.consumer_group)
    with connect(settings.database_url, "SMA_DATABASE_URL") as connection:
        connection.read_only = True
        with snapshot(connection):
            average = _average(averages, read_definitions(connection), name)
            _require_on_grid(average, as_of_ms)
            records = read_records(connection, customer, metric, name, as_of_ms)
            wanted = Wanted.of(average, as_of_ms, customer, metric)
            retained = retained_ranges(settings, settings.events_topic)
            series = _series(connection, wanted, retained)
            if records.result is not None:
                result = records.result.of_series([each.kafka_partition for each in series])
                records = replace(records, result=result)
            rule = next(iter(read_rules(connection)), Rule.of(averages))
            state = _day_state(connection, settings, replace(averages, averages=(average,)), as_of_ms)
            is_stored = has_rows(connection, customer, metric)
        events = _read_events(settings, wanted, records, series, retained, rule, progress)
        if not is_stored and not any(each.has_series for each in events.values()):
            raise unknown_series(connection, customer, metric)
    log = _log_reading(events, committed, averages.watermark_delay_ms)
    return explain_window(customer, metric, average, as_of_ms, records, log, state)


def _average(averages: Averages, stored: dict[str, Average], name: str) -> Average:
    """Return the stored definition of an average, which readers see, or else that of averages.yaml."""
    known = {average.name: average for average in averages.averages} | stored
    if name not in known:
        raise unknown_average(name, known)
    return known[name]


def _require_on_grid(average: Average, as_of_ms: int) -> None:
    grid = average.every_ms, average.offset_ms
    before = grid_point_at_or_before(as_of_ms, *grid)
    if before != as_of_ms:
        raise SmaError(
            f"{format_instant(as_of_ms)} is not on the grid of the average {average.name!r}, which is computed every "
            f"{average.every_in_words}: the nearest grid points are {format_instant(before)} and "
            f"{format_instant(grid_point_after(as_of_ms, *grid))}"
        )


def _series(connection: Connection, wanted: Wanted, retained: Mapping[int, OffsetRange]) -> list[IndexedSeries]:
    """Return what the index holds of the series: in its partition, or in all where it was not indexed yet."""
    customer, metric = wanted.customer, wanted.metric
    if any(not 0 < len(name) <= MAX_NAME_CHARACTERS or "/" in name for name in (customer, metric)):
        raise unknown_series(connection, customer, metric)
    partitions = partitions_of_series(connection, customer, metric) or sorted(retained)
    series = [
        read_series(connection, partition, customer, metric, wanted.from_ms, wanted.until_ms)
        for partition in partitions
    ]
    for each in series:
        end = retained[each.kafka_partition].end if each.kafka_partition in retained else 0
        if end < each.next_offset:
            raise SmaError(
                f"partition {each.kafka_partition} of the log ends at Kafka offset {end}, but was indexed to "
                f"{each.next_offset}: is this another Kafka? correct SMA_KAFKA_BOOTSTRAP"
            )
    return series


def _read_events(
    settings: BatchSettings,
    wanted: Wanted,
    records: WindowRecords,
    series: Sequence[IndexedSeries],
    retained: Mapping[int, OffsetRange],
    rule: Rule,
    progress: Progress,
) -> dict[int, PartitionEvents]:
    tails = sum(max(retained[each.kafka_partition].end - each.next_offset, 0) for each in series)
    blocks = sum(int((each.blocks[1] - each.blocks[0]).sum()) for each in series) if wanted.event_count is None else 0
    if tails + blocks > REPORTED_OFFSETS:
        progress(f"reading {tails + blocks:,} offsets of the log, {tails:,} of them not indexed yet")

    def read(partition: int, start: int, end: int, table: SeriesTable) -> Iterator[Chunk]:
        return read_partition(settings, settings.events_topic, partition, start, end, rule.max_ahead_ms, table)

    return {
        each.kafka_partition: find_events(
            replace(wanted, enough_before=_enough_before(records, wanted, each.kafka_partition)),
            each,
            retained[each.kafka_partition],
            rule.allowed_lateness_ms,
            read,
        )
        for each in series
    }


def _enough_before(records: WindowRecords, wanted: Wanted, partition: int) -> int | None:
    """Return the Kafka offset up to which the rows of both layers depend on the log; None for its end."""
    offsets = []
    newest_offset = records.streamed.newest_offset if records.streamed is not None else None
    if newest_offset is not None and newest_offset != DERIVED:
        offsets.append(newest_offset + 1)
    if records.result is not None and records.result.low_watermark_ms >= wanted.until_ms:
        offsets.append(records.result.read_to.get(partition, 0))
    return min(offsets, default=None)


def _log_reading(
    events: Mapping[int, PartitionEvents], committed: Mapping[int, int], watermark_delay_ms: int
) -> LogReading:
    """Combine the partitions of the series; for a series without an event, all partitions."""
    own = {partition: each for partition, each in events.items() if each.has_series} or events
    max_times_ms = [each.max_log_time_ms for each in own.values() if each.max_log_time_ms is not None]
    return LogReading(
        partitions=tuple(own),
        events=tuple(event for each in own.values() for event in each.events),
        lost=next(((partition, *each.lost) for partition, each in own.items() if each.lost is not None), None),
        watermark_ms=min(max_times_ms) - watermark_delay_ms if len(max_times_ms) == len(own) else None,
        committed=committed,
        is_committed=all(committed.get(partition, 0) >= each.records_end for partition, each in own.items()),
        unindexed=sum(each.unindexed for each in own.values()),
        offsets_read=sum(each.offsets_read for each in events.values()),
    )


def _day_state(connection: Connection, settings: BatchSettings, averages: Averages, as_of_ms: int) -> DayState:
    stale = next((each for each in stale_days(connection, averages) if each.day == day_of(as_of_ms)), None)
    index, delay_ms = read_index(connection), averages.watermark_delay_ms
    return DayState(
        reasons=stale.reasons if stale else frozenset(),
        late_since=stale.late_since if stale else None,
        first_day=date.fromisoformat(settings.first_day),
        first_kept=first_day_kept(settings.keep_days, datetime.now(UTC).date()),
        low_watermark_ms=low_watermark_ms(index, delay_ms) if has_watermark(index) else None,
        held_back_by=tuple(each.kafka_partition for each in holding_back(index, delay_ms, as_of_ms)),
    )
