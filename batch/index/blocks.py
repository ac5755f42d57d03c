"""Reads what the offset index holds of a span of time: the blocks to read from Kafka, and the late events.

The index stores late events whole, so no block is read for them.
"""

import numpy as np
from numpy.typing import NDArray

from batch.store.database import Connection
from clients.statements import load_statements

_SQL = load_statements(__file__)


def read_blocks(connection: Connection, partition: int, from_ms: int, until_ms: int) -> NDArray[np.int64]:
    """Return the blocks of a partition that can hold events with from_ms <= event time < until_ms.

    Returns:
        int64, four rows: first_offset, next_offset, min_event_time_ms, max_event_time_ms; by Kafka offset.
    """
    bound = {"partition": partition, "from_ms": from_ms, "until_ms": until_ms}
    return np.array(connection.execute(_SQL["read_blocks"], bound).fetchall(), np.int64).reshape(-1, 4).T.copy()


def read_late_events(
    connection: Connection, partition: int, from_ms: int, until_ms: int
) -> list[tuple[int, str, str, int, int]]:
    """Return the late events of a partition with from_ms <= event time < until_ms.

    Returns:
        Kafka offset, customer, metric, event time in ms, micro-units; by Kafka offset.
    """
    bound = {"partition": partition, "from_ms": from_ms, "until_ms": until_ms}
    return connection.execute(_SQL["read_late_events"], bound).fetchall()


def joined_ranges(blocks: NDArray[np.int64], bridged_offsets: int) -> list[tuple[int, int]]:
    """Return ranges of Kafka offsets that hold blocks, in ascending order.

    Args:
        blocks: as `read_blocks` returns them.
        bridged_offsets: the largest gap between two blocks that are read as one range.
    """
    first, end = blocks[0], blocks[1]
    is_start = np.concatenate([[True], first[1:] - end[:-1] > bridged_offsets])[: first.size]
    is_end = np.concatenate([is_start[1:], [True]])[: first.size]
    return list(zip(first[is_start].tolist(), end[is_end].tolist(), strict=True))
