"""Measures the running job at half load: how soon a row is visible, and how soon it works again after a kill.

Half load is half of the events a second that our job takes into the database at most. The events are the benchmark's,
so event time runs that much faster than the clock. A row can be emitted once its partition has an event past the row's
`as_of` and the watermark's delay; its latency is the time from handing that event to the Kafka client to the row being
visible to a reader of the database, who asks for one series of each partition again and again.
"""

import math
import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import psycopg

from bench.databases import own_database
from bench.events import PARTITIONS, STREAMED, TOPICS
from bench.streaming import ours
from bench.streaming.paced import PacedProducer
from bench.streaming.surroundings import as_usual
from bench.streaming.task_manager import task_manager_pid
from deploy.topics import reset_topics
from sma.errors import SmaError
from sma.settings import Settings
from streaming.control import lifecycle
from streaming.control.kafka_log import KafkaLog
from streaming.submit.plan import running_plan

_WARM_UP_SHARE = 1 / 3  # of the time at half load
_IN_FLIGHT_S = 1.0
_RECOVERY_S = 180.0
_ASK_EVERY_S = 0.01

_NEW_ROWS = """
    SELECT extract(EPOCH FROM as_of)::bigint
    FROM sma.streaming_averages
    WHERE customer = %s
        AND metric = %s
        AND average = %s
        AND as_of > to_timestamp(%s)
    ORDER BY as_of
"""


@dataclass(frozen=True, slots=True)
class Live:
    """The measurements; latencies are those of `rows` rows."""

    per_second: float
    rows: int
    p50_s: float
    p99_s: float
    recovery_s: float


class _Reader:
    """Sees when rows of one series of each partition become visible."""

    def __init__(self, connection: psycopg.Connection, series_of: dict[int, int]) -> None:
        self._connection = connection
        self._names = {partition: STREAMED.series[series] for partition, series in series_of.items()}
        self.newest = dict.fromkeys(series_of, 0)

    def read(self) -> dict[int, list[int]]:
        """Return the rows that are new, by partition, as `as_of` in seconds."""
        found = {}
        for partition, names in self._names.items():
            parameters = (*names, ours.COUNT_20[0].name, self.newest[partition])
            found[partition] = [int(row[0]) for row in self._connection.execute(_NEW_ROWS, parameters, prepare=True)]
            if found[partition]:
                self.newest[partition] = found[partition][-1]
        return found


def measure(settings: Settings, per_second: float, for_s: float, say: Callable[[str], None]) -> Live:
    """Run the job with so many events a second for some time, then kill the TaskManager, and return the measurements.

    Raises:
        SmaError: the job does not run, emits no rows, or does not recover.
    """
    named = {"topic_prefix": f"{TOPICS}live.", "job_name": "bench-live", "partitions": PARTITIONS}
    with own_database(settings.model_copy(update=named)) as own:
        return _measure(own, per_second, for_s, say)


def _measure(own: Settings, per_second: float, for_s: float, say: Callable[[str], None]) -> Live:
    as_usual(own)
    lifecycle.cancel(own)
    reset_topics(own)
    log = KafkaLog(own)
    plan = running_plan(own, ours.definition(ours.COUNT_20), 0, log.starts(), {})
    lifecycle.run(own, plan, f"{own.flink_storage_uri}/bench-live", None)
    sending = PacedProducer(own, per_second)
    try:
        with psycopg.connect(own.streaming_database_url.get_secret_value(), autocommit=True) as connection:
            series_of = {partition: series for series, partition in sending.partition_of.items()}
            reader = _Reader(connection, series_of)
            say(f"live         {per_second:,.0f} events/s for {for_s:.0f} s")
            _visible(reader, for_s * _WARM_UP_SHARE)
            visible = _visible(reader, for_s * (1 - _WARM_UP_SHARE))
            say("live         killing the TaskManager")
            recovery_s = _kill_and_wait(reader, task_manager_pid(own))
    finally:
        sent = sending.stop()
        lifecycle.cancel(own)
    latencies = sorted(
        seen - sent.over_at[partition][as_of]
        for partition, rows in visible.items()
        for as_of, seen in rows.items()
        if as_of in sent.over_at[partition]
    )
    if not latencies:
        raise SmaError("the running job emitted no row that could be measured")
    return Live(
        per_second=sent.per_second,
        rows=len(latencies),
        p50_s=_percentile(latencies, 0.50),
        p99_s=_percentile(latencies, 0.99),
        recovery_s=recovery_s,
    )


def _visible(reader: _Reader, seconds: float) -> dict[int, dict[int, float]]:
    """Return when each row became visible, by partition and `as_of`."""
    seen: dict[int, dict[int, float]] = {partition: {} for partition in reader.newest}
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for partition, rows in reader.read().items():
            seen[partition].update(dict.fromkeys(rows, time.monotonic()))
        time.sleep(_ASK_EVERY_S)
    return seen


def _kill_and_wait(reader: _Reader, task_manager: int) -> float:
    """Kill the TaskManager, and return how long it takes until every partition has new rows."""
    killed = time.monotonic()
    os.kill(task_manager, signal.SIGKILL)
    _visible(reader, _IN_FLIGHT_S)  # what had been sent to the database before
    before = dict(reader.newest)
    while any(reader.newest[partition] == newest for partition, newest in before.items()):
        if time.monotonic() - killed > _RECOVERY_S:
            raise SmaError(f"no new rows {_RECOVERY_S:.0f} s after the TaskManager was killed")
        reader.read()
        time.sleep(_ASK_EVERY_S)
    return time.monotonic() - killed


def _percentile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, math.ceil(share * len(ordered)) - 1)]
