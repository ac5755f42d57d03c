"""The offset index while several runs extend it or begin it again: it never has a hole, and nobody judges by a part."""

import psycopg
import pytest

from batch.index.index_pass import IndexPass
from batch.index.index_tables import forget, read_pass_end, write_pass
from batch.index.log_index import Rule, read_index, require_whole
from database.definitions import store_definitions
from database.migrate import SQL_DIR
from sma.averages import Average, Averages
from sma.errors import SmaError
from sma.window import CountWindow
from tests.support.index_rows import IndexRows

AVERAGES = Averages(0, 1_000, 60_000, (Average("last_3", CountWindow(3), 1_000),))
RULE = Rule.of(AVERAGES)
BEGUN_AGAIN = "partition 0 of the offset index was begun again by another run"


@pytest.fixture
def connection(own_database):
    with psycopg.connect(own_database.settings.batch_database_url.get_secret_value(), autocommit=True) as connection:
        yield connection


def write(connection, from_offset, next_offset, rule=RULE, partition=0, origin=0):
    done = IndexPass(read_pass_end(connection, partition, origin), rule.allowed_lateness_ms)
    done.next_offset = next_offset
    write_pass(connection, partition, rule, from_offset, done, [], [], 0)


def test_a_pass_continues_where_the_index_ends(connection):
    write(connection, 0, 5)
    write(connection, 5, 9)
    assert read_index(connection).read_to == {0: 9}


@pytest.mark.parametrize("origin", [0, 1_000])
def test_a_pass_whose_index_was_emptied_leaves_no_hole(connection, origin):
    write(connection, origin, origin + 5, origin=origin)
    forget(connection)
    with pytest.raises(SmaError, match=BEGUN_AGAIN):
        write(connection, origin + 5, origin + 9, origin=origin)
    assert read_index(connection).read_to == {}


def test_a_pass_does_not_go_on_with_an_index_of_another_rule(connection):
    write(connection, 0, 5)
    with pytest.raises(SmaError, match=BEGUN_AGAIN):
        write(connection, 5, 9, Rule(2_000, 60_000))
    assert read_index(connection).read_to == {0: 5}


@pytest.mark.parametrize(
    ("averages", "read_to", "why"),
    [
        (AVERAGES, {0: 5, 1: 1}, "partition 1 is not indexed so far"),
        (AVERAGES, {0: 6}, "partition 0 is not indexed so far"),
        (Averages(0, 2_000, 60_000, AVERAGES.averages), {0: 5}, "it is of another averages.yaml"),
    ],
)
def test_nobody_judges_by_an_index_that_is_not_whole(connection, averages, read_to, why):
    write(connection, 0, 5)
    require_whole(connection, read_index(connection), AVERAGES, {0: 5})
    with pytest.raises(SmaError, match=why):
        require_whole(connection, read_index(connection), averages, read_to)


def test_nobody_judges_by_an_empty_index(connection):
    with pytest.raises(SmaError, match="the offset index is being made again"):
        require_whole(connection, read_index(connection), AVERAGES, {})


def test_what_was_indexed_before_there_were_counts_is_counted_as_if_it_were_indexed_now(own_database, connection):
    owner_url = own_database.settings.owner_database_url.get_secret_value()
    store_definitions(owner_url, AVERAGES.averages)
    with psycopg.connect(owner_url, autocommit=True) as owner:
        index = IndexRows(owner)
        index.block((0, 5), (1, 2), series="A")
        index.block((5, 6), (30, 30), series="A")
        index.block((6, 8), (73, 74), series="B")
        index.late(8, 5, series="A")
        index.late(9, 6, series="C")
        index.block((10, 11), (26, 26), series="B")
        index.block((0, 3), (50, 51), series="A", partition=1)
        counted = counts_of(owner)
        owner.execute(  # an offset of a day was that of its last event that is not late
            "UPDATE sma.series_days AS held SET next_offset = log_days.next_offset FROM sma.log_days "
            "WHERE log_days.day = held.day AND log_days.kafka_partition = held.kafka_partition"
        )
        owner.execute("DROP TABLE sma.log_days")
        owner.execute("DROP INDEX sma.series_days_customer_metric_idx")
        owner.execute("DELETE FROM sma.series_days WHERE event_count = 0")
        owner.execute("ALTER TABLE sma.series_days DROP COLUMN late_event_count")
        for kind in ("event", "late_event", "rejected_event", "heartbeat"):
            owner.execute(f"ALTER TABLE sma.indexed_partitions DROP COLUMN {kind}_count")
        owner.execute((SQL_DIR / "migrations" / "0025_days_of_the_log.sql").read_text())
        assert counts_of(owner) == counted


def counts_of(owner):
    """What the index counts by partition, series and day; of offsets that reach a day, those after its own events."""
    partitions = owner.execute(
        "SELECT kafka_partition, next_offset, max_log_time_ms, event_count, late_event_count, rejected_event_count, "
        "heartbeat_count FROM sma.indexed_partitions ORDER BY 1"
    ).fetchall()
    series = owner.execute(
        "SELECT kafka_partition, day, customer, event_count, late_event_count FROM sma.series_days ORDER BY 1, 2, 3"
    ).fetchall()
    days = owner.execute(
        "SELECT kafka_partition, day, event_count, late_event_count, min_event_time_ms, max_event_time_ms, "
        "first_offset, next_offset, late_next_offset, greatest(reaching_offset, next_offset), late_reaching_offset, "
        "late_reaching_since IS NOT NULL FROM sma.log_days ORDER BY 1, 2"
    ).fetchall()
    return partitions, series, days
