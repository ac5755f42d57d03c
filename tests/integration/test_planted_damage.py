"""Very many windows of the real stream: no false alarm among them, and damage of every kind found, each piece of it."""

import json
import random
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import psycopg
import pytest

from batch.pipeline import compute_batch_days, reconcile_days
from sma.averages import load_averages
from sma.days import day_start_ms
from sma.instants import milliseconds
from tests.support.publishing import Sent, publish
from tests.support.stored import succeed

DAY = date(2013, 1, 1)
START = day_start_ms(DAY)
MINUTE = 60_000
SERIES = 50
YAML = """
watermark_delay: 1 minute
allowed_lateness: 10 minutes
averages:
  - {name: hour, window: 1 hour, every: 1 minute}
  - {name: five, window: 5 hours, every: 1 minute}
  - {name: last_20, window: 20 events, every: 1 minute}
  - {name: last_200, window: 200 events, every: 1 minute}
"""
DAMAGED_EACH_WAY = 250
KINDS = {
    "missing": "missing_in_stream",
    "sum": "changed",
    "count": "changed",
    "extra": "extra_in_stream",
}
KEY = "(customer, metric, average, as_of)"


@pytest.fixture
def job(place, averages_file):
    averages_file.write_text(YAML)
    place.environ["SMA_AVERAGES"] = str(averages_file)
    succeed(place.sma("stream", "start"))
    yield place
    succeed(place.sma("stream", "stop"))


def records(minutes):
    chooser = random.Random(20130101)
    for minute in range(minutes):
        for series in range(SERIES):
            behind = chooser.randrange(11, 600) if chooser.random() < 0.002 else chooser.randrange(0, 3)
            time_ms = max(START, START + (minute - behind) * MINUTE + chooser.randrange(MINUTE))
            fields = {"customer": f"c{series:02d}", "metric": "m", "event_time": time_ms}
            value = f"{chooser.randrange(-(10**9), 10**9)}e-6"
            yield Sent(json.dumps({**fields, "value": value}).encode(), time_ms, key=f"c{series:02d}/m")
    end_ms = START + (minutes + 400) * MINUTE
    for partition in range(4):
        yield Sent(b'{"heartbeat": %d}' % end_ms, end_ms, partition=partition)


def plant(place, chooser):
    """Damage rows of the stream; return {(customer, average, as_of in ms): class of the difference}."""
    with psycopg.connect(place.settings.owner_database_url.get_secret_value()) as connection:
        # windows that hold no late event, which would be a difference anyway
        rows = connection.execute(
            "SELECT stream.customer, stream.metric, stream.average, stream.as_of FROM sma.streaming_averages AS stream "
            "INNER JOIN sma.batch_averages AS batch USING (customer, metric, average, as_of, value_sum, event_count) "
            "ORDER BY customer, metric, average, as_of"
        ).fetchall()
        chosen = chooser.sample(rows, DAMAGED_EACH_WAY * len(KINDS))
        planted = {}
        for number, (customer, *key_rest) in enumerate(chosen):
            kind = list(KINDS)[number % len(KINDS)]
            key = (f"{customer}x" if kind == "extra" else customer, *key_rest)
            here = f"WHERE {KEY} = (%s, %s, %s, %s)"
            if kind == "missing":
                connection.execute(f"DELETE FROM sma.streaming_averages {here}", key)
            elif kind == "sum":
                connection.execute(f"UPDATE sma.streaming_averages SET value_sum = value_sum + 0.000001 {here}", key)
            elif kind == "count":
                connection.execute(f"UPDATE sma.streaming_averages SET event_count = event_count + 1 {here}", key)
            else:
                connection.execute(
                    f"INSERT INTO sma.streaming_averages {KEY[:-1]}, value_sum, event_count) "
                    "VALUES (%s, %s, %s, %s, 1, 1)",
                    key,
                )
            planted[key[0], key[2], milliseconds(key[3])] = KINDS[kind]
    return planted


@pytest.mark.parametrize(
    ("minutes", "windows"), [(1_500, 250_000), pytest.param(6_000, 1_000_000, marks=pytest.mark.nightly)]
)
def test_right_windows_raise_no_alarm_and_every_planted_damage_does(job, minutes, windows):
    publish(job.settings, list(records(minutes)))
    succeed(job.sma("wait", "--timeout", "240"))
    averages = load_averages(Path(job.environ["SMA_AVERAGES"]))
    days = [DAY + timedelta(days=number) for number in range(1 + minutes // 1_440)]
    compute_batch_days(job.settings, averages, days, "run-1", print)

    clean = reconcile_days(job.settings, averages, days, "run-1", print)
    assert sum(day.summary.windows_compared for day in clean.days) > windows
    assert (clean.unexplained, clean.unaccounted) == (0, 0)
    assert sum(day.summary.explained for day in clean.days) > windows // 1_000

    planted = plant(job, random.Random(7))
    damaged = reconcile_days(job.settings, averages, days, "run-2", print)
    unexplained = pl.concat(day.differences for day in damaged.days).filter(~pl.col("is_explained"))
    found = {
        (row[0], row[1], row[2]): row[3]
        for row in unexplained.select("customer", "average", "as_of_ms", "class").rows()
    }
    assert found == planted
    assert sum(day.summary.explained for day in damaged.days) == sum(day.summary.explained for day in clean.days)
    assert damaged.unaccounted == 0
