"""The side outputs, read on from where an earlier reconciliation has read them, on a real Kafka and database."""

import json

import psycopg
import pytest
from confluent_kafka import Producer

from batch.index.log_index import IndexedPartition, LogIndex
from batch.index.side_outputs import NOTHING_READ, read_by_rule, read_by_stream, without_known
from batch.reconciliation.accounted import add_accounted, read_accounted
from batch.reconciliation.accounting import Account
from batch.reconciliation.audit import add_reconciliation
from sma.instants import instant
from tests.support.superuser import client_options

READ_TO = {0: 6}


@pytest.fixture
def connection(place):
    with psycopg.connect(place.settings.batch_database_url.get_secret_value(), autocommit=True) as connection:
        yield connection


def diverted(place, *offsets, partition=0, generation=0, topic="late_events_topic"):
    """Write the positions of late events, as the job does."""
    producer = Producer(client_options(place.settings))
    for offset in offsets:
        record = {"partition": partition, "kafka_offset": offset, "generation": generation}
        producer.produce(getattr(place.settings, topic), json.dumps(record).encode(), partition=0)
    assert producer.flush(30) == 0


def late_of(side_outputs):
    return [offset for _, offset in side_outputs.late.rows()]


def test_the_next_reading_begins_with_what_was_beyond_the_index(place):
    diverted(place, 2, 8, 4)
    read, cursor = read_by_stream(place.settings, 0, READ_TO)
    assert late_of(read) == [2, 4]
    assert (cursor.events, cursor.late[0]) == (READ_TO, 1)  # the second record names Kafka offset 8
    diverted(place, 9, 8)
    read, cursor = read_by_stream(place.settings, 0, {0: 9}, cursor)
    assert late_of(read) == [4, 8]  # 4 came after 8, and is known
    read, cursor = read_by_stream(place.settings, 0, {0: 10}, cursor)
    assert late_of(read) == [8, 9]
    read, unmoved = read_by_stream(place.settings, 0, {0: 10}, cursor)
    assert (late_of(read), unmoved) == ([], cursor)


def test_of_a_partition_that_is_not_indexed_nothing_is_taken_and_all_is_read_again(place):
    diverted(place, 2, partition=7)
    diverted(place, 3)
    read, cursor = read_by_stream(place.settings, 0, READ_TO)
    assert (late_of(read), cursor.late[0]) == ([3], 0)


def test_positions_that_were_written_again_are_left_out_if_the_index_has_them(place, connection):
    for offset in (1, 3, 7):
        connection.execute("INSERT INTO sma.late_events VALUES (0, %s, 'A', 'm', 0, 0, 0)", (offset,))
    connection.execute("INSERT INTO sma.indexed_partitions VALUES (0, 9, 0, 0, 0)")
    diverted(place, 1, 2, 7)
    read, _ = read_by_stream(place.settings, 0, {0: 9})
    assert late_of(without_known(connection, read, {0: 5})) == [2, 7]
    assert late_of(without_known(connection, read, {})) == [1, 2, 7]
    assert late_of(read_by_rule(connection, {0: 3})) == [3, 7]
    assert late_of(read_by_rule(connection)) == [1, 3, 7]


INDEX = LogIndex((IndexedPartition(0, 10, 9, events=10, late_events=0, rejected_events=0, heartbeats=0),))


def account(connection, run_id, generation=0, read_to=10, **amiss):
    records = {"records": read_to, "events_used": read_to, "late_events": 0, "rejected_events": 0, "heartbeats": 0}
    accounts = [Account(kafka_partition=0, read_from=0, read_to=read_to, **records | amiss)]
    with connection.transaction():
        add_reconciliation(connection, run_id, [], accounts, instant(0))
        add_accounted(connection, run_id, generation, NOTHING_READ)


def has_accounted(connection, generation=0, index=INDEX):
    return bool(read_accounted(connection, generation, index).accounts)


def test_a_run_goes_on_from_the_newest_one(place, connection):
    assert not has_accounted(connection)
    account(connection, "first", read_to=4)
    account(connection, "second", read_to=7)
    assert read_accounted(connection, 0, INDEX).cursor.events == {0: 7}


@pytest.mark.parametrize("amiss", [{"mismatched": 1}, {"events_used": 9}, {"generation": 1}, {"read_to": 11}])
def test_a_run_begins_again_after_a_fault_and_where_another_log_or_job_was_read(place, connection, amiss):
    account(connection, "clean")
    assert has_accounted(connection)
    account(connection, "amiss", **amiss)
    assert not has_accounted(connection)
