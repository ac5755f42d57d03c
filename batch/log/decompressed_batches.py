"""Collects decompressed record batches in one memory buffer, as many as make a chunk."""

import numpy as np
import numpy.typing as npt

from batch.log.abridged_batches import AbridgedBatch, NotAsStated, abridge
from batch.log.codecs import STREAMED, NotDecompressed, UnknownCodec, decompress_into
from batch.log.flat_json import PADDING_BYTES
from batch.log.limits import ReadLimits
from batch.log.record_batches import RecordBatch
from batch.log.records import (
    BASE_OFFSET,
    BATCH_COLUMNS,
    BEGIN,
    COUNT,
    END,
    IS_APPEND_TIME,
    LAST_DELTA,
    TIMESTAMP_MS,
    MalformedBatch,
    Records,
    decode_records,
)
from batch.log.unreadable import FastReaderUnavailable
from sma.errors import SmaError
from sma.event import too_long
from sma.limits import MAX_RECORD_BYTES


class DecompressedBatches:
    """Batches of one partition, in order; each chunk reuses the same memory."""

    def __init__(self, where: str, limits: ReadLimits) -> None:
        """`where` names topic and partition, for errors."""
        self._limits = limits
        self.bytes = self._memory(limits.chunk_bytes + PADDING_BYTES)
        self._where = where
        self._too_long = dict[int, str]()  # by Kafka offset
        self._filled = 0
        self._records = 0
        self._rows: list[tuple[int, ...]] = []

    def clear(self) -> None:
        """Remove all batches; records decoded from them stay valid, but `bytes` will change."""
        self._filled = self._records = 0
        self._rows.clear()
        self._too_long.clear()
        if len(self.bytes) > self._limits.chunk_bytes + PADDING_BYTES:  # for a batch that was larger than a chunk
            self.bytes = self._memory(self._limits.chunk_bytes + PADDING_BYTES)

    def add(self, batch: RecordBatch) -> bool:
        """Decompress a batch after the others; return whether it fits, as it always does into an empty buffer.

        Raises:
            FastReaderUnavailable: its codec is unknown here.
            SmaError: it cannot be decompressed, or is larger than `limits.batch_bytes`.
        """
        if self._rows and self._records + batch.record_count > self._limits.chunk_records:
            return False
        while True:
            free = self.bytes[self._filled : self._limits.chunk_bytes if self._rows else -PADDING_BYTES]
            try:
                size = decompress_into(batch.codec, batch.records, free)
                break
            except UnknownCodec as error:
                raise FastReaderUnavailable(
                    f"{self._where}: the record batch at Kafka offset {batch.base_offset} is compressed with codec "
                    f"{batch.codec}, which is unknown to the fast reader"
                ) from error
            except NotDecompressed as error:
                if self._rows:
                    return False
                if batch.codec in STREAMED and len(self.bytes) >= self._limits.whole_batch_bytes:
                    size = self._put(batch, self._abridged(batch))
                    break
                self._grow(batch, error)
        row = [0] * BATCH_COLUMNS
        row[BEGIN], row[END] = self._filled, self._filled + size
        row[BASE_OFFSET], row[LAST_DELTA] = batch.base_offset, batch.last_offset - batch.base_offset
        row[IS_APPEND_TIME] = batch.append_time_ms is not None
        row[TIMESTAMP_MS] = batch.base_timestamp_ms if batch.append_time_ms is None else batch.append_time_ms
        row[COUNT] = batch.record_count
        self._rows.append(tuple(row))
        self._filled += size
        self._records += batch.record_count
        return True

    def decode(self, start: int, end: int) -> Records:
        """Return the records at start <= Kafka offset < end.

        Raises:
            SmaError: a batch does not hold what its header states.
        """
        table = np.array(self._rows, np.int64).reshape(-1, BATCH_COLUMNS)
        try:
            return decode_records(self.bytes, table, start, end)
        except MalformedBatch as malformed:
            raise self._not_as_stated(int(table[malformed.row, BASE_OFFSET])) from malformed

    def too_long(self, records: Records) -> dict[int, str]:
        """Return why records are rejected without being read, by their row."""
        rows = np.flatnonzero((records.key_lengths > MAX_RECORD_BYTES) | (records.value_lengths > MAX_RECORD_BYTES))
        lengths = ((int(row), int(records.key_lengths[row]), int(records.value_lengths[row])) for row in rows)
        found = {row: str(too_long(key_bytes, value_bytes)) for row, key_bytes, value_bytes in lengths}
        for offset, reason in self._too_long.items():
            row = int(np.searchsorted(records.kafka_offsets, offset))
            if row < len(records.kafka_offsets) and records.kafka_offsets[row] == offset:
                found[row] = reason
        return found

    def content(self, start: int, length: int) -> bytes | None:
        """Return a copy of the bytes of a key or a value; None where its length is -1, which is none."""
        return None if length < 0 else self.bytes[start : start + length].tobytes()

    def _grow(self, batch: RecordBatch, error: NotDecompressed) -> None:
        """Double the memory; the bytes are wrong only if they do not fit into the largest."""
        if len(self.bytes) >= self._limits.batch_bytes:
            raise SmaError(
                f"{self._where}: the record batch at Kafka offset {batch.base_offset} cannot be decompressed into "
                f"{self._limits.batch_bytes} bytes: {error}"
            ) from error
        size_bytes = 2 * len(self.bytes)
        self.bytes = self._memory(0)  # the old memory is free before there is new
        self.bytes = self._memory(size_bytes)

    def _abridged(self, batch: RecordBatch) -> AbridgedBatch:
        try:
            return abridge(batch.codec, batch.records, batch.record_count, self._limits.batch_bytes)
        except NotDecompressed as error:
            raise SmaError(
                f"{self._where}: the record batch at Kafka offset {batch.base_offset} cannot be decompressed into "
                f"{self._limits.batch_bytes} bytes: {error}"
            ) from error
        except NotAsStated as error:
            raise self._not_as_stated(batch.base_offset) from error

    def _put(self, batch: RecordBatch, abridged: AbridgedBatch) -> int:
        """Take over the records of a batch as the only ones; return how many bytes they are."""
        size = len(abridged.records)
        self.bytes = self._memory(max(size, self._limits.chunk_bytes) + PADDING_BYTES)
        self.bytes[:size] = np.frombuffer(abridged.records, np.uint8)
        self._too_long = {batch.base_offset + delta: reason for delta, reason in abridged.reasons.items()}
        return size

    def _not_as_stated(self, offset: int) -> SmaError:
        return SmaError(
            f"{self._where}: the record batch at Kafka offset {offset} does not hold the records that its header "
            "states: it is damaged"
        )

    @staticmethod
    def _memory(size_bytes: int) -> npt.NDArray[np.uint8]:
        return np.zeros(size_bytes, np.uint8)
