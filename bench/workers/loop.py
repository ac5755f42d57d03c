"""A plain Python loop: the last 20 events of each series in the log's order, a result at each event.

The answers it can give are its last windows, at as_of 0.
"""

from collections import deque

import orjson
from confluent_kafka import Consumer
from worker import Done, main

_LENGTH = 20
_BATCH = 10_000
_WAIT_S = 1.0


def work(consumer: Consumer, events: int) -> Done:
    """Read so many events; heartbeats are passed over."""
    windows: dict[tuple[str, str], deque[float]] = {}
    sums: dict[tuple[str, str], float] = {}
    loads, length = orjson.loads, _LENGTH  # locals are faster
    used = 0
    while used < events:
        for record in consumer.consume(min(_BATCH, events - used), _WAIT_S):  # no more, or the last batch waits
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
    return Done(used, lambda: [(f"last_{_LENGTH}", *s, 0, str(sums[s]), len(windows[s])) for s in windows])


if __name__ == "__main__":
    main(work)
