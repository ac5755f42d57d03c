"""The events that are measured with: the same ones every time, from a seed.

100 series send in turn, an event every 5 ms of event time: 4,000,000 events span 20,000 s, two a second and series.
Each is up to 1.5 s behind, so they are out of order, and with a watermark delay of 2 s none is late.
"""

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count, islice

from confluent_kafka import KafkaError, Producer

from bench.cluster import PARTITIONS
from deploy.topics import reset_topics
from sma.errors import SmaError
from sma.settings import Settings
from streaming.kafka_log import KafkaLog

SEED = 1
FIRST_MS = 1_700_000_000_000
BETWEEN_MS = 5
DISORDER_MS = 1_500
WATERMARK_DELAY_MS = 2_000
CLOSING_MS = 120_000  # past the last event, so that all windows up to a minute close
SERIES = tuple((f"customer{customer}", f"metric{metric}") for customer in range(10) for metric in range(10))

_VERSION = 1  # of what is below; a log made by another one is made anew
_FLUSH_S = 120.0
_PROGRESS = 500_000


@dataclass(frozen=True, slots=True)
class Event:
    """One event as it goes to Kafka."""

    key: bytes
    value: bytes
    event_time_ms: int


@dataclass(frozen=True, slots=True)
class Log:
    """The events in Kafka; the records of each partition up to `ends` are events, then comes its heartbeat."""

    settings: Settings
    events: int
    starts: Mapping[int, int]
    ends: Mapping[int, int]

    def prefix(self, share: float) -> "Log":
        """Return the beginning of the log: about this share of each partition."""
        ends = {partition: int(end * share) for partition, end in self.ends.items()}
        return Log(self.settings, sum(ends.values()), self.starts, ends)

    @property
    def closed_ends(self) -> dict[int, int]:
        """The ends with the heartbeats, for a reader to whom these close windows."""
        return {partition: end + 1 for partition, end in self.ends.items()}


def events(first_ms: int = FIRST_MS) -> Iterator[Event]:
    """Return the events, without end."""
    draw = random.Random(SEED).random  # noqa: S311 - no secret
    keys = [f"{customer}/{metric}".encode() for customer, metric in SERIES]
    heads = [f'{{"customer": "{customer}", "metric": "{metric}", "event_time": ' for customer, metric in SERIES]
    for number in count():
        series = number % len(SERIES)
        time_ms = first_ms + number * BETWEEN_MS - int(draw() * DISORDER_MS)
        value = f'{heads[series]}{time_ms}, "value": "{draw() * 2_000_000 - 1_000_000:.3f}"}}'
        yield Event(keys[series], value.encode(), time_ms)


def preloaded(settings: Settings, number: int, say: Callable[[str], None]) -> Log:
    """Return a log of so many events, which is made unless it is there from an earlier run.

    Raises:
        SmaError: Kafka refuses it.
    """
    own = settings.model_copy(update={"topic_prefix": f"preloaded-{_VERSION}-{number}.", "partitions": PARTITIONS})
    log = KafkaLog(own)
    if log.record_count(own.events_topic) != number + PARTITIONS:
        reset_topics(own)
        _send(own, number, say)
    ends = {partition: end - 1 for partition, end in log.ends().items()}
    return Log(own, number, log.starts(), ends)


def producer(settings: Settings) -> Producer:
    """Return a producer that sends as the project's own does."""
    return Producer(
        {
            "bootstrap.servers": settings.kafka_bootstrap,
            "enable.idempotence": True,
            "partitioner": "murmur2_random",
            "linger.ms": 20,
            "compression.type": "lz4",
            "queue.buffering.max.messages": 500_000,
            "log_level": 2,
        }
    )


def send(to: Producer, topic: str, event: Event) -> None:
    """Send one event, waiting while the producer's queue is full."""
    while True:
        try:
            to.produce(topic, event.value, event.key, timestamp=event.event_time_ms)
            return
        except BufferError:
            to.poll(0.05)


def _send(settings: Settings, number: int, say: Callable[[str], None]) -> None:
    failures: list[KafkaError] = []
    to = producer(settings)
    topic = settings.events_topic
    for sent, event in enumerate(islice(events(), number), start=1):
        send(to, topic, event)
        if sent % _PROGRESS == 0:
            say(f"events       {sent:,} of {number:,} sent")
    to.flush(_FLUSH_S)
    heartbeat_ms = FIRST_MS + number * BETWEEN_MS + CLOSING_MS
    for partition in range(PARTITIONS):
        to.produce(
            topic,
            b'{"heartbeat": %d}' % heartbeat_ms,
            partition=partition,
            timestamp=heartbeat_ms,
            on_delivery=lambda error, _: failures.append(error) if error else None,
        )
    if to.flush(_FLUSH_S) or failures or sum(KafkaLog(settings).ends().values()) != number + PARTITIONS:
        raise SmaError(f"Kafka topic {topic}: not all of {number} events were taken {failures or ''}")
