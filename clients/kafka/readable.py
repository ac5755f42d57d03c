"""Finds where the records end that a read-committed consumer can be given: before markers and aborted transactions.

Markers and the records of aborted transactions have Kafka offsets that no consumer is given, so a consumer that has
read everything can be behind the end of the log for ever. The search goes backwards from the end and reads headers of
batches: one fetch where the last record or the last transaction is committed.
"""

from collections.abc import Mapping

from kafka.errors import KafkaError, OffsetOutOfRangeError

from clients.answers import ANSWER_TIMEOUT_S
from clients.kafka.batches import BatchHeader
from clients.kafka.connection import reading
from clients.kafka.leaders import Leaders
from clients.kafka.offsets import ends, starts
from clients.kafka.wire import failure
from sma.settings import KafkaSettings

_FIRST_STEP = 2  # a record and the marker behind it
_STEP_FACTOR = 4


class ReadableEnds:
    """The readable ends of a topic's partitions; an end that has not moved is not searched for again."""

    def __init__(self, settings: KafkaSettings, topic: str) -> None:
        """Ask nothing yet."""
        self._settings = settings
        self._topic = topic
        self._known: dict[int, tuple[int, int]] = {}  # by partition: no record is readable from the second to the first

    def after(self, positions: Mapping[int, int], before: Mapping[int, int] | None = None) -> dict[int, int]:
        """Return the Kafka offset after the last readable record of each partition, or its position if that is more.

        So a consumer at that position has records to read iff its position is less. Only what is between the positions
        and the ends is looked at.

        Args:
            positions: the first Kafka offset that was not read, by partition; 0 for those that are not there.
            before: only records before these Kafka offsets count, by partition. None for all.

        Raises:
            SmaError: Kafka does not answer, or has no such topic.
        """
        found, leaders = {}, Leaders(self._settings, self._topic)
        for partition, stable_end in ends(self._settings, self._topic, read_committed=True).items():
            position = positions.get(partition, 0)
            end = stable_end if before is None else min(stable_end, before.get(partition, stable_end))
            found[partition] = position if position >= end else self._search(leaders, partition, position, end)
        return found

    def _search(self, leaders: Leaders, partition: int, position: int, end: int) -> int:
        known_end, readable_end = self._known.get(partition, (0, 0))
        if known_end > end:  # another topic of that name, or fewer records count
            known_end, readable_end = 0, 0
        low = max(position, known_end)
        if low < end:
            try:
                last = self._last_readable(leaders, partition, low, end)
            except KafkaError as error:
                what = f"{self._topic}: partition {partition} could not be read from Kafka offset {low}"
                raise failure(self._settings.kafka_bootstrap, error, what) from error
            readable_end = max(position, readable_end) if last is None else last + 1
            self._known[partition] = (end, readable_end)
        return max(position, readable_end)

    def _last_readable(self, leaders: Leaders, partition: int, low: int, end: int) -> int | None:
        """Return the last readable offset at low <= offset < end; ranges are tried from the end on, each one larger."""
        above, step = end, _FIRST_STEP
        while above > low:
            start = max(low, above - step)
            try:
                batch = _last_batch(leaders, partition, start, above)
            except OffsetOutOfRangeError:
                retained = starts(self._settings, self._topic)[partition]
                if start >= retained:
                    raise
                low = retained  # Kafka has removed what was before it
                continue
            if batch is not None:
                last = (
                    self._last_record(partition, batch, end) if batch.is_compacted else min(batch.last_offset, end - 1)
                )
                return last if last is not None and last >= low else None
            above, step = start, step * _STEP_FACTOR
        return None

    def _last_record(self, partition: int, batch: BatchHeader, end: int) -> int | None:
        """Return the last offset before `end` at which compaction has left a record, which a header does not tell."""
        group = self._settings.consumer_group  # which whoever looks may describe, and is not joined
        others = {"isolation.level": "read_committed", "auto.offset.reset": "error"}
        with reading(self._settings, group, self._topic, {partition: batch.base_offset}, **others) as consumer:
            records = consumer.consume(batch.record_count, ANSWER_TIMEOUT_S)
        offsets = [offset for record in records if not record.error() and (offset := record.offset()) is not None]
        return max((offset for offset in offsets if offset < min(end, batch.last_offset + 1)), default=None)


def _last_batch(leaders: Leaders, partition: int, start: int, end: int) -> BatchHeader | None:
    """Return the last batch with readable records that has offsets at start <= offset < end."""
    last, position = None, start
    while position < end:
        fetched = leaders.fetch(partition, position, read_committed=True)
        if not fetched.batches:
            break
        last = next((batch for batch in reversed(fetched.readable) if batch.base_offset < end), last)
        position = fetched.batches[-1].last_offset + 1
    return last
