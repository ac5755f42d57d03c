"""The batch benchmark's cases, and the ratios made of them."""

import time
from collections.abc import Callable

from bench import python_workers
from bench.batch import kcat, load, ours, ours_in_memory, reading
from bench.batch.columns import columns, rolling
from bench.batch.setting import a_day, days
from bench.cases import Case, Measure, Ratio, Result
from bench.events import MONTH, Log, preloaded
from cli.console import say

WARM_UP_SHARE = 0.1  # of the log is what a case runs over before it is timed
LONGER = 5  # times as many days, at the same rate


def _events(run: Callable[[Log], float]) -> Callable[[Log], Result]:
    return lambda log: Result(log.events, run(log))


def _averages(log: Log) -> float:
    with ours_in_memory.indexed(log) as (own, _):
        return ours_in_memory.kafka_to_averages(own)


def _averages_unindexed(log: Log) -> float:
    with ours_in_memory.indexed(log) as (own, seconds):
        return seconds + ours_in_memory.kafka_to_averages(own)


def _worker(title: str, worker: str) -> Case[Log]:
    return Case(title, _events(lambda log: python_workers.seconds_of(worker, log)), warms_up=False)


def _kernel(log: Log) -> Result:
    seconds, windows = ours_in_memory.kernel(columns(log.events))
    return Result(windows, seconds)


def _rolling(log: Log) -> Result:
    seconds, sums = rolling(columns(log.events))
    return Result(sums.height * sums.width, seconds)


def _memory(log: Log) -> Result:
    began = time.monotonic()
    peak_bytes = ours.peak_memory(log)
    return Result(log.events, time.monotonic() - began, peak_bytes)


def _memory_longer(log: Log) -> Result:
    return _memory(preloaded(log.settings, LONGER * log.events, say, MONTH))


def _seconds(title: str, run: Callable[[Log], float]) -> Case[Log]:
    return Case(title, _events(run), measure=Measure.SECONDS)


def _bytes(title: str, run: Callable[[Log], Result]) -> Case[Log]:
    return Case(title, run, measure=Measure.BYTES, warms_up=False)


CASES = {
    "averages": Case("ours, Kafka to four averages in memory", _events(_averages)),
    "averages_unindexed": Case("ours, the same from an empty offset index", _events(_averages_unindexed)),
    "read": Case("ours, Kafka to columns", _events(reading.plaintext), warms_up=False),
    "read_tls": Case("ours, the same over TLS", _events(reading.over_tls), warms_up=False),
    "kcat": Case("kcat to /dev/null", _events(kcat.run), warms_up=False),
    "loop": _worker("Python loop in 2 processes, last 20", python_workers.LOOP),
    "pandas": _worker("consume and pandas in 2 processes, four averages", python_workers.PANDAS),
    "duckdb": _worker("consume and DuckDB in 2 processes, four averages", python_workers.DUCKDB),
    "kernel": Case("ours, windows of events in memory", _kernel),
    "rolling": Case("polars, rolling_sum(_by).over()", _rolling),
    "load": Case("ours, rows into TimescaleDB", load.run_ours),
    "copy": Case("psql, \\copy", load.run_copy),
    "day": _seconds("ours, recomputing a day", lambda log: ours.recompute_days(log, [a_day(log)])),
    "reconcile": _seconds("ours, reconciling a clean day", lambda log: ours.reconcile_clean_day(log, a_day(log))),
    "month": _seconds("ours, recomputing all days", lambda log: ours.recompute_days(log, days(log))),
    "memory": _bytes("ours, memory to recompute all days", _memory),
    "memory_longer": _bytes(f"ours, the same with {LONGER} times the days", _memory_longer),
}
_UNINDEXED = ("averages_unindexed",)
RATIOS = {
    "vs_kcat": Ratio("Kafka to averages, against kcat", ("averages",), ("kcat",), 1.8, 6, _UNINDEXED),
    "vs_python_loop": Ratio("Kafka to averages, against a Python loop", ("averages",), ("loop",), 1, 4, _UNINDEXED),
    "vs_pandas": Ratio("Kafka to averages, against pandas", ("averages",), ("pandas",), 2, 10, _UNINDEXED),
    "vs_duckdb": Ratio("Kafka to averages, against DuckDB", ("averages",), ("duckdb",), 2, 10, _UNINDEXED),
    "tls_vs_plaintext": Ratio("Kafka to columns over TLS, of plaintext", ("read_tls",), ("read",), 0.75, 0.9),
    "kernel_vs_polars": Ratio("windows alone, against polars", ("kernel",), ("rolling",), 1, 3),
    "load_vs_copy": Ratio("rows into TimescaleDB, against COPY", ("load",), ("copy",), 0.8, 1),
    "reconcile_vs_recompute": Ratio("reconciling a clean day, of recomputing it", ("reconcile",), ("day",), 0.2, 0.05),
    "day_vs_month": Ratio("a day, of all days", ("day",), ("month",), 1 / 20, 1 / 28),
    "memory_growth": Ratio(
        f"memory for {LONGER} times the days, of it for them", ("memory_longer",), ("memory",), 1.3, 1
    ),
}
