"""Series in more than one partition, found by the pass over a real log: by two partitioners, and by added partitions.

The stream takes no part: what is looked at is what the index records, what the checks say and what readers see.
"""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import dagster as dg
import psycopg
import pytest
from confluent_kafka.admin import AdminClient, NewPartitions

from batch.checks.index_checks import series_live_in_one_partition
from batch.index.extend import extend_index_a_little
from batch.index.index_tables import forget
from batch.store.read_only import read_only_session
from database.definitions import store_definitions
from monitoring.exporter.database import look_at_split_series
from orchestration.definitions import definitions
from orchestration.resources import Project
from orchestration.watch import series_in_two_partitions
from sma.averages import Average, Averages
from sma.durations import DAY_MS
from sma.instants import instant
from sma.window import DurationWindow
from tests.support.metrics import samples
from tests.support.month_of_events import AVERAGES, HOUR, START, as_record, compute, extend
from tests.support.partitioners import await_partitions, send_with
from tests.support.publishing import publish
from tests.support.superuser import client_options

LONGEST = 2 * DAY_MS  # of the windows in AVERAGES; the largest of N events has 40
MOST = 40


@pytest.fixture
def connection(place):
    store_definitions(place.settings.owner_database_url.get_secret_value(), AVERAGES.averages)
    with psycopg.connect(place.settings.owner_database_url.get_secret_value(), autocommit=True) as connection:
        yield connection


def event(metric, hours, value="1"):
    return ("acme", metric, START + int(hours * HOUR), value)


def send(place, events, partition):
    publish(place.settings, [as_record(each, partition=partition) for each in events])


def send_as(place, partitioner, events):
    """Publish with a partitioner; return the partition of each metric."""
    partitions = send_with(place.settings, partitioner, [as_record(each) for each in events])
    return {key.partition("/")[2]: partition for key, partition in partitions.items()}


def split_partitions(connection):
    rows = connection.execute("SELECT metric, kafka_partition FROM sma.split_series ORDER BY 1, 2").fetchall()
    found = {}
    for metric, partition in rows:
        found.setdefault(metric, []).append(partition)
    return found


def marks(connection):
    """The marked times by metric, in hours since START; None without an end."""
    rows = connection.execute("SELECT metric, from_as_of, until_as_of FROM serving.unsettled").fetchall()
    start = instant(START)
    return {
        metric: (hours(since - start), None if until is None else hours(until - start)) for metric, since, until in rows
    }


def hours(span):
    return span / timedelta(hours=1)


def test_a_producer_with_another_partitioner_splits_series_and_each_is_found(place, connection):
    metrics = [f"m{number}" for number in range(12)]
    by_murmur2 = send_as(place, "murmur2_random", [event(metric, 1) for metric in metrics])
    extend(place)
    assert split_partitions(connection) == {}
    by_crc32 = send_as(place, "consistent_random", [event(metric, 2) for metric in metrics])
    extend(place)
    expected = {
        metric: sorted([by_murmur2[metric], by_crc32[metric]])
        for metric in metrics
        if by_murmur2[metric] != by_crc32[metric]
    }
    assert 0 < len(expected) < len(metrics)
    assert split_partitions(connection) == expected


def test_added_partitions_move_series_and_each_that_moved_is_found(place, connection):
    metrics = [f"m{number}" for number in range(12)]
    before = send_as(place, "murmur2_random", [event(metric, 1) for metric in metrics])
    extend(place)
    admin = AdminClient(client_options(place.settings))
    (future,) = admin.create_partitions([NewPartitions(place.settings.events_topic, 8)]).values()
    future.result(30)
    await_partitions(place.settings, 8)
    after = send_as(place, "murmur2_random", [event(metric, 2) for metric in metrics])
    extend(place)
    expected = {
        metric: sorted([before[metric], after[metric]]) for metric in metrics if before[metric] != after[metric]
    }
    assert 0 < len(expected) < len(metrics)
    assert split_partitions(connection) == expected


def test_a_series_that_two_passes_meet_at_once_is_found(place, connection):
    send(place, [event("a", 1)], 0)
    send(place, [event("a", 2)], 1)
    with ThreadPoolExecutor() as pool:
        for done in [pool.submit(extend, place) for _ in range(4)]:
            done.result()
    assert split_partitions(connection) == {"a": [0, 1]}


def test_where_each_partition_begins_is_recorded(place, connection):
    send(place, [event("b", 1), event("a", 30)], 0)
    send(place, [event("b", 1), event("b", 2), event("a", 55), event("a", 3)], 2)  # the last is late
    extend(place)
    rows = connection.execute(
        "SELECT kafka_partition, first_offset, first_day::text, last_day::text FROM sma.split_series "
        "WHERE metric = 'a' ORDER BY 1"
    ).fetchall()
    assert rows == [(0, 1, "2013-01-02", "2013-01-02"), (2, 2, "2013-01-01", "2013-01-03")]


def test_marks_begin_with_the_second_partitions_first_day_and_end_out_of_reach_of_its_last(place, connection):
    #   day      1    2    3    4    5    6    7
    #   0   ---- x    x    x         x40
    #   1   ----           x
    #                     [     2 days     )       the longest duration
    #                     [                )       N = 40 events alone in partition 0: those of day 5
    send(place, [event("a", 1), event("a", 25), event("a", 49)], 0)
    send(place, [event("a", 50)], 1)
    extend(place)
    assert marks(connection) == {"a": (48, None)}
    send(place, [event("a", 96 + number / 60) for number in range(MOST - 1)], 0)
    extend(place)
    assert marks(connection) == {"a": (48, None)}
    send(place, [event("a", 97)], 0)
    extend(place)
    assert marks(connection) == {"a": (48, 120)}
    send(place, [event("a", 300)], 0)  # what is found stays
    extend(place)
    assert marks(connection) == {"a": (48, 120)}
    send(place, [event("a", 301)], 1)
    extend(place)
    assert marks(connection) == {"a": (48, None)}


def test_a_series_that_moves_with_a_pause_longer_than_its_windows_has_no_mark_where_windows_are_durations(
    place, connection
):
    connection.execute("DELETE FROM sma.averages WHERE window_events IS NOT NULL")
    send(place, [event("a", 1)], 0)
    send(place, [event("a", 24 * 8)], 1)
    extend(place)
    assert split_partitions(connection) == {"a": [0, 1]}
    assert marks(connection) == {}


def test_marks_follow_the_averages_windows(place, connection):
    connection.execute("DELETE FROM sma.averages WHERE window_events IS NOT NULL")
    for partition in (0, 1):
        send(place, [event("a", 1)], partition)
    extend(place)
    assert marks(connection) == {"a": (0, 24 + LONGEST / HOUR)}
    week = Average("week", DurationWindow(7 * DAY_MS), DAY_MS)
    store_definitions(place.settings.owner_database_url.get_secret_value(), [week])
    extend(place)
    assert marks(connection) == {"a": (0, 8 * 24)}


def test_an_index_that_is_made_again_finds_the_same_series(place, connection):
    for partition in (0, 1):
        send(place, [event("a", 1)], partition)
    extend(place)
    found = split_partitions(connection), marks(connection)
    extend(place, Averages(0, 3 * DAY_MS, AVERAGES.max_ahead_ms, AVERAGES.averages))
    assert (split_partitions(connection), marks(connection)) == found
    forget(connection)
    assert marks(connection) == found[1]  # until it is known better, no row becomes final by it


def test_rows_that_two_partitions_made_are_not_final_and_others_are(place, connection):
    #   day      1    2    3
    #   0   ---- x    x    x     of a; b has all its events here
    #   1   ----      x
    whole = [event("b", number) for number in range(1, 60, 8)]
    send(place, [event("a", 3), event("a", 27), event("a", 53), *whole], 0)
    send(place, [event("a", 28)], 1)
    connection.execute("DELETE FROM sma.averages WHERE name <> 'hours'")  # 3 hours
    publish(place.settings, [as_record(event("z", 24 * 9), partition=number) for number in (2, 3)])
    send(place, [event("y", 24 * 9)], 0)
    send(place, [event("x", 24 * 9)], 1)
    extend(place)
    days = [day.date() for day in (instant(START + number * DAY_MS) for number in range(3))]
    compute(place, days)
    connection.execute(
        "INSERT INTO sma.reconciliations (run_id, day, average, windows_compared, equal, changed, missing_in_stream, "
        "extra_in_stream, explained, unexplained, read_to, duration_seconds) "
        "SELECT 'run', day, 'hours', 0, 0, 0, 0, 0, 0, 0, '{}', 0 FROM sma.batch_days WHERE average = 'hours'"
    )
    rows = connection.execute(
        "SELECT metric, as_of, is_final FROM serving.moving_averages WHERE average = 'hours' AND metric IN ('a', 'b')"
    ).fetchall()
    open_hours = {hours(at - instant(START)) for metric, at, is_final in rows if metric == "a" and not is_final}
    final_hours = {hours(at - instant(START)) for metric, at, is_final in rows if metric == "a" and is_final}
    assert open_hours == {28, 29, 30, 31}
    assert final_hours == {4, 5, 6, 54, 55, 56}
    assert all(is_final for metric, _, is_final in rows if metric == "b")


def test_the_sensor_indexes_what_is_new_and_evaluates_the_check_for_each_series_found(place, connection):
    class Here(Project):
        settings = place.settings
        averages = AVERAGES

    def look(cursor):
        with dg.DagsterInstance.ephemeral() as instance:
            context = dg.build_sensor_context(instance=instance, cursor=cursor, definitions=definitions)
            return series_in_two_partitions(context, project=Here())

    send(place, [event("a", 1)], 0)
    first = look(None)
    assert [each.passed for each in first.asset_events] == [True]
    send(place, [event("a", 1)], 1)
    second = look(first.cursor)
    (evaluated,) = second.asset_events
    assert (evaluated.check_name, evaluated.passed) == ("series_in_one_partition", False)
    assert evaluated.description.startswith("1 series in more than one partition: acme/a (partitions 0, 1); ")
    assert isinstance(look(second.cursor), dg.SkipReason)
    send(place, [event("b", 1)], 2)
    send(place, [event("b", 1)], 3)
    assert "2 series in more than one partition: " in look(second.cursor).asset_events[0].description
    found = samples(look_at_split_series(place.settings))
    assert found["sma_split_series",] == 2
    assert found["sma_split_series_newest", "acme/b (partitions 2, 3)"] == 1


def test_much_that_is_new_is_left_to_a_run(place, connection):
    send(place, [event("a", number / 60) for number in range(6)], 0)
    assert extend_index_a_little(place.settings, AVERAGES, most_offsets=5) is None
    assert extend_index_a_little(place.settings, AVERAGES, most_offsets=6).records == 6
    assert extend_index_a_little(place.settings, AVERAGES) is None  # nothing is new
    other_rules = Averages(0, 3 * DAY_MS, AVERAGES.max_ahead_ms, AVERAGES.averages)
    send(place, [event("a", 1)], 0)
    assert extend_index_a_little(place.settings, other_rules) is None


def test_a_series_whose_second_partition_gained_nothing_for_a_day_is_no_longer_a_fault_and_its_marks_stay(
    place, connection
):
    for partition in (0, 1):
        send(place, [event("a", 1)], partition)
    extend(place)
    connection.execute(
        "UPDATE sma.split_series SET indexed_at = %s WHERE kafka_partition = 0",
        (datetime.now(UTC) - timedelta(hours=25),),
    )
    with read_only_session(place.settings) as session:
        finding = series_live_in_one_partition(session)
    assert (finding.passed, finding.figures["series_with_rows_not_final"]) == (True, 1)
    assert marks(connection) == {"a": (0, None)}
