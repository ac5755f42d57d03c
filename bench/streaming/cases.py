"""What is run, and which runs are compared: the streaming benchmark's cases and the ratios made of them."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from bench import python_workers
from bench.cases import Case, Ratio, Result
from bench.cluster import unwatched, watched
from bench.events import Log
from bench.streaming import flink_sql, ours, scan, sink, streams
from bench.streaming.task_manager import metered
from sma.settings import Settings, load_settings

_SLOW_SHARE = 0.25  # of the log is what runs where the whole of it would take too long
_WARM_UP_SHARE = 0.25
_STREAMS_RUNS = 2  # in one JVM, of which the second one is warm, as the TaskManager's is

# what writes rows runs over a log of its own, closed by heartbeats too, of this share of the events
WRITES_ROWS = frozenset({"sink", "jdbc", "jdbc_tuned"})
ROWS_SHARE = 0.25  # with all events, Flink SQL's windows and the JDBC sink ran out of memory


def _events(run: Callable[[Log], float]) -> Callable[[Log], Result]:
    return lambda log: Result(log.events, run(log))


def _on_flink(title: str, run: Callable[[Log], float]) -> Case:
    return Case(title, metered(_events(run)))


def _slowly_on_flink(title: str, run: Callable[[Log], float]) -> Case:
    run_events = metered(_events(run))
    return Case(title, lambda log: run_events(log.prefix(_SLOW_SHARE)))


def _ours(title: str, averages: ours.Windows) -> Case:
    return _on_flink(title, lambda log: ours.run(log, averages[0].name, averages))


def _over_rows(event_count: int) -> Case:
    title = f"Flink SQL, OVER ROWS, last {event_count}, a row an event"
    return _slowly_on_flink(title, lambda log: flink_sql.over_rows(log, event_count))


def _kafka_streams(title: str, store: str) -> Case:
    run = _events(lambda log: min(streams.run(log, 20, store, _STREAMS_RUNS)))
    return Case(f"Kafka Streams, last 20, {title}", run)


def _our_sink(log: Log) -> Result:
    seconds, rows = sink.run_ours(log)
    return Result(rows, seconds)


def _beside(surroundings: Callable[[Settings], AbstractContextManager[None]]) -> Callable[[Log], Result]:
    """Return our sink in surroundings for which Flink starts anew, once its code has been compiled there."""

    def run(log: Log) -> Result:
        with surroundings(load_settings()):
            _our_sink(log.prefix(_WARM_UP_SHARE))
            return metered(_our_sink)(log)

    return run


def _jdbc_sink(title: str, is_tuned: bool) -> Case:
    def run(log: Log) -> Result:
        seconds, rows = sink.run_jdbc(log, is_tuned)
        return Result(rows, seconds)

    return Case(f"Flink's JDBC sink, {title}", metered(run))


CASES = {
    "count_20": _ours("ours, last 20 events", ours.COUNT_20),
    "count_200": _ours("ours, last 200 events", ours.COUNT_200),
    "count_20000": _ours("ours, last 20,000 events", ours.COUNT_20000),
    "ten": _ours("ours, ten windows of last 20 to 200 events", ours.TEN),
    "hour": _ours("ours, last hour", ours.HOUR),
    "count_20_each": _ours("ours, last 20 events, a row a millisecond", ours.COUNT_20_EACH),
    "over_20": _over_rows(20),
    "over_200": _over_rows(200),
    "hop": _slowly_on_flink("Flink SQL, HOP of 60 s every 1 s", flink_sql.hop),
    "scan": _on_flink("our reader alone", scan.run),
    "sql_scan": _on_flink("Flink's JSON format alone", flink_sql.scan),
    "streams_logged": _kafka_streams("changelog", streams.LOGGED),
    "streams_cached": _kafka_streams("changelog and record cache", streams.CACHED),
    "streams_unlogged": _kafka_streams("no changelog, so not fault tolerant", streams.UNLOGGED),
    "loop": Case(
        "Python loop in 2 processes, last 20", _events(lambda log: python_workers.seconds_of(python_workers.LOOP, log))
    ),
    "sink": Case("our sink", metered(_our_sink)),  # before the others, which look at its rows
    "watched": Case("our sink, Flink's reporter and our logs there, Prometheus at work", _beside(watched)),
    "unwatched": Case("our sink, with none of these", _beside(unwatched)),
    "jdbc": _jdbc_sink("its defaults", is_tuned=False),
    "jdbc_tuned": _jdbc_sink("5,000 rows a flush, rewritten by the driver", is_tuned=True),
}
_OURS = ("count_20", "count_200", "count_20000", "ten", "hour")
RATIOS = {
    "count_20_vs_over": Ratio(
        "last 20 events, against OVER ROWS", ("count_20",), ("over_20",), 10, 20, ("count_20_each",)
    ),
    "count_200_vs_over": Ratio("last 200 events, against OVER ROWS", ("count_200",), ("over_200",), 15, 30),
    "flat_20000": Ratio("last 20,000 events, against last 20", ("count_20000",), ("count_20",), 0.75, 0.95),
    "ten_windows": Ratio("ten windows, against one", ("ten",), ("count_20",), 0.5, 0.8),
    "duration_vs_hop": Ratio("last hour, against HOP of 60 s", ("hour",), ("hop",), 0.6, 0.9),
    "vs_scan": Ratio("the slowest of ours, against reading alone", _OURS, ("scan", "sql_scan"), 0.45, 0.8),
    "vs_kafka_streams": Ratio(
        "last 20 events, against Kafka Streams",
        ("count_20",),
        ("streams_logged", "streams_cached"),
        0.8,
        1.5,
        ("streams_unlogged",),
    ),
    "vs_python_loop": Ratio("last 20 events, against a Python loop", ("count_20",), ("loop",), 0.4, 1),
    "sink_vs_jdbc": Ratio("rows into TimescaleDB, against JDBC", ("sink",), ("jdbc",), 3, 6, ("jdbc_tuned",)),
    "watched_vs_not": Ratio("our sink, watched, against not", ("watched",), ("unwatched",), 0.95, 0.99),
}
