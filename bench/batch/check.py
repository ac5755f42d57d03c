"""Requires that all cases compute the same windows: before they are timed, on a small log, against the tests' oracle.

The oracle is plain Python with whole numbers and no code of the project.
"""

import json
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import cache
from itertools import islice

import numpy as np
import polars as pl

from bench import python_workers
from bench.batch import kcat, ours_in_memory
from bench.batch.columns import Columns, columns, rolling
from bench.batch.setting import AVERAGES, HOUR_MS
from bench.events import SMALL, Log, events, preloaded
from sma.durations import DAY_MS
from sma.errors import SmaError
from sma.settings import Settings
from sma.window import CountWindow
from tests.support import oracle

_EVENTS = SMALL.series_count * 2_100
_FLOAT_ERROR = Fraction(1, 10**6)  # of a sum of up to 2,000 values below a million

Key = tuple[str, str, str, int]
Windows = Mapping[Key, tuple[Fraction, int]]


def require_right(settings: Settings, cases: set[str], say: Callable[[str], None]) -> None:
    """Refuse to time a case that computes wrong windows.

    Raises:
        SmaError: names the first case of `cases` that is wrong, and where.
    """
    log = preloaded(settings, _EVENTS, say, SMALL)
    stream = [_as_oracle(event.value) for event in islice(events(SMALL), _EVENTS)]
    right = cache(lambda: _right(stream))
    checks = {
        "averages": lambda: _require_windows("ours", _our_windows(log), right()),
        "kcat": lambda: _require_all_values(log),
        "loop": lambda: _require_last_windows(log, stream),
        "pandas": lambda: _require_windows("pandas", _answers(python_workers.PANDAS, log), right(), _FLOAT_ERROR),
        "duckdb": lambda: _require_windows("DuckDB", _answers(python_workers.DUCKDB, log), right()),
        "kernel": lambda: _require_kernel(stream, right()),
        "rolling": _require_sums,
    }
    for name in checks:
        if name in cases:
            checks[name]()
            say(f"check        {name} is right")


def _as_oracle(value: bytes) -> oracle.Event:
    event = json.loads(value)
    return event["customer"], event["metric"], event["event_time"], event["value"]


def _right(stream: list[oracle.Event]) -> Windows:
    right = {}
    for average in AVERAGES.averages:
        if isinstance(average.window, CountWindow):
            pairs = oracle.count_windows(stream, average.window.event_count, average.every_ms)
        else:
            pairs = oracle.duration_windows(stream, average.window.duration_ms, average.every_ms)
        right.update({(average.name, *key): (_units(micros), count) for key, (micros, count) in pairs.items()})
    return right


def _our_windows(log: Log) -> Windows:
    with ours_in_memory.indexed(log) as (own, _):
        return _windows_of(ours_in_memory.averages_of(own))


def _windows_of(rows: pl.DataFrame) -> Windows:
    columns = rows.select("average", "customer", "metric", "as_of_ms", "value_sum_micros", "event_count")
    found = {tuple(key): (_units(micros), count) for *key, micros, count in columns.iter_rows()}
    if len(found) != rows.height:
        raise SmaError(f"ours: {rows.height - len(found)} of {rows.height} windows are emitted twice")
    return found


def _answers(worker: str, log: Log) -> Windows:
    return {
        (name, customer, metric, as_of_ms): (Fraction(value_sum), event_count)
        for name, customer, metric, as_of_ms, value_sum, event_count in python_workers.answers_of(worker, log)
    }


def _require_windows(who: str, found: Windows, right: Windows, error: Fraction = Fraction(0)) -> None:
    if found.keys() != right.keys():
        raise SmaError(f"{who}: {len(found)} windows, not {len(right)}; {min(found.keys() ^ right.keys())}")
    for key, (value_sum, event_count) in right.items():
        found_sum, found_count = found[key]
        if found_count != event_count or abs(found_sum - value_sum) > error:
            raise SmaError(f"{who}: {key} is {found_sum} of {found_count}, not {value_sum} of {event_count}")


def _require_all_values(log: Log) -> None:
    sent = sorted(event.value for event in islice(events(SMALL), _EVENTS))
    if sorted(value for value in kcat.read_values(log) if b"heartbeat" not in value) != sent:
        raise SmaError("kcat did not print the events that were sent")


def _require_last_windows(log: Log, stream: list[oracle.Event]) -> None:
    """The loop goes by the log's order, so its last windows contain the last events of the log."""
    right = {}
    for series in SMALL.series:
        last = [oracle.micros(event[3]) for event in stream if event[:2] == series][-20:]
        right["last_20", *series, 0] = _units(sum(last)), len(last)
    _require_windows("the Python loop", _answers(python_workers.LOOP, log), right, _FLOAT_ERROR)


def _require_kernel(stream: list[oracle.Event], right: Windows) -> None:
    _require_windows("our kernel", _windows_of(ours_in_memory.kernel_averages(_columns_of(stream))), right)


def _columns_of(stream: list[oracle.Event]) -> Columns:
    number_of = {series: number for number, series in enumerate(SMALL.series)}
    rows = sorted((number_of[event[:2]], event[2], place) for place, event in enumerate(stream))
    return Columns(
        SMALL.series,
        np.array([number for number, _, _ in rows], np.int32),
        np.array([time_ms for _, time_ms, _ in rows], np.int64),
        np.array([oracle.micros(stream[place][3]) for _, _, place in rows], np.int64),
    )


def _require_sums() -> None:
    """Polars gives a sum at each event; it must be that of the events up to it."""
    held = columns(_EVENTS, SMALL)
    sums = rolling(held)[1]
    end = int(np.searchsorted(held.series_id, 1))  # of the first series
    rows = list(zip(held.event_time_ms[:end].tolist(), held.value_micros[:end].tolist(), strict=True))
    for place, (now, _) in enumerate(rows):
        values = [micros for _, micros in rows[: place + 1]]
        expected = [sum(values[-20:]), sum(values[-2_000:])]
        expected += [sum(micros for at, micros in rows if now - length < at <= now) for length in (HOUR_MS, DAY_MS)]
        if list(sums.row(place)) != expected:
            raise SmaError(f"polars: the sums at event {place} are {sums.row(place)}, not {expected}")


def _units(micros: int) -> Fraction:
    return Fraction(micros, 10**6)
