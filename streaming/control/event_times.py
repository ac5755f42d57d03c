"""Finds where in the log the events of a time are: by the offset index, which the batch layer keeps in the database.

The log is in the order of arrival, so the events of a time may be anywhere in it. What is not indexed yet may hold
events of any time.
"""

from collections.abc import Mapping

from clients.postgres import session
from sma.settings import StreamingSettings

_BLOCKS = """
    SELECT
        indexed.kafka_partition,
        coalesce(min(block.first_offset) FILTER (WHERE block.max_event_time_ms >= %(from_ms)s), indexed.next_offset),
        max(block.next_offset) FILTER (WHERE block.min_event_time_ms < %(until_ms)s),
        indexed.next_offset
    FROM sma.indexed_partitions AS indexed
    LEFT JOIN sma.offset_blocks AS block USING (kafka_partition)
    GROUP BY indexed.kafka_partition, indexed.next_offset
"""
_NEVER_MS = 2**62


def offsets_of(
    settings: StreamingSettings, starts: Mapping[int, int], ends: Mapping[int, int], from_ms: int, until_ms: int | None
) -> tuple[dict[int, int], dict[int, int]]:
    """Return the first Kafka offset, and the one after the last, between which all events of a time are, by partition.

    Args:
        settings: where the database is.
        starts: the first retained offset of each partition.
        ends: the offset that the next record of each partition gets.
        from_ms: the first event time, in milliseconds since the epoch.
        until_ms: the first event time after; None for no end.

    Raises:
        SmaError: the database does not answer.
    """
    bound = {"from_ms": from_ms, "until_ms": _NEVER_MS if until_ms is None else until_ms}
    with session(settings.database_url, "SMA_DATABASE_URL", "replay") as connection:
        indexed = {row[0]: row[1:] for row in connection.execute(_BLOCKS, bound)}
    from_offsets, to_offsets = {}, {}
    for partition, end in ends.items():
        first, after_last, indexed_to = indexed.get(partition, (0, None, 0))
        from_offsets[partition] = min(max(first, starts[partition]), end)
        wanted_to = end if until_ms is None or indexed_to < end else after_last or 0
        to_offsets[partition] = max(from_offsets[partition], wanted_to)
    return from_offsets, to_offsets
