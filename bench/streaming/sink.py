"""Rows into TimescaleDB: our job with its sink, and Flink SQL with the JDBC sink, each into the same table.

Both emit the same rows, each second by itself, which costs either next to nothing: what is measured is the writing. The
table is empty before each run. After it, it must hold what the events add up to in plain Python; so neither is right
because the other is.
"""

from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from itertools import islice

from bench.cases import Result
from bench.databases import empty
from bench.digest import Digest, Row, digest_of, require_rows
from bench.events import Log, Timeline, events
from bench.streaming import flink_sql, ours

JOB = "sink"
TABLE = "sma.streaming_averages"

_AVERAGE = ours.SECOND[0]


def run_ours(log: Log) -> Result:
    """Run our job over a log into the database of its settings.

    Raises:
        SmaError: it failed, or wrote something else than it should.
    """
    empty(log.settings, TABLE)
    seconds = ours.run(log, JOB, ours.SECOND, writes_rows=True)
    return _checked(log, seconds)


def run_jdbc(log: Log) -> Result:
    """Run Flink's SQL with the JDBC sink and its defaults over a log into the database of its settings.

    Raises:
        SmaError: it failed, or wrote something else than it should.
    """
    return _run_jdbc(log, is_tuned=False)


def run_jdbc_tuned(log: Log) -> Result:
    """Run the same with larger batches, rewritten by the driver.

    Raises:
        SmaError: it failed, or wrote something else than it should.
    """
    return _run_jdbc(log, is_tuned=True)


def _run_jdbc(log: Log, is_tuned: bool) -> Result:
    empty(log.settings, TABLE)
    seconds = flink_sql.tumble_to_jdbc(log, log.settings.owner_database_url.get_secret_value(), is_tuned)
    return _checked(log, seconds)


def _checked(log: Log, seconds: float) -> Result:
    wanted = _wanted(log.timeline, log.events)
    require_rows(log.settings, TABLE, wanted)
    return Result(wanted.rows, seconds)


@cache
def _wanted(timeline: Timeline, number: int) -> Digest:
    """Return the digest of the rows that the first `number` events make."""
    return digest_of(_seconds(timeline, number))


def _seconds(timeline: Timeline, number: int) -> Iterator[Row]:
    """Yield what each second of each series adds up to."""
    every_ms = _AVERAGE.every_ms
    sums: dict[tuple[int, int], list[int]] = defaultdict(lambda: [0, 0])
    for place, event in enumerate(islice(events(timeline), number)):
        pair = sums[place % timeline.series_count, event.event_time_ms // every_ms]
        pair[0] += event.value_micros
        pair[1] += 1
    for (series, second), (value_sum_micros, event_count) in sums.items():
        yield *timeline.series[series], _AVERAGE.name, (second + 1) * every_ms, value_sum_micros, event_count
