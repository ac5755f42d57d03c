"""Reads the positions of late and rejected events: in the stream's side outputs, and by the rule of lateness.

Only the positions come from the stream's topics; the batch layer reads the records at them from the log itself.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from psycopg import sql

from batch.log.offsets import retained_ranges
from batch.log.reader import Value, read_partition, read_values
from batch.log.series_table import SeriesTable
from batch.store.array_format import decode_integers
from batch.store.database import Connection
from clients.statements import load_statements
from sma.errors import SmaError
from sma.settings import BatchSettings

POSITION = ["kafka_partition", "kafka_offset"]
POSITIONS_SCHEMA = {"kafka_partition": pl.Int32, "kafka_offset": pl.Int64}

_STREAM_SCHEMA: dict[str, type[pl.DataType]] = {
    "partition": pl.Int32,
    "kafka_offset": pl.Int64,
    "generation": pl.Int64,
}
_SQL = load_statements(__file__)


@dataclass(frozen=True, slots=True)
class SideOutputs:
    """Positions in the topic `events`; both frames: kafka_partition Int32, kafka_offset Int64; sorted, unique."""

    late: pl.DataFrame
    rejected: pl.DataFrame

    def within(self, read_to: Mapping[int, int]) -> "SideOutputs":
        """Return the positions before some Kafka offsets, by partition."""
        ends = pl.DataFrame(list(read_to.items()), {"kafka_partition": pl.Int32, "read_to": pl.Int64}, orient="row")
        return SideOutputs(_before(self.late, ends), _before(self.rejected, ends))


def read_by_stream(settings: BatchSettings, generation: int) -> SideOutputs:
    """Read the topics `late_events` and `rejected_events`, whole; a position that is there twice counts once.

    Records of another generation than the job's are left out.

    Raises:
        SmaError: Kafka does not answer, or a record there is not what the stream writes.
    """
    return SideOutputs(
        late=_read_positions(settings, settings.late_events_topic, generation),
        rejected=_read_positions(settings, settings.rejected_events_topic, generation),
    )


def read_by_rule(connection: Connection) -> SideOutputs:
    """Return the late events, by the rule of lateness, and the rejected events of the offset index."""
    return SideOutputs(late=_indexed(connection, "late_events"), rejected=_indexed(connection, "rejected_events"))


def positions(topic: str, values: Iterable[Value], generation: int) -> pl.DataFrame:
    """Return the positions named by the records of a side output, of one generation: see `SideOutputs`.

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
    present = named.filter(pl.col("generation") == generation)
    return present.select(kafka_partition="partition", kafka_offset="kafka_offset").unique().sort(POSITION)


def mismatched_positions(by_stream: SideOutputs, by_rule: SideOutputs) -> pl.DataFrame:
    """Return the positions that are late for the stream and not by the rule; `events_at` tells which hold an event."""
    return by_stream.late.join(by_rule.late, on=POSITION, how="anti")


def events_at(settings: BatchSettings, max_ahead_ms: int, wanted: pl.DataFrame) -> pl.DataFrame:
    """Return those positions of the log that hold an event, as far as Kafka retains them.

    Raises:
        SmaError: Kafka does not answer.
    """
    events = [pl.DataFrame(schema=POSITIONS_SCHEMA)]
    if wanted.is_empty():
        return events[0]
    retained = retained_ranges(settings, settings.events_topic)
    bounds = wanted.group_by("kafka_partition").agg(
        first=pl.col("kafka_offset").min(), last=pl.col("kafka_offset").max()
    )
    for partition, first, last in bounds.iter_rows():
        start, end = max(first, retained[partition].start), min(last + 1, retained[partition].end)
        for chunk in read_partition(
            settings, settings.events_topic, partition, start, max(start, end), max_ahead_ms, SeriesTable()
        ):
            at = pl.DataFrame({"kafka_offset": chunk.kafka_offsets}, {"kafka_offset": pl.Int64})
            events.append(at.select(pl.lit(partition, pl.Int32).alias("kafka_partition"), "kafka_offset"))
    return wanted.join(pl.concat(events), on=POSITION, how="semi")


def _read_positions(settings: BatchSettings, topic: str, generation: int) -> pl.DataFrame:
    read = [pl.DataFrame(schema=POSITIONS_SCHEMA)]
    for partition, retained in retained_ranges(settings, topic).items():
        read.extend(
            positions(topic, values, generation)
            for values in read_values(settings, topic, partition, retained.start, retained.end)
        )
    return pl.concat(read).unique().sort(POSITION)


def _indexed(connection: Connection, table: str) -> pl.DataFrame:
    statement = sql.SQL(_SQL["read_offsets"]).format(table=sql.Identifier(table))
    rows = connection.cursor(binary=True).execute(statement).fetchall()
    read = [pl.DataFrame(schema=POSITIONS_SCHEMA)]
    for partition, offsets in rows:
        column = decode_integers([offsets])
        read.append(
            pl.DataFrame(
                {"kafka_partition": np.full(column.size, partition, np.int32), "kafka_offset": column}, POSITIONS_SCHEMA
            )
        )
    return pl.concat(read)


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


def _before(positions: pl.DataFrame, ends: pl.DataFrame) -> pl.DataFrame:
    before = positions.join(ends, on="kafka_partition").filter(pl.col("kafka_offset") < pl.col("read_to"))
    return before.select(POSITION).sort(POSITION)
