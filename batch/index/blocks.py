"""In which blocks of Kafka offsets can events of a time stand? As the offset index has them, partition by partition."""

import numpy as np
from numpy.typing import NDArray

from batch.store.database import Connection

_READ = """
SELECT
    first_offset,
    next_offset,
    oldest_event_ms,
    newest_event_ms
FROM sma.offset_blocks
WHERE kafka_partition = %(partition)s
    AND newest_event_ms >= %(from_ms)s
    AND oldest_event_ms < %(until_ms)s
ORDER BY first_offset
"""


def read_blocks(connection: Connection, partition: int, from_ms: int, until_ms: int) -> NDArray[np.int64]:
    """Return the blocks of a partition that can hold events with from_ms <= event time < until_ms.

    Returns:
        int64, four rows: first_offset, next_offset, oldest_event_ms, newest_event_ms; by Kafka offset.
    """
    bound = {"partition": partition, "from_ms": from_ms, "until_ms": until_ms}
    return np.array(connection.execute(_READ, bound).fetchall(), np.int64).reshape(-1, 4).T.copy()
