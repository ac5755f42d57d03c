"""Words which partition holds windows back, since when, and what closes them: for commands and Dagster's sensors."""

from batch.schedule.unclosed import HoldingPartition, Unclosed
from sma.instants import format_instant, milliseconds

MOST_PARTITIONS = 3
WHAT_CLOSES = (
    "later events in each of these partitions, or heartbeats: `sma heartbeat` where a partition is behind the others, "
    "`sma heartbeat --now` where no older event is to come"
)


def holding_in_words(partition: HoldingPartition) -> str:
    """Return which partition holds windows back, at what time it is, and since when it has had no record."""
    who = f"partition {partition.kafka_partition} holds them back"
    series = f"; its newest event is of {'/'.join(partition.newest_series)}" if partition.newest_series else ""
    since = format_instant(milliseconds(partition.indexed_at) // 1_000 * 1_000)
    newest = format_instant(partition.max_log_time_ms)
    return f"{who}: its newest record is of {newest}{series}; no record has arrived since it was indexed at {since}"


def all_holding_in_words(unclosed: Unclosed) -> list[str]:
    """Return a line for each partition that holds windows back, of many for the first ones."""
    lines = [holding_in_words(each) for each in unclosed.held_back_by[:MOST_PARTITIONS]]
    more = len(unclosed.held_back_by) - MOST_PARTITIONS
    if more > 0:
        lines.append(f"{more:,} more partition{'' if more == 1 else 's'} hold{'s' if more == 1 else ''} them back")
    return lines
