"""The offset index while several runs extend it or begin it again: it never has a hole, and nobody judges by a part."""

import psycopg
import pytest

from batch.index.index_pass import IndexPass
from batch.index.index_tables import forget, read_pass_end, write_pass
from batch.index.log_index import Rule, read_index, require_whole
from sma.averages import Average, Averages
from sma.errors import SmaError
from sma.window import CountWindow

AVERAGES = Averages(0, 1_000, 60_000, (Average("last_3", CountWindow(3), 1_000),))
RULE = Rule.of(AVERAGES)
BEGUN_AGAIN = "partition 0 of the offset index was begun again by another run"


@pytest.fixture
def connection(own_database):
    with psycopg.connect(own_database.settings.batch_database_url.get_secret_value(), autocommit=True) as connection:
        yield connection


def write(connection, from_offset, next_offset, rule=RULE, partition=0):
    done = IndexPass(read_pass_end(connection, partition), rule.allowed_lateness_ms)
    done.next_offset = next_offset
    write_pass(connection, partition, rule, from_offset, done, [], [])


def test_a_pass_continues_where_the_index_ends(connection):
    write(connection, 0, 5)
    write(connection, 5, 9)
    assert read_index(connection).read_to == {0: 9}


def test_a_pass_whose_index_was_emptied_leaves_no_hole(connection):
    write(connection, 0, 5)
    forget(connection)
    with pytest.raises(SmaError, match=BEGUN_AGAIN):
        write(connection, 5, 9)
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
