"""One process of the plain Python loop: the last N events of each series in its partitions, a result at each event.

Runs in a Python of its own that has confluent_kafka and orjson, made by `bench/python_loop.py`; so this imports nothing
of the project. Arguments: bootstrap servers, topic, N, ends as `0:10,1:12`. It says `ready` once it can read, waits for
a line on standard input, and prints how many events it used and when it began and ended (monotonic seconds).
"""

import json
import sys
import time
from collections import deque

import orjson
from confluent_kafka import Consumer, TopicPartition

_BATCH = 10_000
_WAIT_S = 1.0


def main() -> None:
    """Read the partitions to their ends."""
    bootstrap, topic, length, places = sys.argv[1:]
    ends = {int(partition): int(end) for partition, end in (place.split(":") for place in places.split(","))}
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "bench-loop", "enable.auto.commit": False})
    consumer.list_topics(topic)
    print("ready", flush=True)
    sys.stdin.readline()
    began = time.monotonic()
    consumer.assign([TopicPartition(topic, partition, 0) for partition in ends])
    used = read(consumer, sum(ends.values()), int(length))
    print(json.dumps({"events": used, "began": began, "ended": time.monotonic()}), flush=True)
    consumer.close()


def read(consumer: Consumer, events: int, length: int) -> int:
    """Read so many events and return how many were used; heartbeats are passed over."""
    windows: dict[tuple[str, str], deque[float]] = {}
    sums: dict[tuple[str, str], float] = {}
    loads = orjson.loads
    used = 0
    while used < events:
        for record in consumer.consume(_BATCH, _WAIT_S):
            event = loads(record.value())
            if "heartbeat" in event:
                continue
            series = event["customer"], event["metric"]
            value = float(event["value"])
            window = windows.get(series)
            if window is None:
                window = windows[series] = deque(maxlen=length)
                sums[series] = 0.0
            if len(window) == length:
                sums[series] -= window[0]
            window.append(value)
            sums[series] += value
            average = sums[series] / len(window)  # noqa: F841 - the result, which goes nowhere
            used += 1
    return used


if __name__ == "__main__":
    main()
