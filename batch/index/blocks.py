"""Selects the blocks of Kafka offsets that can hold events of a span of time, by the offset index."""

import numpy as np
from numpy.typing import NDArray

from batch.store.database import Connection
from batch.store.statements import load_statements

_SQL = load_statements(__file__)


def read_blocks(connection: Connection, partition: int, from_ms: int, until_ms: int) -> NDArray[np.int64]:
    """Return the blocks of a partition that can hold events with from_ms <= event time < until_ms.

    Returns:
        int64, four rows: first_offset, next_offset, oldest_event_ms, newest_event_ms; by Kafka offset.
    """
    bound = {"partition": partition, "from_ms": from_ms, "until_ms": until_ms}
    return np.array(connection.execute(_SQL["read_blocks"], bound).fetchall(), np.int64).reshape(-1, 4).T.copy()
