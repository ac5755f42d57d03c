"""What the stream diverted: at which positions of the log did it find late events and unreadable records?

Only positions are taken from here; what stood there the batch layer has read in the log itself.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from batch.kafka import Record, read_records, retained_ranges
from batch.log import POSITIONS_SCHEMA, LogRead
from sma.errors import SmaError
from sma.settings import Settings

_POSITION = ["kafka_partition", "kafka_offset"]


@dataclass(frozen=True, slots=True)
class Diverted:
    """Positions in the topic `events`; both frames: kafka_partition Int32, kafka_offset Int64; sorted, unique."""

    late: pl.DataFrame
    rejected: pl.DataFrame

    def within(self, log: LogRead) -> "Diverted":
        """Return those positions that the log was read at or before."""
        return Diverted(late=_within(self.late, log), rejected=_within(self.rejected, log))


def read_diverted(settings: Settings) -> Diverted:
    """Read the topics `late_events` and `rejected_events`, whole; what stands there twice counts once.

    Raises:
        SmaError: Kafka does not answer, or a record there is not what the stream writes.
    """
    return Diverted(
        late=_read_positions(settings, settings.late_events_topic),
        rejected=_read_positions(settings, settings.rejected_events_topic),
    )


def positions(topic: str, records: Iterable[Record]) -> pl.DataFrame:
    """Return the positions that records of a topic of diverted events name: see `Diverted`.

    Raises:
        SmaError: a record names none.
    """
    found = {_position(topic, record) for record in records}
    return pl.DataFrame(sorted(found), POSITIONS_SCHEMA, orient="row")


def _read_positions(settings: Settings, topic: str) -> pl.DataFrame:
    chunks = read_records(settings, topic, retained_ranges(settings, topic))
    return positions(topic, (record for chunk in chunks for record in chunk))


def _position(topic: str, record: Record) -> tuple[int, int]:
    try:
        diverted = json.loads(record.value or b"")
        return int(diverted["partition"]), int(diverted["kafka_offset"])
    except (ValueError, KeyError, TypeError) as error:
        raise SmaError(
            f"{topic}: the record at partition {record.partition}, Kafka offset {record.offset} names no position "
            "in the log: did something else than the stream write to this topic?"
        ) from error


def _within(diverted: pl.DataFrame, log: LogRead) -> pl.DataFrame:
    bounds = pl.DataFrame(
        [(read.kafka_partition, read.read_from, read.read_to) for read in log.partitions],
        {"kafka_partition": pl.Int32, "read_from": pl.Int64, "read_to": pl.Int64},
        orient="row",
    )
    held = diverted.join(bounds, on="kafka_partition").filter(
        pl.col("kafka_offset").is_between("read_from", "read_to", closed="left")
    )
    return held.select(_POSITION).sort(_POSITION)
