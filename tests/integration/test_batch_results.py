"""An answer is written whole or not at all, and what was already right stays as it was written."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from decimal import Decimal

import polars as pl
import psycopg
import pytest

from batch.results.batch_results import BatchResult, finished_days, read_results, remove_orphan_rows
from batch.results.batch_results import write_result as write_pieces
from batch.store.averages_schema import AVERAGES_SCHEMA, KEY
from batch.store.averages_tables import read_averages
from batch.store.copy_format import BLOCK_ROWS
from sma.days import day_start_ms
from sma.durations import DAY_MS
from sma.errors import SmaError
from sma.instants import instant

DAY = date(2013, 1, 1)
START = day_start_ms(DAY)
MINUTE_MS = 60_000
NAMES = ["AA", "\\N", "\\.", 'a "b", c', "naïve", "日本"]
DEADLINE_SECONDS = 30


def frame(rows):
    return pl.DataFrame(list(rows), AVERAGES_SCHEMA, orient="row").sort(KEY)


def row(minute, value_sum_micros=5, event_count=2, customer="AA", average="hour"):
    return (customer, "delay", average, START + minute * MINUTE_MS, value_sum_micros, event_count)


def minutes(count, value_sum_micros=5):
    return frame(row(minute, value_sum_micros) for minute in range(count))


def result_of(read_to=10, average="hour"):
    return BatchResult(DAY, average, {0: read_to}, START + DAY_MS)


def write_result(connection, answer, rows, run_id, resume_key="key"):
    """Write the rows in two pieces."""
    start, end = answer.bounds_ms
    cuts = (start, min(start + 2 * MINUTE_MS, end), end)
    pieces = [
        (*bounds, rows.filter(pl.col("as_of_ms").is_between(*bounds, closed="left")))
        for bounds in zip(cuts, cuts[1:], strict=False)
    ]
    assert sum(piece.height for *_, piece in pieces) == rows.height
    return write_pieces(connection, answer, pieces, 0, run_id, resume_key)


def connect(own_database):
    return psycopg.connect(own_database.settings.batch_database_url.get_secret_value(), autocommit=True)


@pytest.fixture
def database(own_database):
    with connect(own_database) as connection:
        yield connection


@pytest.fixture
def reader(own_database):
    with psycopg.connect(own_database.settings.database_url.get_secret_value(), autocommit=True) as connection:
        yield connection


def stored(connection, average="hour"):
    return read_averages(connection, "batch_averages", average, START, START + DAY_MS)


def written_at(connection):
    return dict(connection.execute("SELECT as_of, written_at FROM sma.batch_averages").fetchall())


def changed(written):
    return written.row_count, written.rows_written, written.rows_deleted


def test_a_day_that_is_not_stored_is_written_as_it_is(database):
    largest = 10**38 - 1
    sums = [0, 1, -1, 10**6, -(10**14), 2**63, largest, -largest]
    rows = frame(row(minute, held, minute + 1, name) for name in NAMES for minute, held in enumerate(sums))
    assert changed(write_result(database, result_of(), rows, "run")) == (48, 48, 0)
    assert stored(database).equals(rows)
    assert read_results(database, [DAY], ["hour"]) == [result_of()]


def test_a_window_that_closed_in_a_lagging_partition_since_is_no_correction(database):
    #  partition 0 holds AA, partition 1 holds BB, which was closed up to minute 2 only
    database.execute("INSERT INTO sma.indexed_series VALUES (0, 'AA', 'delay', 0), (1, 'BB', 'delay', 0)")
    lagged = replace(result_of(), lagging={1: START + 2 * MINUTE_MS})
    before = [row(minute, customer=name) for name, last in (("AA", 4), ("BB", 2)) for minute in range(last + 1)]
    write_result(database, lagged, frame(before), "run-1")
    assert read_results(database, [DAY], ["hour"]) == [lagged]
    after = frame([*before, row(3, customer="BB"), row(4, customer="BB"), row(5, customer="AA")])
    write_result(database, result_of(11), after, "run-2")
    corrected = database.execute("SELECT customer, as_of FROM sma.corrections").fetchall()
    assert corrected == [("AA", instant(START + 5 * MINUTE_MS))]
    assert stored(database).equals(after)
    assert read_results(database, [DAY], ["hour"]) == [result_of(11)]


def test_a_day_that_has_no_rows_is_stored_too(database):
    assert changed(write_result(database, result_of(), minutes(0), "run")) == (0, 0, 0)
    assert changed(write_result(database, result_of(11), minutes(0), "run")) == (0, 0, 0)
    assert stored(database).equals(minutes(0))
    assert read_results(database, [DAY], ["hour"]) == [result_of(11)]


def test_rows_of_a_day_without_a_result_are_removed(database):
    write_result(database, result_of(), minutes(5, value_sum_micros=7), "run-1")
    database.execute("DELETE FROM sma.batch_days")
    write_result(database, result_of(average="minute"), frame([row(0, average="minute")]), "run-2")
    assert remove_orphan_rows(database, DAY, "run-2") == {"hour": 5}
    assert stored(database, "minute").height == 1
    write_result(database, result_of(), minutes(3), "run-2")
    assert stored(database).equals(minutes(3))


def test_more_rows_than_a_block_has_are_all_written(database):
    rows = frame(
        row(minute, minute, customer=f"c{series:02d}")
        for series in range(BLOCK_ROWS // 1_000)
        for minute in range(1_200)
    )
    assert rows.height > BLOCK_ROWS
    write_result(database, result_of(), rows, "run")
    assert stored(database).equals(rows)


def test_rows_that_are_already_right_are_not_written_again(database):
    write_result(database, result_of(), minutes(5), "run-1")
    before = written_at(database)
    assert changed(write_result(database, result_of(11), minutes(5), "run-2")) == (5, 0, 0)
    assert written_at(database) == before
    assert read_results(database, [DAY], ["hour"]) == [result_of(11)]


def test_only_what_differs_is_written_or_removed(database):
    write_result(database, result_of(), frame([row(0), row(1), row(2, 7), row(3, 7, 3)]), "run-1")
    before = written_at(database)
    rows = frame([row(0), row(2, 8), row(3, 7, 4), row(4)])
    written = write_result(database, result_of(11), rows, "run-2")
    assert changed(written) == (4, 3, 1)
    assert [as_of_ms - START for *_, as_of_ms in written.corrected] == [MINUTE_MS, 2 * MINUTE_MS, 3 * MINUTE_MS]
    assert stored(database).equals(rows)
    after = written_at(database)
    assert [time for time in after if after[time] == before.get(time)] == [min(after)]


def test_other_averages_and_days_stay(database):
    others = frame([row(0, average="minute"), row(24 * 60), row(-1)])
    for average, day in (("minute", DAY), ("hour", date(2013, 1, 2)), ("hour", date(2012, 12, 31))):
        theirs = others.filter(
            pl.col("average") == average, pl.col("as_of_ms") // DAY_MS == day_start_ms(day) // DAY_MS
        )
        write_result(database, BatchResult(day, average, {0: 1}, START + DAY_MS), theirs, "run")
    for held in (minutes(3), minutes(1), minutes(0)):
        write_result(database, result_of(), held, "run")
    assert stored(database, "minute").height == 1
    assert read_averages(database, "batch_averages", "hour", START - DAY_MS, START + 2 * DAY_MS).height == 2


def test_a_result_from_less_of_the_log_is_refused(database):
    write_result(database, result_of(10), minutes(3), "run-1")
    with pytest.raises(SmaError, match="computed from partition 0 to Kafka offset 10, but it ends at 9"):
        write_result(database, result_of(9), minutes(1), "run-2")
    assert stored(database).equals(minutes(3))
    assert read_results(database, [DAY], ["hour"]) == [result_of(10)]


def wait_for_lock(connection, pid):
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        (waits,) = connection.execute("SELECT cardinality(pg_blocking_pids(%s)) > 0", (pid,)).fetchone()
        if waits:
            return
        time.sleep(0.01)
    pytest.fail("the second writer does not wait for the first")


class Undone(Exception):
    """Takes back what a transaction did."""


def write_while_another_does(own_database, first, second, is_undone=False):
    """Write the second answer while the first, of the same day, is written and not committed; return what it wrote."""
    with connect(own_database) as one, connect(own_database) as two, ThreadPoolExecutor() as pool:
        try:
            with one.transaction():
                write_result(one, *first, "run-1")
                waiting = pool.submit(write_result, two, *second, "run-2")
                wait_for_lock(one, two.info.backend_pid)
                if is_undone:
                    raise Undone
        except Undone:
            pass
        return waiting.result(DEADLINE_SECONDS)


def test_of_two_that_write_a_day_for_the_first_time_the_second_waits_and_corrects(own_database, database):
    rows = frame([row(0), row(1, 9), row(3)])
    assert changed(write_while_another_does(own_database, (result_of(10), minutes(3)), (result_of(11), rows))) == (
        3,
        2,
        1,
    )
    assert stored(database).equals(rows)
    assert read_results(database, [DAY], ["hour"]) == [result_of(11)]


def test_of_two_that_write_a_day_for_the_first_time_the_older_one_is_refused(own_database, database):
    with pytest.raises(SmaError, match="the stored result stays"):
        write_while_another_does(own_database, (result_of(10), minutes(3)), (result_of(9), minutes(1)))
    assert stored(database).equals(minutes(3))


def test_where_the_first_to_write_a_day_gives_up_the_second_writes_all(own_database, database):
    ours = (result_of(9), minutes(2))
    assert changed(write_while_another_does(own_database, (result_of(10), minutes(3)), ours, is_undone=True)) == (
        2,
        2,
        0,
    )
    assert stored(database).equals(minutes(2))


def test_two_that_correct_a_day_take_turns(own_database, database):
    write_result(database, result_of(9), minutes(1), "run-0")
    assert changed(
        write_while_another_does(own_database, (result_of(10), minutes(4)), (result_of(11), minutes(3)))
    ) == (
        3,
        0,
        1,
    )
    assert stored(database).equals(minutes(3))


@pytest.mark.parametrize("before", [0, 3])
def test_a_reader_never_sees_half_a_day(own_database, database, reader, before):
    if before:
        write_result(database, result_of(1), minutes(before), "run-0")
    is_over, seen = threading.Event(), set()

    def read():
        while not is_over.is_set():
            seen.add(reader.execute("SELECT count(*), sum(value_sum) FROM sma.batch_averages").fetchone())

    with ThreadPoolExecutor() as pool:
        reading = pool.submit(read)
        with database.transaction():
            write_result(database, result_of(2), minutes(1_440, 10**6), "run-1")
            assert stored(reader).height == before
        is_over.set()
        reading.result()
    old = (before, Decimal("0.000015") if before else None)
    assert seen <= {old, (1_440, Decimal(1_440))}
    assert stored(reader).height == 1_440


@pytest.mark.parametrize("before", [0, 3])
def test_interrupted_in_the_middle_the_old_result_stays(database, before):
    if before:
        write_result(database, result_of(1), minutes(before), "run-0")
    rows = frame(row(minute, customer=f"c{series:02d}") for series in range(100) for minute in range(400))
    too_large = frame([row(0, 10**38, customer="last")])
    with pytest.raises(SmaError, match="too large"):
        write_result(database, result_of(2), pl.concat([rows, too_large]), "run-1")
    assert stored(database).equals(minutes(before))
    assert database.execute("SELECT count(*) FROM sma.batch_days").fetchone() == (before and 1,)


def test_a_connection_lost_in_the_middle_leaves_the_old_result(own_database, database):
    write_result(database, result_of(1), minutes(3), "run-0")
    with pytest.raises(psycopg.OperationalError), connect(own_database) as doomed, doomed.transaction():
        write_result(doomed, result_of(2), minutes(1_440), "run-1")
        database.execute("SELECT pg_terminate_backend(%s)", (doomed.info.backend_pid,))
    assert stored(database).equals(minutes(3))
    assert read_results(database, [DAY], ["hour"]) == [result_of(1)]


def test_what_a_later_run_changes_is_kept_as_it_was_before_and_as_it_is_after(database):
    names = frame([row(0), row(1, 7, customer='a "b", c'), row(2, -(10**37), 3)])
    write_result(database, result_of(), names, "run-1")
    assert database.execute("SELECT count(*) FROM sma.corrections").fetchone() == (0,)
    write_result(
        database, result_of(11), frame([row(1, 8, customer='a "b", c'), row(2, -(10**37), 3), row(9)]), "run-2"
    )
    found = database.execute(
        "SELECT run_id, customer, as_of, value_sum_before * 1000000, event_count_before, value_sum_after * 1000000, "
        "event_count_after FROM sma.corrections ORDER BY as_of"
    ).fetchall()
    at = [instant(START + minute * MINUTE_MS) for minute in (0, 1, 9)]
    assert found == [
        ("run-2", "AA", at[0], 5, 2, None, None),
        ("run-2", 'a "b", c', at[1], 7, 2, 8, 2),
        ("run-2", "AA", at[2], None, None, 5, 2),
    ]


def test_what_has_closed_since_is_no_correction(database):
    write_result(database, BatchResult(DAY, "hour", {0: 9}, START + 2 * MINUTE_MS), minutes(3), "run-1")
    write_result(database, result_of(), minutes(6), "run-2")
    assert database.execute("SELECT count(*) FROM sma.corrections").fetchone() == (0,)


def test_a_day_of_which_less_is_closed_now_keeps_no_row_after_it(database):
    write_result(database, result_of(), minutes(5), "run-1")
    less = BatchResult(DAY, "hour", {0: 10}, START + 2 * MINUTE_MS)
    assert changed(write_result(database, less, minutes(3), "run-2")) == (3, 0, 2)
    assert stored(database).equals(minutes(3))


def test_the_days_that_a_run_has_finished_are_those_of_which_it_wrote_every_average(database):
    tomorrow = BatchResult(date(2013, 1, 2), "hour", {0: 10}, START + 3 * DAY_MS)
    for held in (result_of(), result_of(average="minute"), tomorrow):
        write_result(database, held, frame([]), "run", "one")
    assert finished_days(database, ["hour", "minute"], "one") == {DAY}
    assert finished_days(database, ["hour"], "one") == {DAY, date(2013, 1, 2)}
    write_result(database, result_of(), frame([]), "run", "another")
    assert finished_days(database, ["hour", "minute"], "one") == set()
