"""Runs a worker: prints `ready` once it can read, waits for a line, works, and prints its counts and times.

Workers run in a Python of their own that has what they need, made by `bench/python_workers.py`; so they import nothing
of the project. Arguments: bootstrap servers, topic, ends as `0:10,1:12`, and a file for the answers or `-`. Without a
file the answers go nowhere, as all of them do while time is taken.
"""

import json
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import Consumer, TopicPartition

NOWHERE = "-"

Answer = tuple[str, str, str, int, str, int]  # average, customer, metric, as_of in ms, sum, count


@dataclass(frozen=True)
class Done:
    """How many events were used; `answers` yields all windows one by one."""

    events: int
    answers: Callable[[], Iterable[Answer]]


def main(work: Callable[[Consumer, int], Done]) -> None:
    """Run the work: it takes a consumer and how many events to read."""
    bootstrap, topic, places, file = sys.argv[1:]
    ends = {int(partition): int(end) for partition, end in (place.split(":") for place in places.split(","))}
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "bench", "enable.auto.commit": False})
    consumer.list_topics(topic)
    print("ready", flush=True)
    sys.stdin.readline()
    began = time.monotonic()
    consumer.assign([TopicPartition(topic, partition, 0) for partition in ends])
    done = work(consumer, sum(ends.values()))
    ended = time.monotonic()
    consumer.close()
    if file != NOWHERE:
        Path(file).write_text(json.dumps(list(done.answers())), encoding="utf-8")
    print(json.dumps({"events": done.events, "began": began, "ended": ended}), flush=True)
