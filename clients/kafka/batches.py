"""Reads the headers of record batches, and which of the batches a read-committed consumer is given.

The records inside are not read: `batch.log` reads them.
Source: Kafka's documentation, "Record Batch"; isolation as in Kafka's own consumer.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol, TypeVar

from kafka.record.abc import ABCRecordBatch
from kafka.record.default_records import DefaultRecordBatch
from kafka.record.memory_records import MemoryRecords


class BatchHeader(NamedTuple):
    """The header of a batch; of the formats before v2, each message is a batch of one record.

    base_offset, last_offset: Kafka offsets; compaction leaves both as they were.
    record_count: how many records compaction has left.
    append_time_ms: the one timestamp of all records where Kafka sets it (LogAppendTime), else None.
    """

    base_offset: int
    last_offset: int
    record_count: int
    producer_id: int
    is_transactional: bool
    is_control: bool
    append_time_ms: int | None

    @property
    def is_compacted(self) -> bool:
        """Whether compaction has removed records of it."""
        return self.record_count <= self.last_offset - self.base_offset


class _Batch(Protocol):
    @property
    def last_offset(self) -> int: ...
    @property
    def producer_id(self) -> int: ...
    @property
    def is_transactional(self) -> bool: ...
    @property
    def is_control(self) -> bool: ...


Batch = TypeVar("Batch", bound=_Batch)


def headers(raw: bytes) -> Iterator[BatchHeader]:
    """Yield the header of each whole batch of one fetch, in the log's order; the last batch may be cut off."""
    for batch in MemoryRecords(raw):
        yield _header(batch)


def committed(batches: Iterable[Batch], aborted: Iterable[tuple[int, int]]) -> Iterator[Batch]:
    """Leave out control batches and those of aborted transactions.

    Args:
        batches: of one fetch, in order.
        aborted: (producer id, first Kafka offset) of the aborted transactions that Kafka named, by first offset.
    """
    waiting = list(aborted)
    aborting: set[int] = set()
    for batch in batches:
        while waiting and waiting[0][1] <= batch.last_offset:
            aborting.add(waiting.pop(0)[0])
        if batch.is_control:
            aborting.discard(batch.producer_id)  # the mark that ends the transaction
        elif not (batch.is_transactional and batch.producer_id in aborting):
            yield batch


def _header(batch: ABCRecordBatch) -> BatchHeader:
    if not isinstance(batch, DefaultRecordBatch):
        return BatchHeader(batch.base_offset, batch.base_offset, 1, -1, False, False, None)
    return BatchHeader(
        base_offset=batch.base_offset,
        last_offset=batch.last_offset,
        record_count=batch.records_count,
        producer_id=batch.producer_id,
        is_transactional=batch.is_transactional,
        is_control=batch.is_control_batch,
        append_time_ms=batch.max_timestamp if batch.timestamp_type else None,
    )
