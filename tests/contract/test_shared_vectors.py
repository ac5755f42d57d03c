"""The cases of tests/vectors, worked out by hand, in the oracle and the batch layer; VectorsTest.java is the stream."""

import json
from fractions import Fraction

import numpy as np
import polars as pl
import pytest

from sma.averages import Average
from sma.origin import PRODUCERS_CLOCK_MS, Origin
from sma.settings import CHECKOUT
from sma.value import parse_value_micros
from sma.window import CountWindow, DurationWindow
from tests.support import oracle
from tests.support.memory_log import EVENTS_SCHEMA, MemoryLog, recompute
from tests.support.streams import oracle_rows

FAR = 10**15


def records_of(case):
    """(series, log time) of each record; None is the series of a heartbeat."""
    return [
        (None if series == "heartbeat" else series, time_ms)
        for series, time_ms, *times in case["records"]
        for _ in range(*times or [1])
    ]


def vectors(name):
    cases = json.loads((CHECKOUT / "tests" / "vectors" / name).read_text(encoding="utf-8"))
    return pytest.mark.parametrize("case", cases, ids=[case["why"] for case in cases])


def average_of(case):
    window = dict(case["window"])
    grid = window.pop("every_ms"), window.pop("offset_ms", 0)
    return Average("x", CountWindow(**window) if "event_count" in window else DurationWindow(**window), *grid)


def rows_of(case):
    rows = {}
    for series, as_of_ms, value_sum, event_count in case["rows"]:
        micros = Fraction(value_sum) * 10**6
        assert micros.denominator == 1
        rows[series, "m", as_of_ms] = (int(micros), event_count)
    assert len(rows) == len(case["rows"])
    return rows


def log_of(events):
    """Each event at its place in the log, in the one partition; events are (series, event time, value as text)."""
    columns = [
        (series, "m", event_time_ms, parse_value_micros(value), 0, offset)
        for offset, (series, event_time_ms, value) in enumerate(events)
    ]
    return pl.DataFrame(columns, EVENTS_SCHEMA, orient="row")


@vectors("windows.json")
def test_the_oracle_has_the_rows_of_a_case(case):
    average = average_of(case)
    events = [(series, "m", event_time_ms, value) for series, event_time_ms, value in case["events"]]
    assert oracle_rows(events, average) == rows_of(case)


@vectors("windows.json")
def test_the_batch_layer_has_the_rows_of_a_case(case):
    found = recompute(log_of(case["events"]), [average_of(case)], -FAR, FAR)
    columns = found.select("customer", "metric", "as_of_ms", "value_sum_micros", "event_count").rows()
    assert {row[:3]: row[3:] for row in columns} == rows_of(case)


@vectors("windows.json")
def test_the_grid_has_a_point_for_each_row_of_a_case_and_no_other(case):
    average = average_of(case)
    points = {
        (series, as_of_ms) for series, time_ms, _ in case["events"] for as_of_ms in average.as_ofs_made_by(time_ms)
    }
    assert points == {(series, as_of_ms) for series, as_of_ms, *_ in case["rows"]}


def late_of(case):
    return [place for place, event in enumerate(case["events"]) if event[-1] == "late"]


def timestamps_of(case):
    """The records' timestamps, each that of its event where the case gives none."""
    return [event[2] if len(event) > 2 and event[2] != "late" else event[1] for event in case["events"]]


@vectors("lateness.json")
def test_the_oracle_has_the_late_events_of_a_case(case):
    events = [(event[0], "m", event[1], "1") for event in case["events"]]
    assert sorted(oracle.late_by_series(events, case["allowed_lateness_ms"], timestamps_of(case))) == late_of(case)


@vectors("lateness.json")
@pytest.mark.parametrize("step", [1, 2, 100])
def test_the_batch_layer_has_the_late_events_of_a_case(case, step):
    events = log_of([(event[0], event[1], "1") for event in case["events"]])
    stamped = events.with_columns(log_time_ms=pl.Series(timestamps_of(case)))
    events = stamped.with_columns(log_time_ms=pl.min_horizontal("event_time_ms", "log_time_ms"))
    log = MemoryLog(events, case["allowed_lateness_ms"], step)
    assert [offset for _, offset in log.late_positions()] == late_of(case)


@vectors("origin.json")
def test_the_oracle_knows_the_series_of_a_case_from_the_same_time_on(case):
    rule = case["allowed_lateness_ms"], case["max_ahead_ms"], case["appended_ms"]
    assert oracle.known_from_ms(records_of(case), *rule) == case["known_from_ms"]


@vectors("origin.json")
@pytest.mark.parametrize("step", [1, 2, 100])
def test_the_batch_layer_knows_the_series_of_a_case_from_the_same_time_on(case, step):
    records = [(offset, series, time_ms) for offset, (series, time_ms) in enumerate(records_of(case), 1_000)]
    appended_ms = PRODUCERS_CLOCK_MS if case["appended_ms"] is None else case["appended_ms"]
    origin = Origin(1_000, appended_ms)
    for start in range(0, len(records), step):
        chunk = records[start : start + step]
        columns = [
            np.array([record[column] for record in chunk if (record[1] is None) == is_heartbeat], np.int64)
            for is_heartbeat in (False, True)
            for column in (0, 2)
        ]
        origin.take(*columns)
    first = {series: time_ms for _, series, time_ms in reversed(records) if series is not None}
    rule = case["allowed_lateness_ms"], case["max_ahead_ms"]
    assert {series: origin.known_from_ms(time_ms, *rule) for series, time_ms in first.items()} == case["known_from_ms"]
    known = origin.known_from_ms(np.array(list(first.values())), *rule)
    assert dict(zip(first, known.tolist(), strict=True)) == case["known_from_ms"]
