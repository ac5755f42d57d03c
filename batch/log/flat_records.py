"""Reads flat records, as most producers write them, from their bytes: a short cut to `sma.event`, not another rule.

All others (escapes, letters beyond ASCII, nesting, exponents, equal keys, anything wrong) are marked as the rest, and
left to `sma.event.read_record`, which alone decides why a record is rejected. The stream does the same in Java
(`RecordReader.java`). tests/unit/test_batch_flat_records.py compares both readers.
"""

from dataclasses import dataclass

import numpy as np

from batch.log.flat_json import read_flat
from batch.log.records import Bytes, Int64s, Records
from sma.event import NO_TIMESTAMP_MS
from sma.limits import (
    EARLIEST_EVENT_TIME_MS,
    LATEST_EVENT_TIME_MS,
    MAX_NAME_CHARACTERS,
    VALUE_INTEGER_DIGITS,
    VALUE_SCALE,
)

_LIMITS = (
    EARLIEST_EVENT_TIME_MS,
    LATEST_EVENT_TIME_MS,
    MAX_NAME_CHARACTERS,
    NO_TIMESTAMP_MS,
    VALUE_INTEGER_DIGITS,
    VALUE_SCALE,
)


@dataclass(frozen=True, slots=True)
class FlatRecords:
    """The content of records, one entry each, in their order.

    kinds: uint8; EVENT, HEARTBEAT, or REST for those yet to be read strictly, whose other entries are undefined.
    times_ms: int64; of an event, in milliseconds since the Unix epoch.
    log_times_ms: int64; of an event or a heartbeat: its time, or the record's timestamp where that is earlier.
    values_micros: int64; of an event, in micro-units.
    """

    kinds: Bytes
    times_ms: Int64s
    log_times_ms: Int64s
    values_micros: Int64s


def read_flat_records(text: Bytes, records: Records, max_ahead_ms: int) -> FlatRecords:
    """Read the records that are flat; linear in their bytes.

    Args:
        text: the bytes of `records`, and `PADDING_BYTES` more of any value; uint8.
        records: where each key and value is, and the records' timestamps.
        max_ahead_ms: how far an event time may be ahead of its record's timestamp; at most
            `unreadable.FURTHEST_AHEAD_MS`.
    """
    kinds = np.empty(len(records.kafka_offsets), np.uint8)
    times_ms, log_times_ms, values_micros = (np.empty(len(kinds), np.int64) for _ in range(3))
    read_flat(
        text,
        records.key_starts,
        records.key_lengths,
        records.value_starts,
        records.value_lengths,
        records.timestamps_ms,
        max_ahead_ms,
        _LIMITS,
        kinds,
        times_ms,
        log_times_ms,
        values_micros,
    )
    return FlatRecords(kinds, times_ms, log_times_ms, values_micros)
