"""Reads the positions of late and rejected events: in the stream's side outputs, and by the rule of lateness.

Only the positions come from the stream's topics; the batch layer reads the records at them from the log itself.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from psycopg import sql
from psycopg.types.json import Jsonb

from batch.index.origins import known_from_of, read_origins
from batch.log.offsets import retained_ranges
from batch.log.reader import Value, read_partition, read_values
from batch.log.series_table import SeriesTable
from batch.store.array_format import decode_integers
from batch.store.database import Connection
from clients.statements import load_statements
from sma.errors import SmaError
from sma.origin import EVERYTHING_MS
from sma.settings import BatchSettings

POSITION = ["kafka_partition", "kafka_offset"]
POSITIONS_SCHEMA = {"kafka_partition": pl.Int32, "kafka_offset": pl.Int64}

_STREAM_SCHEMA: dict[str, type[pl.DataType]] = {
    "partition": pl.Int32,
    "kafka_offset": pl.Int64,
    "generation": pl.Int64,
}
_EVENT_SCHEMA = {"customer": pl.String, "metric": pl.String, "event_time_ms": pl.Int64}
_SQL = load_statements(__file__)


Offsets = Mapping[int, int]
"""partition -> Kafka offset"""


@dataclass(frozen=True, slots=True)
class SideOutputs:
    """Positions in the topic `events`; both frames: kafka_partition Int32, kafka_offset Int64; sorted, unique."""

    late: pl.DataFrame
    rejected: pl.DataFrame


@dataclass(frozen=True, slots=True)
class Cursor:
    """Up to where an earlier reading has taken positions: of the topic `events`, and of each side output's topic."""

    events: Offsets
    late: Offsets
    rejected: Offsets


NOTHING_READ = Cursor({}, {}, {})


def read_by_stream(
    settings: BatchSettings, generation: int, read_to: Offsets, since: Cursor = NOTHING_READ
) -> tuple[SideOutputs, Cursor]:
    """Read the topics `late_events` and `rejected_events` on from an earlier reading.

    A position that is there twice counts once, and records of another generation than the job's are left out. Positions
    that the earlier reading has taken may be among them, where the job has written them again.

    Args:
        settings: where Kafka is.
        generation: of the job.
        read_to: the first position that is not wanted yet, by partition.
        since: of the earlier reading.

    Returns:
        the positions, and where the next reading goes on.

    Raises:
        SmaError: Kafka does not answer, or a record there is not what the stream writes.
    """
    late, late_to = _read_positions(settings, settings.late_events_topic, generation, read_to, since.late)
    rejected, rejected_to = _read_positions(
        settings, settings.rejected_events_topic, generation, read_to, since.rejected
    )
    return SideOutputs(late, rejected), Cursor(read_to, late_to, rejected_to)


def read_by_rule(connection: Connection, since: Offsets | None = None) -> SideOutputs:
    """Return the late events, by the rule of lateness, and the rejected events of the offset index.

    Args:
        connection: to the database.
        since: the first position of each partition; of others, and where it is None, from the beginning.
    """
    start = since or {}
    return SideOutputs(_indexed(connection, "late_events", start), _indexed(connection, "rejected_events", start))


def without_known(connection: Connection, by_stream: SideOutputs, since: Offsets) -> SideOutputs:
    """Leave out the positions before `since` that the index has too: an earlier reading has compared them."""
    return SideOutputs(
        _without_known(connection, "late_events", by_stream.late, since),
        _without_known(connection, "rejected_events", by_stream.rejected, since),
    )


def positions(topic: str, values: Iterable[Value], generation: int) -> pl.DataFrame:
    """Return the positions named by the records of a side output, of one generation.

    Returns:
        kafka_partition Int32, kafka_offset Int64; and topic_offset Int64, of the record that names them.

    Raises:
        SmaError: a record names none.
    """
    records = list(values)
    try:
        lines = b"\n".join(value.value or b"{}" for value in records)
        named = pl.read_ndjson(lines, schema=_STREAM_SCHEMA)
    except pl.exceptions.PolarsError:
        named = None
    if named is None or named.height != len(records) or named.null_count().sum_horizontal()[0]:
        read = [_position(topic, value) for value in records]
        named = pl.DataFrame(read, _STREAM_SCHEMA, orient="row")
    named = named.with_columns(pl.Series("topic_offset", [value.offset for value in records], pl.Int64))
    present = named.filter(pl.col("generation") == generation)
    return present.select("topic_offset", kafka_partition="partition", kafka_offset="kafka_offset")


def mismatched_positions(by_stream: SideOutputs, by_rule: SideOutputs) -> pl.DataFrame:
    """Return the positions that are late for the stream and not by the rule; `events_at` tells which hold an event."""
    return by_stream.late.join(by_rule.late, on=POSITION, how="anti")


def since_origin(by_stream: SideOutputs, read_from: Offsets) -> SideOutputs:
    """Leave out the positions before the first that is indexed: the stream may have read more of the log."""
    first = pl.DataFrame(list(read_from.items()), {"kafka_partition": pl.Int32, "first": pl.Int64}, orient="row")

    def since(positions: pl.DataFrame) -> pl.DataFrame:
        placed = positions.join(first, on="kafka_partition", how="left", maintain_order="left")
        return placed.filter((pl.col("kafka_offset") >= pl.col("first")).fill_null(value=True)).select(POSITION)

    return SideOutputs(since(by_stream.late), since(by_stream.rejected))


def with_unknown_late(
    settings: BatchSettings, connection: Connection, max_ahead_ms: int, by_stream: SideOutputs, by_rule: SideOutputs
) -> SideOutputs:
    """Add to the late events by rule those that were late by events before the origin, which the stream alone has read.

    Such an event is older than the time from which on its series is known (`sma.origin`). The connection may see any
    state of the index since its first: what is known of a series never changes.

    Raises:
        SmaError: Kafka does not answer.
    """
    wanted = mismatched_positions(by_stream, by_rule)
    if wanted.is_empty() or not read_origins(connection):
        return by_rule
    events = _events_at(settings, max_ahead_ms, wanted)
    known = known_from_of(connection, events.select("customer", "metric").unique().rows())
    is_unknown = [
        time_ms < known.get((customer, metric), EVERYTHING_MS)
        for customer, metric, time_ms in events.select("customer", "metric", "event_time_ms").iter_rows()
    ]
    late = [by_rule.late, events.filter(pl.Series(is_unknown, dtype=pl.Boolean)).select(POSITION)]
    return SideOutputs(pl.concat(late).sort(POSITION), by_rule.rejected)


def events_at(settings: BatchSettings, max_ahead_ms: int, wanted: pl.DataFrame) -> pl.DataFrame:
    """Return those positions of the log that hold an event, as far as Kafka retains them.

    Raises:
        SmaError: Kafka does not answer.
    """
    return _events_at(settings, max_ahead_ms, wanted).select(POSITION)


def _events_at(settings: BatchSettings, max_ahead_ms: int, wanted: pl.DataFrame) -> pl.DataFrame:
    """Return the positions as `events_at`, in their order, with customer, metric and event_time_ms of each event."""
    read = [pl.DataFrame(schema={**POSITIONS_SCHEMA, **_EVENT_SCHEMA})]
    retained = retained_ranges(settings, settings.events_topic) if wanted.height else {}
    for (partition,), positions_there in wanted.group_by("kafka_partition"):
        series, offsets = SeriesTable(), positions_there["kafka_offset"].sort().to_numpy()
        start, end = max(offsets[0], retained[partition].start), min(offsets[-1] + 1, retained[partition].end)
        chunks = read_partition(
            settings, settings.events_topic, partition, int(start), int(max(start, end)), max_ahead_ms, series
        )
        for chunk in chunks:
            places = np.flatnonzero(np.isin(chunk.kafka_offsets, offsets))
            names = [series[number] for number in chunk.series_ids[places].tolist()]
            columns = {
                "customer": [customer for customer, _ in names],
                "metric": [metric for _, metric in names],
                "event_time_ms": chunk.event_times_ms[places],
            }
            events = pl.DataFrame(columns, _EVENT_SCHEMA)
            read.append(pl.concat([_positions_in(partition, chunk.kafka_offsets[places]), events], how="horizontal"))
    return wanted.join(pl.concat(read), on=POSITION, how="inner", maintain_order="left")


def _positions_in(partition: int, offsets: NDArray[np.int64]) -> pl.DataFrame:
    columns = {"kafka_partition": np.full(offsets.size, partition, np.int32), "kafka_offset": offsets}
    return pl.DataFrame(columns, POSITIONS_SCHEMA)


def _read_positions(
    settings: BatchSettings, topic: str, generation: int, read_to: Offsets, since: Offsets
) -> tuple[pl.DataFrame, dict[int, int]]:
    """Return the positions before `read_to`, and by partition of the topic the first record that must be read again."""
    read = [pl.DataFrame(schema=POSITIONS_SCHEMA)]
    next_offsets = {}
    ends = pl.DataFrame(list(read_to.items()), {"kafka_partition": pl.Int32, "read_to": pl.Int64}, orient="row")
    for partition, retained in retained_ranges(settings, topic).items():
        start = max(retained.start, since.get(partition, 0))
        next_offsets[partition] = retained.end
        for values in read_values(settings, topic, partition, min(start, retained.end), retained.end):
            named = positions(topic, values, generation).join(ends, on="kafka_partition", how="left")
            is_wanted = (pl.col("kafka_offset") < pl.col("read_to")).fill_null(False)
            read.append(named.filter(is_wanted).select(POSITION))
            ahead = named.filter(~is_wanted)["topic_offset"]
            next_offsets[partition] = min([next_offsets[partition], *ahead.head(1)])
    return pl.concat(read).unique().sort(POSITION), next_offsets


def _indexed(connection: Connection, table: str, since: Offsets) -> pl.DataFrame:
    statement = sql.SQL(_SQL["read_offsets"]).format(table=sql.Identifier(table))
    rows = connection.cursor(binary=True).execute(statement, {"since": Jsonb(since)}).fetchall()
    read = [pl.DataFrame(schema=POSITIONS_SCHEMA)]
    for partition, offsets in rows:
        read.append(_positions_in(partition, decode_integers([offsets])))
    return pl.concat(read)


def _without_known(connection: Connection, table: str, by_stream: pl.DataFrame, since: Offsets) -> pl.DataFrame:
    first = pl.DataFrame(list(since.items()), {"kafka_partition": pl.Int32, "first": pl.Int64}, orient="row")
    placed = by_stream.join(first, on="kafka_partition", how="left")
    older = placed.filter(pl.col("kafka_offset") < pl.col("first")).select(POSITION)
    if older.is_empty():
        return by_stream
    statement = sql.SQL(_SQL["find_known"]).format(table=sql.Identifier(table))
    bound = {name: older[name].to_list() for name in POSITION}
    known = pl.DataFrame(connection.execute(statement, bound).fetchall(), POSITIONS_SCHEMA, orient="row")
    return by_stream.join(known, on=POSITION, how="anti").sort(POSITION)


def _position(topic: str, record: Value) -> tuple[int, int, int]:
    """Return partition, Kafka offset and generation; 0 where the record is of before there were generations."""
    try:
        fields = json.loads(record.value or b"")
        return int(fields["partition"]), int(fields["kafka_offset"]), int(fields.get("generation", 0))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SmaError(
            f"{topic}: the record at partition {record.partition}, Kafka offset {record.offset} names no position "
            "in the log: has anything but the stream written to this topic?"
        ) from error
