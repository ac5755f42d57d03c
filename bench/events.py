"""The events of the benchmarks: the same ones every time, from a seed, in topics that later runs find again.

The series of a timeline send in turn. Each event is behind by up to the time in which 300 are sent, so a series of 100
has up to three in the wrong order; the watermark delay is longer than that, so none is late.
"""

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count, islice

from confluent_kafka import KafkaError, Producer
from confluent_kafka.admin import AdminClient

from deploy.topics import reset_topics
from sma.durations import DAY_MS
from sma.errors import SmaError
from sma.settings import Settings
from streaming.control.kafka_log import KafkaLog

SEED = 1
PARTITIONS = 4
TOPICS = "bench-"  # what the names of all topics begin with

_VERSION = 1  # of what is below; a log that another version has made is made again
_FLUSH_S = 120.0
_ADMIN_S = 15.0
_PROGRESS = 500_000


@dataclass(frozen=True, slots=True)
class Timeline:
    """How events lie in event time: one every `between_ms`, from `first_ms` on.

    The heartbeats are `closing_ms` after the last event, so that the windows that are measured close.
    """

    name: str
    first_ms: int
    between_ms: int
    closing_ms: int
    series_count: int = 100

    @property
    def series(self) -> tuple[tuple[str, str], ...]:
        """Customer and metric of each series, in the order in which they send."""
        return tuple((f"customer{number // 10}", f"metric{number % 10}") for number in range(self.series_count))

    @property
    def disorder_ms(self) -> int:
        """How far behind an event can be."""
        return 300 * self.between_ms

    @property
    def watermark_delay_ms(self) -> int:
        """Longer than any event is behind."""
        return 400 * self.between_ms


# 4,000,000 events span 20,000 s, two a second and series
STREAMED = Timeline("preloaded", first_ms=1_700_000_000_000, between_ms=5, closing_ms=120_000)
# 4,000,000 events span 30 days (UTC), one in 65 s of a series
MONTH = Timeline("month", first_ms=1_700_006_400_000, between_ms=648, closing_ms=2 * DAY_MS)
# 30 hours of 3 series, of which two share a partition: windows of 2,000 events and of a day fill up and move on
SMALL = Timeline("small", first_ms=MONTH.first_ms, between_ms=17_143, closing_ms=2 * DAY_MS, series_count=3)


@dataclass(frozen=True, slots=True)
class Event:
    """One event as it goes to Kafka, and what a reader should make of it."""

    key: bytes
    value: bytes
    event_time_ms: int
    value_micros: int


@dataclass(frozen=True, slots=True)
class Log:
    """The events in Kafka; the records of each partition up to `ends` are events, then comes its heartbeat."""

    settings: Settings
    timeline: Timeline
    events: int
    starts: Mapping[int, int]
    ends: Mapping[int, int]

    def prefix(self, share: float) -> "Log":
        """Return this share of each partition, without a heartbeat at its end."""
        ends = {partition: int(end * share) for partition, end in self.ends.items()}
        return Log(self.settings, self.timeline, sum(ends.values()), self.starts, ends)

    @property
    def closed_ends(self) -> dict[int, int]:
        """The ends with the heartbeats, for a reader to whom these close windows."""
        return {partition: end + 1 for partition, end in self.ends.items()}


def events(timeline: Timeline) -> Iterator[Event]:
    """Return the events, without end."""
    draw = random.Random(SEED).random  # noqa: S311 - no secret
    names = timeline.series
    keys = [f"{customer}/{metric}".encode() for customer, metric in names]
    heads = [f'{{"customer": "{customer}", "metric": "{metric}", "event_time": ' for customer, metric in names]
    first_ms, between_ms, disorder_ms = timeline.first_ms, timeline.between_ms, timeline.disorder_ms
    for number in count():
        series = number % len(names)
        time_ms = first_ms + number * between_ms - int(draw() * disorder_ms)
        number_text = f"{draw() * 2_000_000 - 1_000_000:.3f}"
        value = f'{heads[series]}{time_ms}, "value": "{number_text}"}}'
        yield Event(keys[series], value.encode(), time_ms, int(number_text.replace(".", "")) * 1_000)


def preloaded(settings: Settings, number: int, say: Callable[[str], None], timeline: Timeline = STREAMED) -> Log:
    """Return a log of so many events, which is made unless an earlier run has left it.

    Raises:
        SmaError: Kafka refuses it.
    """
    own = settings.model_copy(
        update={"topic_prefix": f"{TOPICS}{timeline.name}-{_VERSION}-{number}.", "partitions": PARTITIONS}
    )
    log = KafkaLog(own)
    if log.record_count(own.events_topic) != number + PARTITIONS:
        reset_topics(own)
        _send(own, timeline, number, say)
    ends = {partition: end - 1 for partition, end in log.ends().items()}
    return Log(own, timeline, number, log.starts(), ends)


def beginning(log: Log, share: float, say: Callable[[str], None]) -> Log:
    """Return a log of the first events of another, with heartbeats of its own: as whole as that, and shorter."""
    return preloaded(log.settings, max(1, int(log.events * share)), say, log.timeline)


def delete_logs(settings: Settings) -> None:
    """Delete every topic that a benchmark makes."""
    admin = AdminClient({"bootstrap.servers": settings.kafka_bootstrap, "log_level": 0})
    made = [topic for topic in admin.list_topics(timeout=_ADMIN_S).topics if topic.startswith(TOPICS)]
    if made:
        for future in admin.delete_topics(made, operation_timeout=_ADMIN_S).values():
            future.result()


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


def _send(settings: Settings, timeline: Timeline, number: int, say: Callable[[str], None]) -> None:
    failures: list[KafkaError] = []
    to = producer(settings)
    topic = settings.events_topic
    for sent, event in enumerate(islice(events(timeline), number), start=1):
        send(to, topic, event)
        if sent % _PROGRESS == 0:
            say(f"events       {sent:,} of {number:,} sent")
    to.flush(_FLUSH_S)
    heartbeat_ms = timeline.first_ms + number * timeline.between_ms + timeline.closing_ms
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
