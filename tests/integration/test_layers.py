"""Comparing the layers where their rows are finds what comparing the frames finds, and counts the same rows."""

import random
from decimal import Decimal

import polars as pl
import psycopg
import pytest

from batch.reconciliation.classify import compare
from batch.reconciliation.compare_in_database import RowCounts, count_rows, differing_rows
from batch.store.averages_schema import AVERAGES_SCHEMA, KEY
from batch.store.database import LAYERS, snapshot
from sma.instants import instant

START = 1_357_084_800_000
MINUTE_MS = 60_000
UNTIL = START + 200 * MINUTE_MS
NAMES = ["AA", "\\N", 'a "b", c', "日本"]
LARGEST_MICROS = 10**38 - 1


def frame(rows):
    return pl.DataFrame(list(rows), AVERAGES_SCHEMA, orient="row").sort(KEY)


def minutes(*minutes, value_sum_micros=5, event_count=2, average="hour"):
    return frame(("AA", "delay", average, START + at * MINUTE_MS, value_sum_micros, event_count) for at in minutes)


def compare_layers(connection, until_ms=UNTIL) -> tuple[RowCounts, pl.DataFrame]:
    with connection.transaction():
        counts = count_rows(connection, ["hour", "none"], START, until_ms)
    assert counts["none"] == RowCounts(0, 0, 0)
    return counts["hour"], differing_rows(connection, "hour", START, until_ms)


def equal(streamed, batch) -> int:
    return streamed.join(batch, on=streamed.columns).height


@pytest.fixture
def say(own_database):
    """Write what the stream says, then what the batch layer says; psycopg alone decides what the rows look like."""

    def write(streamed, batch):
        with psycopg.connect(
            own_database.settings.owner_database_url.get_secret_value(), autocommit=True
        ) as connection:
            for layer, rows in zip(LAYERS, (streamed, batch), strict=True):
                statement = f"COPY sma.{layer} (customer, metric, average, as_of, value_sum, event_count) FROM STDIN"
                with connection.cursor().copy(statement) as copy:
                    for *names, as_of_ms, micros, event_count in rows.iter_rows():
                        copy.write_row((*names, instant(as_of_ms), Decimal(f"{micros}E-6"), event_count))

    return write


@pytest.fixture
def compared(own_database):
    with psycopg.connect(own_database.settings.batch_database_url.get_secret_value(), autocommit=True) as connection:
        yield lambda until_ms=UNTIL: compare_layers(connection, until_ms)


def test_layers_without_rows_are_equal(compared):
    counts, differing = compared()
    assert counts == RowCounts(0, 0, 0)
    assert counts.is_clean
    assert differing.equals(compare(frame([]), frame([])))


def test_equal_layers_differ_in_nothing(say, compared):
    say(minutes(1, 2, 3, value_sum_micros=-LARGEST_MICROS), minutes(1, 2, 3, value_sum_micros=-LARGEST_MICROS))
    counts, differing = compared()
    assert (counts, counts.is_clean, differing.height) == (RowCounts(3, 3, 3), True, 0)


@pytest.mark.parametrize(
    ("streamed", "batch"),
    [
        (minutes(1, 2), minutes(1, 2, value_sum_micros=6)),
        (minutes(1, 2), minutes(1, 2, event_count=3)),
        (minutes(1, 2), minutes(2, 3)),
        (minutes(1), minutes()),
        (minutes(), minutes(1)),
        (minutes(1, value_sum_micros=LARGEST_MICROS), minutes(1, value_sum_micros=LARGEST_MICROS - 1)),
    ],
)
def test_each_kind_of_difference_is_found(say, compared, streamed, batch):
    say(streamed, batch)
    counts, differing = compared()
    assert differing.equals(compare(streamed, batch))
    assert differing.height
    assert counts == RowCounts(streamed.height, batch.height, equal(streamed, batch))
    assert not counts.is_clean


def test_other_averages_and_times_are_left_out(say, compared):
    others = minutes(1, 2, 5, value_sum_micros=8)
    say(pl.concat([minutes(1, 2, 5), minutes(1, average="minute")]), others)
    counts, differing = compared(until_ms=START + 3 * MINUTE_MS)
    assert differing["as_of_ms"].to_list() == [START + MINUTE_MS, START + 2 * MINUTE_MS]
    assert counts == RowCounts(2, 2, 0)


def test_damage_of_every_kind_is_found_as_in_the_frames(say, compared):
    chooser = random.Random(7)
    batch = [
        (name, metric, "hour", START + at * MINUTE_MS, chooser.randrange(-(10**20), 10**20), chooser.randrange(1, 99))
        for name in NAMES
        for metric in ("delay", "distance")
        for at in range(200)
    ]
    streamed = []
    for *key, value_sum, event_count in batch:
        damage = chooser.random()
        if damage > 0.1:
            streamed.append((*key, value_sum, event_count))
        elif damage > 0.05:
            streamed.append((*key, value_sum + chooser.randrange(-1, 2), event_count + chooser.randrange(2)))
    batch = [row for row in batch if chooser.random() > 0.05]
    say(frame(streamed), frame(batch))
    counts, differing = compared()
    assert differing.equals(compare(frame(streamed), frame(batch)))
    assert counts == RowCounts(len(streamed), len(batch), equal(frame(streamed), frame(batch)))


def test_a_comparison_in_a_snapshot_sees_what_was_there_then(own_database, say):
    say(minutes(1, 2), minutes(1, 2))
    url = own_database.settings.batch_database_url.get_secret_value()
    with psycopg.connect(url, autocommit=True) as connection, snapshot(connection):
        say(minutes(7), minutes(8))
        counts, differing = compare_layers(connection)
    assert (counts, differing.height) == (RowCounts(2, 2, 2), 0)
