"""Follows the rows that the stream emits, from the topic `moving_averages`, each as its transaction is committed.

The topic holds the last emission of each row at least: it is compacted. A row that is emitted again has the same key,
and so is in the same partition, later.
"""

import json
import re
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from confluent_kafka import KafkaError, KafkaException, Message

from clients.kafka.connection import reading, why_unanswered
from clients.kafka.denied import Denied
from clients.kafka.offsets import ends, offsets_at, starts
from clients.postgres import Connection
from clients.statements import load_statements
from sma.errors import SmaError
from sma.settings import KafkaSettings

POLL_S = 0.5
REMEMBERED_ROWS = 100_000
"""Of so many rows, the newest read, a later emission is known to be a correction."""

_AT_ONCE = 1_000
_LOST = frozenset({KafkaError._ALL_BROKERS_DOWN, KafkaError._AUTHENTICATION, KafkaError._SSL})
_AVERAGE_SCALE = 9
_VALUE_SUM = re.compile(r"-?[0-9]+\.[0-9]{6}", re.ASCII)
_SQL = load_statements(__file__)


@dataclass(frozen=True, slots=True)
class EmittedRow:
    """A row as the stream emitted it: as_of in milliseconds since the Unix epoch, the sum in micro-units."""

    customer: str
    metric: str
    average: str
    as_of_ms: int
    value_sum_micros: int
    event_count: int
    is_full: bool
    generation: int

    @property
    def sma(self) -> Decimal:
        """The quotient, half away from zero to 9 decimals, as `serving.average` in sql/functions/values.sql."""
        nanos = (2_000 * abs(self.value_sum_micros) + self.event_count) // (2 * self.event_count)
        return Decimal(f"{'-' if self.value_sum_micros < 0 and nanos else ''}{nanos}E-{_AVERAGE_SCALE}")


def parse_row(value: bytes) -> EmittedRow:
    """Return the row that a record holds.

    Raises:
        ValueError: it is no such record.
    """
    try:
        row = json.loads(value)
        if not _VALUE_SUM.fullmatch(row["value_sum"]):
            raise ValueError(f"value_sum: {row['value_sum']!r}")
        return EmittedRow(
            customer=row["customer"],
            metric=row["metric"],
            average=row["average"],
            as_of_ms=row["as_of"],
            value_sum_micros=int(row["value_sum"].replace(".", "")),
            event_count=row["event_count"],
            is_full=row["is_full"],
            generation=row["generation"],
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error


class EmittedBefore:
    """The keys of the rows that were read last, to know a correction by; their number is limited."""

    def __init__(self, most: int = REMEMBERED_ROWS) -> None:
        self._most = most
        self._keys: OrderedDict[tuple[int, bytes], None] = OrderedDict()

    def add(self, generation: int, key: bytes) -> bool:
        """Add a row; return whether it was there, so that this is a correction."""
        was_there = (generation, key) in self._keys
        self._keys[generation, key] = None
        self._keys.move_to_end((generation, key))
        if len(self._keys) > self._most:
            self._keys.popitem(last=False)
        return was_there


def present_generation(connection: Connection) -> int:
    """Return the generation of the rules that the stream computes by; rows of former ones do not count."""
    row = connection.execute(_SQL["read_present_generation"]).fetchone()
    return int(row[0]) if row else 0


def offsets_to_read_from(settings: KafkaSettings, *, from_start: bool, since_ms: int | None) -> dict[int, int]:
    """Return the Kafka offset at which to begin in each partition of the topic.

    Args:
        settings: where Kafka is.
        from_start: begin at the first record that the topic holds.
        since_ms: begin at the first record that the broker took at this time or later, in milliseconds since the epoch.

    Returns:
        By partition; without either, where the next committed record will be.

    Raises:
        SmaError: Kafka does not answer, or has no such topic.
    """
    settings = settings.kafka_as("subscriber")
    topic = settings.moving_averages_topic
    if since_ms is not None:
        return offsets_at(settings, topic, since_ms)
    return starts(settings, topic) if from_start else ends(settings, topic, read_committed=True)


def emitted_rows(
    settings: KafkaSettings,
    topic: str,
    from_offsets: Mapping[int, int],
    generation: int,
    say: Callable[[str], None],
) -> Iterator[list[tuple[EmittedRow, bool]]]:
    """Yield the rows of the topic as they come, without end.

    Args:
        settings: where Kafka is.
        topic: the topic.
        from_offsets: where to begin, by partition.
        generation: rows of a former one are left out.
        say: is told where Kafka does not answer; reading goes on once it does.

    Yields:
        Rows in the order of their partition, each with whether it corrects one that was yielded; an empty list where
        none came within POLL_S.

    Raises:
        SmaError: a record is no row, or Kafka refuses.
    """
    settings = settings.kafka_as("subscriber")
    before, is_silent, is_lost = EmittedBefore(), False, False
    errors: list[KafkaError] = []
    others = {"isolation.level": "read_committed", "auto.offset.reset": "earliest", "error_cb": errors.append}
    with reading(settings, f"{settings.topic_prefix}tail", topic, from_offsets, **others) as consumer:
        while True:
            records = consumer.consume(_AT_ONCE, POLL_S)
            rows = [(row, record.key()) for record in records for row in (_row(topic, record),)]
            yield [(row, before.add(row.generation, key or b"")) for row, key in rows if row.generation >= generation]
            is_lost |= any(error.code() in _LOST for error in errors)  # librdkafka says it once, perhaps beside rows
            errors.clear()
            if rows:
                is_silent = False
            elif is_lost and not is_silent:
                why = why_unanswered(settings)
                if isinstance(why, Denied):
                    raise why
                is_lost, is_silent = False, why is not None
                if is_silent:
                    say(f"Kafka does not answer at {settings.kafka_bootstrap}: still trying")


def _row(topic: str, record: Message) -> EmittedRow:
    error, value = record.error(), record.value()
    if error is not None:
        raise KafkaException(error)
    try:
        return parse_row(value if isinstance(value, bytes) else b"null")
    except ValueError as fault:
        raise SmaError(
            f"topic {topic}, partition {record.partition()}, offset {record.offset()}: no row of averages ({fault}): "
            "something else than the Flink job writes there"
        ) from fault
