"""A producer in a process of its own, which sends the benchmark's events at a given rate until it is stopped.

It notes when each second of event time was over in each partition: then it had handed over the first event that takes
the partition's watermark past that second.
"""

import time
from dataclasses import dataclass
from itertools import islice
from multiprocessing import get_context
from multiprocessing.connection import Connection

from confluent_kafka import Message

from bench.events import STREAMED, events, producer, send
from sma.settings import Settings

SECOND_MS = 1_000

_SLICE_S = 0.005
_FLUSH_S = 60.0


@dataclass(frozen=True, slots=True)
class Sent:
    """What was sent: how many events in how many seconds, and by partition and `as_of` in seconds when it was over."""

    events: int
    seconds: float
    over_at: dict[int, dict[int, float]]

    @property
    def per_second(self) -> float:
        """The rate that was reached."""
        return self.events / self.seconds


class PacedProducer:
    """The process that sends; `partition_of` says where each series goes."""

    def __init__(self, settings: Settings, per_second: float) -> None:
        """Start to send."""
        context = get_context("spawn")
        self._here, there = context.Pipe()
        self._process = context.Process(target=_produce, args=(settings, per_second, there), daemon=True)
        self._process.start()
        self.partition_of: dict[int, int] = self._here.recv()

    def stop(self) -> Sent:
        """Stop and return what was sent."""
        self._here.send(None)
        sent: Sent = self._here.recv()
        self._process.join()
        return sent


def _produce(settings: Settings, per_second: float, parent: Connection) -> None:
    to = producer(settings)
    topic = settings.events_topic
    source = events(STREAMED)
    series_count = STREAMED.series_count
    partition_of: dict[int, int] = {}

    def note(_: object, message: Message) -> None:
        partition_of[keys[message.key()]] = message.partition() or 0

    keys = {f"{customer}/{metric}".encode(): series for series, (customer, metric) in enumerate(STREAMED.series)}
    for event in islice(source, series_count):
        to.produce(topic, event.value, event.key, timestamp=event.event_time_ms, on_delivery=note)
    to.flush(_FLUSH_S)
    parent.send(partition_of)

    over_at: dict[int, dict[int, float]] = {partition: {} for partition in partition_of.values()}
    newest = dict.fromkeys(over_at, 0)
    began = time.monotonic()
    sent = 0
    while not parent.poll():
        due = int((time.monotonic() - began + _SLICE_S) * per_second)
        for event in islice(source, max(0, due - sent)):
            partition = partition_of[sent % series_count]
            send(to, topic, event)
            sent += 1
            over = (event.event_time_ms - STREAMED.watermark_delay_ms + 1) // SECOND_MS
            if over > newest[partition]:
                now = time.monotonic()
                if newest[partition]:
                    over_at[partition].update(dict.fromkeys(range(newest[partition] + 1, over + 1), now))
                newest[partition] = over
        to.poll(0)
        time.sleep(max(0.0, began + sent / per_second - time.monotonic()))
    seconds = time.monotonic() - began
    to.flush(_FLUSH_S)
    parent.send(Sent(sent, seconds, over_at))
