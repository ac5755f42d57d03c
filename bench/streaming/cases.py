"""The streaming benchmark's cases, and the ratios made of them."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace

from bench import python_workers
from bench.cases import Case, Ratio, Result
from bench.databases import own_database
from bench.events import Log, beginning
from bench.streaming import flink_sql, ours, scan, sink, streams
from bench.streaming.flink_run import named
from bench.streaming.surroundings import as_usual, unwatched, watched
from bench.streaming.task_manager import metered
from cli.console import say
from sma.settings import Settings

WARM_UP_SHARE = 0.25  # of the log is what a case runs over before it is timed

_SLOW_SHARE = 0.25  # of the log is what runs where the whole of it would take too long
_STREAMS_RUNS = 2  # in one JVM, of which the second one is warm, as the TaskManager's is

# what writes rows runs over a log of its own, closed by heartbeats too, of this share of the events
WRITES_ROWS = frozenset({"sink", "jdbc", "jdbc_tuned"})
ROWS_SHARE = 0.25  # with all events, Flink SQL's windows and the JDBC sink ran out of memory


def _events(run: Callable[[Log], float]) -> Callable[[Log], Result]:
    return lambda log: Result(log.events, run(log))


def _usually(run: Callable[[Log], Result]) -> Callable[[Log], Result]:
    """Return a run in a TaskManager as `sma up` makes it, whatever a case before has left, and what it cost there."""

    def run_usually(log: Log) -> Result:
        as_usual(log.settings)
        return metered(run)(log)

    return run_usually


def _on_flink(title: str, run: Callable[[Log], float]) -> Case[Log]:
    return Case(title, _usually(_events(run)))


def _slowly_on_flink(title: str, run: Callable[[Log], float]) -> Case[Log]:
    run_events = _usually(_events(run))
    return Case(title, lambda log: run_events(log.prefix(_SLOW_SHARE)))


def _ours(title: str, averages: ours.Windows) -> Case[Log]:
    return _on_flink(title, lambda log: ours.run(log, averages[0].name, averages))


def _over_rows(event_count: int) -> Case[Log]:
    title = f"Flink SQL, OVER ROWS, last {event_count}, a row an event"
    return _slowly_on_flink(title, lambda log: flink_sql.over_rows(log, event_count))


def _kafka_streams(title: str, store: str) -> Case[Log]:
    run = _events(lambda log: min(streams.run(log, 20, store, _STREAMS_RUNS)))
    return Case(f"Kafka Streams, last 20, {title}", run, warms_up=False)


def _sink(title: str, run: Callable[[Log], Result]) -> Case[Log]:
    def run_in_own_database(log: Log) -> Result:
        with own_database(log.settings) as settings:
            return _usually(run)(replace(log, settings=settings))

    return Case(title, run_in_own_database)


def _sink_in(title: str, surroundings: Callable[[Settings], AbstractContextManager[None]]) -> Case[Log]:
    """Return our sink in surroundings for which the TaskManager is started again, so that it warms up in there."""

    def run(log: Log) -> Result:
        short = beginning(log, WARM_UP_SHARE, say)
        with own_database(named(log.settings, sink.JOB)) as settings, surroundings(settings):
            sink.run_ours(replace(short, settings=_with_topics_of(short, settings)))
            return metered(sink.run_ours)(replace(log, settings=settings))

    return Case(title, run, warms_up=False)


def _with_topics_of(log: Log, settings: Settings) -> Settings:
    return settings.model_copy(update={"topic_prefix": log.settings.topic_prefix})


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
        "Python loop in 2 processes, last 20",
        _events(lambda log: python_workers.seconds_of(python_workers.LOOP, log)),
        warms_up=False,
    ),
    "sink": _sink("our sink", sink.run_ours),
    "jdbc": _sink("Flink's JDBC sink, its defaults", sink.run_jdbc),
    "jdbc_tuned": _sink("Flink's JDBC sink, 5,000 rows a flush, rewritten by the driver", sink.run_jdbc_tuned),
    "unwatched": _sink_in("our sink, without a reporter and logs of ours", unwatched),
    "watched": _sink_in("our sink, with these, and Prometheus at work", watched),
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
