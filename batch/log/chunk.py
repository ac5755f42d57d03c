"""Defines what is read of one partition: a chunk of its records as columns, and a record's bytes."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Int64s = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Chunk:
    """The records at one range of offsets of a partition; records = events + heartbeats + rejected.

    Columns of events, of one length, by Kafka offset: series_ids int32 (numbers of the table of series), event_times_ms
    int64 (since the Unix epoch, UTC), log_times_ms int64 (each event's time, or its record's timestamp where that is
    earlier), values_micros int64 (micro-units), kafka_offsets int64.
    Of heartbeats: heartbeat_offsets, heartbeat_times_ms (log times) int64. Of rejected records: rejected_offsets
    int64, reasons.
    `next_offset` is the first Kafka offset after the range, control records and gaps included.
    """

    records: int
    next_offset: int
    series_ids: npt.NDArray[np.int32]
    event_times_ms: Int64s
    log_times_ms: Int64s
    values_micros: Int64s
    kafka_offsets: Int64s
    heartbeat_offsets: Int64s
    heartbeat_times_ms: Int64s
    rejected_offsets: Int64s
    reasons: tuple[str, ...]


class Value(NamedTuple):
    """The bytes of one record, and its position."""

    partition: int
    offset: int
    value: bytes | None
