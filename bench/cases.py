"""What is run, and which runs are compared: the benchmark's cases and the ratios made of them. Nothing here prints."""

from collections.abc import Callable
from dataclasses import dataclass, field

from bench import flink_sql, ours, python_loop, scan, sink, streams
from bench.events import Log
from bench.task_manager import Cost, Meter

ROWS_SHARE = 0.25  # with all events, Flink SQL's windows and the JDBC sink ran out of memory
_STREAMS_RUNS = 2  # in one JVM, of which the second one is warm, as the TaskManager's is


@dataclass(frozen=True, slots=True)
class Result:
    """One run: what was done in how many seconds; events, or rows where writing them is measured."""

    items: int
    seconds: float

    @property
    def per_second(self) -> float:
        """The rate."""
        return self.items / self.seconds


@dataclass(frozen=True, slots=True)
class Case:
    """Something that can be run over the log, or over its beginning where the whole of it would take too long.

    What writes rows runs over a log of its own, closed by heartbeats too, of `ROWS_SHARE` of the events.
    """

    title: str
    run: Callable[[Log], Result]
    share: float = 1.0
    is_flink: bool = True
    writes_rows: bool = False


@dataclass(frozen=True, slots=True)
class Ratio:
    """The lowest rate of ours divided by the highest of theirs; what `also` names is run beside it and only told."""

    title: str
    ours: tuple[str, ...]
    theirs: tuple[str, ...]
    at_least: float
    reach_for: float
    also: tuple[str, ...] = ()

    @property
    def cases(self) -> tuple[str, ...]:
        """The names of all cases that it takes."""
        return (*self.ours, *self.theirs, *self.also)


@dataclass(slots=True)
class Measured:
    """The results of every case that has been run, what each run cost the TaskManager, and what has failed."""

    results: dict[str, list[Result]] = field(default_factory=dict)
    costs: dict[str, list[Cost]] = field(default_factory=dict)
    failed: set[str] = field(default_factory=set)

    def run(self, name: str, log: Log, log_of_rows: Log) -> Result:
        """Run a case once more."""
        case = CASES[name]
        meter = Meter() if case.is_flink else None
        chosen = log_of_rows if case.writes_rows else log
        result = case.run(chosen if case.share == 1.0 else chosen.prefix(case.share))
        if meter:
            self.costs.setdefault(name, []).append(meter.read())
        self.results.setdefault(name, []).append(result)
        return result

    def rate(self, name: str) -> float:
        """Return the best rate of a case."""
        return max(result.per_second for result in self.results[name])

    def ratio(self, ratio: Ratio) -> float:
        """Return what a ratio has come to."""
        return min(map(self.rate, ratio.ours)) / max(map(self.rate, ratio.theirs))


def _events(run: Callable[[Log], float]) -> Callable[[Log], Result]:
    return lambda log: Result(log.events, run(log))


def _ours(title: str, averages: ours.Windows) -> Case:
    return Case(title, _events(lambda log: ours.run(log, averages[0].name, averages)))


def _over_rows(event_count: int) -> Case:
    run = _events(lambda log: flink_sql.over_rows(log, event_count))
    return Case(f"Flink SQL, OVER ROWS, last {event_count}, a row an event", run, share=0.25)


def _kafka_streams(title: str, store: str) -> Case:
    run = _events(lambda log: min(streams.run(log, 20, store, _STREAMS_RUNS)))
    return Case(f"Kafka Streams, last 20, {title}", run, is_flink=False)


def _our_sink(log: Log) -> Result:
    seconds, rows = sink.run_ours(log)
    return Result(rows, seconds)


def _jdbc_sink(title: str, is_tuned: bool) -> Case:
    def run(log: Log) -> Result:
        seconds, rows = sink.run_jdbc(log, is_tuned)
        sink.require_same_rows()
        return Result(rows, seconds)

    return Case(f"Flink's JDBC sink, {title}", run, writes_rows=True)


CASES = {
    "count_20": _ours("ours, last 20 events", ours.COUNT_20),
    "count_200": _ours("ours, last 200 events", ours.COUNT_200),
    "count_20000": _ours("ours, last 20,000 events", ours.COUNT_20000),
    "ten": _ours("ours, ten windows of last 20 to 200 events", ours.TEN),
    "hour": _ours("ours, last hour", ours.HOUR),
    "count_20_each": _ours("ours, last 20 events, a row a millisecond", ours.COUNT_20_EACH),
    "over_20": _over_rows(20),
    "over_200": _over_rows(200),
    "hop": Case("Flink SQL, HOP of 60 s every 1 s", _events(flink_sql.hop), share=0.25),
    "scan": Case("our reader alone", _events(scan.run)),
    "sql_scan": Case("Flink's JSON format alone", _events(flink_sql.scan)),
    "streams_logged": _kafka_streams("changelog", streams.LOGGED),
    "streams_cached": _kafka_streams("changelog and record cache", streams.CACHED),
    "streams_unlogged": _kafka_streams("no changelog, so not fault tolerant", streams.UNLOGGED),
    "loop": Case("Python loop in 2 processes, last 20", _events(lambda log: python_loop.run(log, 20)), is_flink=False),
    "sink": Case("our sink", _our_sink, writes_rows=True),  # before the others, which look at its rows
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
}
