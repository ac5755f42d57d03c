"""The checks of the offset index and of the batch layer's age find each fault that is planted."""

import psycopg
import pytest

from batch.checks.index_checks import batch_keeps_up, index_has_no_gaps, series_live_in_one_partition
from batch.store.read_only import read_only_session
from sma.averages import parse_averages

HOUR = parse_averages(
    "watermark_delay: 1 second\naverages: [{name: hour, window: 1 hour, every: 15 minutes}]", "averages.yaml"
)
AN_HOUR_MS = 3_600_000


@pytest.fixture
def database(own_database):
    with psycopg.connect(own_database.settings.owner_database_url.get_secret_value(), autocommit=True) as connection:
        yield connection


def index(connection, partition, next_offset, *blocks):
    connection.execute("INSERT INTO sma.indexed_partitions VALUES (%s, %s, 0, 0, 0)", (partition, next_offset))
    for first, end in blocks:
        connection.execute(
            "INSERT INTO sma.offset_blocks VALUES (%s, %s, %s, 0, 0, 0, 0, NULL, NULL)", (partition, first, end)
        )


def found(own_database, check, *arguments):
    with read_only_session(own_database.settings) as connection:
        return check(connection, *arguments)


@pytest.mark.parametrize(
    ("next_offset", "blocks", "fault"),
    [
        (20, [(0, 10), (10, 20)], None),
        (20, [(5, 10), (10, 20)], "partition 1: the Kafka offsets 0 to 4 are in no block"),
        (0, [], None),
        (30, [(0, 10), (15, 30)], "partition 1: the Kafka offsets 10 to 14 are in no block"),
        (30, [(0, 10), (8, 30)], "partition 1: the Kafka offsets 8 to 9 are in two"),
        (30, [(0, 10), (10, 25)], "partition 1: the Kafka offsets 25 to 29 are in no block"),
    ],
)
def test_a_gap_between_blocks_is_found(own_database, database, next_offset, blocks, fault):
    index(database, 0, 7, (0, 7))
    index(database, 1, next_offset, *blocks)
    finding = found(own_database, index_has_no_gaps)
    assert (finding.passed, finding.description if fault else None) == (fault is None, fault)


def test_only_the_newest_blocks_are_looked_at(own_database, database):
    index(database, 0, 50, (5, 10), (10, 20), (20, 30), (35, 50))
    assert not found(own_database, index_has_no_gaps, 2).passed
    assert found(own_database, index_has_no_gaps, 1).passed
    database.execute("UPDATE sma.offset_blocks SET first_offset = 30 WHERE first_offset = 35")
    assert found(own_database, index_has_no_gaps, 4).passed
    assert found(own_database, index_has_no_gaps, 5).description == (
        "partition 0: the Kafka offsets 0 to 4 are in no block"
    )


def split(connection, series, *partitions, last_indexed="now()"):
    for partition in partitions:
        connection.execute(
            "INSERT INTO sma.split_series (customer, metric, kafka_partition, first_day, last_day, indexed_at) "
            f"VALUES (%s, 'm', %s, '2013-01-01', '2013-01-01', {last_indexed})",
            (series, partition),
        )


def test_a_series_in_two_partitions_is_found(own_database, database):
    assert found(own_database, series_live_in_one_partition).passed
    split(database, "A", 0, 3)
    finding = found(own_database, series_live_in_one_partition)
    assert not finding.passed
    assert finding.description.startswith("1 series in more than one partition: A/m (partitions 0, 3); let all")


def test_of_many_series_in_two_partitions_the_first_are_named_and_the_others_counted(own_database, database):
    for series in "ABCDE":
        split(database, series, 0, 1)
    finding = found(own_database, series_live_in_one_partition)
    assert finding.description.count("(partitions 0, 1)") == 3
    assert "5 series in more than one partition: " in finding.description
    assert " and 2 more; " in finding.description


def test_a_series_that_moved_more_than_a_day_ago_is_in_one_partition(own_database, database):
    split(database, "A", 0, last_indexed="now() - INTERVAL '25 hours'")
    split(database, "A", 1)
    assert found(own_database, series_live_in_one_partition).passed


def say(connection, as_of, minutes_ago):
    connection.execute(
        "INSERT INTO sma.streaming_averages (customer, metric, average, as_of, value_sum, event_count, written_at) "
        "VALUES ('A', 'm', 'hour', %s, 1, 1, now() - %s * INTERVAL '1 minute')",
        (as_of, minutes_ago),
    )


def result_of(connection, low_watermark):
    connection.execute(
        "INSERT INTO sma.batch_days (day, average, read_to, low_watermark, row_count, run_id) "
        "VALUES ('2013-01-10', 'hour', '{}', %s, 1, 'run')",
        (low_watermark,),
    )


def test_streamed_rows_that_the_batch_layer_has_left_alone_too_long_are_found(own_database, database):
    assert found(own_database, batch_keeps_up, HOUR, AN_HOUR_MS).passed
    say(database, "2013-01-10 10:00Z", 300)
    say(database, "2013-01-10 11:00Z", 59)
    no_result = found(own_database, batch_keeps_up, HOUR, AN_HOUR_MS)
    assert not no_result.passed
    assert no_result.figures["rows_without_result"] == 2
    result_of(database, "2013-01-10 10:00Z")
    assert found(own_database, batch_keeps_up, HOUR, AN_HOUR_MS).passed
    assert not found(own_database, batch_keeps_up, HOUR, AN_HOUR_MS // 2).passed
