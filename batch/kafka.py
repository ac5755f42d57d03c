"""Kafka as the batch layer uses it: explicit ranges of offsets, read once, and nothing committed.

What a record means is not decided here: `log` and `diverted` do that.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

from confluent_kafka import (
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

from sma.errors import SmaError
from sma.settings import Settings

ANSWER_TIMEOUT_SECONDS = 10.0
SILENCE_TIMEOUT_SECONDS = 60.0
CHUNK_RECORDS = 50_000
CHUNK_TIMEOUT_SECONDS = 0.2

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class OffsetRange:
    """The Kafka offsets start <= offset < end of one partition."""

    start: int
    end: int


class Record(NamedTuple):
    """One Kafka record: where it stands, its timestamp (-1 for none), and its bytes."""

    partition: int
    offset: int
    timestamp_ms: int
    value: bytes | None


def retained_ranges(settings: Settings, topic: str) -> dict[int, OffsetRange]:
    """Return what each partition of a topic retains, up to the first transaction that is still open.

    Raises:
        SmaError: Kafka does not answer, or has no such topic.
    """
    try:
        admin = AdminClient(_client(settings))
        described = admin.list_topics(topic, timeout=ANSWER_TIMEOUT_SECONDS).topics[topic]
        if described.error is not None or not described.partitions:
            raise SmaError(f"Kafka at {settings.kafka_bootstrap} has no topic {topic!r}: `sma up` creates it")
        starts = _list_offsets(admin, topic, sorted(described.partitions), OffsetSpec.earliest())  # type: ignore[no-untyped-call]
        ends = _list_offsets(admin, topic, sorted(described.partitions), OffsetSpec.latest())  # type: ignore[no-untyped-call]
    except KafkaException as error:
        raise _no_answer(settings, error) from error
    return {partition: OffsetRange(start, ends[partition]) for partition, start in starts.items()}


def committed_offsets(settings: Settings, topic: str, group: str) -> dict[int, int]:
    """Return the first Kafka offset that a consumer group has not confirmed, by partition; none where it never did.

    Raises:
        SmaError: Kafka does not answer.
    """
    partitions = [TopicPartition(topic, partition) for partition in retained_ranges(settings, topic)]
    # a consumer that only asks, and never joins the group; the admin client's own call for this crashed the whole
    # process once (confluent-kafka 2.16.1, the first request for a group that a new broker ever got)
    consumer = Consumer(_client(settings) | {"group.id": group, "enable.auto.commit": False})
    try:
        committed = consumer.committed(partitions, timeout=ANSWER_TIMEOUT_SECONDS)
    except KafkaException as error:
        raise _no_answer(settings, error) from error
    finally:
        consumer.close()
    return {held.partition: held.offset for held in committed if held.offset >= 0}


def read_records(settings: Settings, topic: str, ranges: Mapping[int, OffsetRange]) -> Iterator[list[Record]]:
    """Yield the records that stand in the given ranges, in chunks, each partition's in order.

    A range may hold fewer records than offsets: a partition is done when its position reaches the range's end.

    Raises:
        SmaError: Kafka does not answer, or falls silent half way.
    """
    open_ends = {partition: held.end for partition, held in ranges.items() if held.start < held.end}
    consumer = Consumer(
        _client(settings)
        | {
            "group.id": f"{settings.topic_prefix}batch",  # the client demands one; nothing is committed under it
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "auto.offset.reset": "error",
        }
    )
    try:
        consumer.assign([TopicPartition(topic, partition, ranges[partition].start) for partition in open_ends])
        heard_at = time.monotonic()
        while open_ends:
            consumed = consumer.consume(CHUNK_RECORDS, timeout=CHUNK_TIMEOUT_SECONDS)
            if consumed:
                heard_at = time.monotonic()
            elif time.monotonic() - heard_at > SILENCE_TIMEOUT_SECONDS:
                raise SmaError(_silence(settings, topic, open_ends))
            yield [
                record for record in map(_record, consumed) if record and record.offset < ranges[record.partition].end
            ]
            for partition in _done(consumed, open_ends):
                del open_ends[partition]
                consumer.incremental_unassign([TopicPartition(topic, partition)])
    except KafkaException as error:
        raise _no_answer(settings, error) from error
    finally:
        consumer.close()


def _record(message: Message) -> Record | None:
    error = message.error()
    if error is None:
        return Record(*_position(message), message.timestamp()[1], message.value())
    if error.code() == KafkaError._PARTITION_EOF:
        return None
    raise KafkaException(error)


def _position(message: Message) -> tuple[int, int]:
    return cast(tuple[int, int], (message.partition(), message.offset()))  # None only for one not yet sent


def _done(consumed: list[Message], open_ends: Mapping[int, int]) -> set[int]:
    """Return the partitions whose end has been reached: by a record, or by the end of all that is there."""
    done = set()
    for message in consumed:
        partition, offset = _position(message)
        next_offset = offset if message.error() else offset + 1
        if next_offset >= open_ends.get(partition, next_offset + 1):
            done.add(partition)
    return done


def _list_offsets(admin: AdminClient, topic: str, partitions: list[int], which: Any) -> dict[int, int]:
    futures = admin.list_offsets(
        {TopicPartition(topic, partition): which for partition in partitions},
        isolation_level=IsolationLevel.READ_COMMITTED,
        request_timeout=ANSWER_TIMEOUT_SECONDS,
    )
    return {held.partition: future.result().offset for held, future in futures.items()}


def _client(settings: Settings) -> dict[str, Any]:
    # 2 is critical: the client would print each refused connection, and every failure is raised here anyway
    return {"bootstrap.servers": settings.kafka_bootstrap, "log_level": 2, "error_cb": lambda _: None}


def _no_answer(settings: Settings, error: KafkaException) -> SmaError:
    reason = error.args[0].str() if error.args else str(error)
    return SmaError(f"Kafka at {settings.kafka_bootstrap}: {reason}: is it running? `sma status`, `sma up`")


def _silence(settings: Settings, topic: str, open_ends: Mapping[int, int]) -> str:
    partition, end = next(iter(open_ends.items()))
    return (
        f"Kafka at {settings.kafka_bootstrap} sent nothing for {SILENCE_TIMEOUT_SECONDS:.0f} seconds while partition "
        f"{partition} of {topic} was being read to Kafka offset {end}: is it running? `sma status`"
    )
