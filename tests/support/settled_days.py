"""Settled days on a place without Flink: a log without late events, its batch results, and a stream that agrees."""

import json
from datetime import date, timedelta
from uuid import uuid4

import psycopg
from confluent_kafka import Consumer, TopicPartition

from batch.audit.run import run_audit
from batch.log.offsets import retained_ranges
from batch.pipeline import compute_batch_days, reconcile_days
from sma.averages import Average, Averages
from sma.days import day_start_ms
from sma.durations import DAY_MS
from sma.window import CountWindow, DurationWindow
from tests.support.publishing import Sent, publish
from tests.support.superuser import client_options

HOUR = 3_600_000
DAY = date(2013, 1, 1)
START = day_start_ms(DAY)
DAYS = 10
AVERAGES = Averages(
    watermark_delay_ms=0,
    allowed_lateness_ms=6 * HOUR,
    max_ahead_ms=DAY_MS,
    averages=(
        Average("hours", DurationWindow(3 * HOUR), HOUR),
        Average("last_5", CountWindow(5), HOUR),
    ),
)
KEY = "(customer, metric, average, as_of) = (%s, %s, %s, %s)"


def day(number):
    return DAY + timedelta(days=number)


def event(time_ms, value="1", customer="acme", partition=None):
    fields = {"customer": customer, "metric": "m", "event_time": time_ms, "value": value}
    where = {"key": f"{customer}/m"} if partition is None else {"partition": partition}
    return Sent(json.dumps(fields).encode(), time_ms, **where)


def hourly(days=DAYS, customers=("acme", "bolt")):
    """An event of each customer at half past each hour."""
    hours = range(24 * days)
    return [
        event(START + hour * HOUR + HOUR // 2, f"{hour % 7}.25", customer) for hour in hours for customer in customers
    ]


def heartbeats(time_ms):
    return [Sent(b'{"heartbeat": %d}' % time_ms, time_ms, partition=partition) for partition in range(4)]


def connect(place):
    """As the owner, who may change what no run changes."""
    return psycopg.connect(place.settings.owner_database_url.get_secret_value(), autocommit=True)


def stream_agrees(place):
    """Write what the stream would have: the rows of the batch layer, and its commits up to the log's end."""
    with connect(place) as connection:
        connection.execute(
            "INSERT INTO sma.streaming_averages (customer, metric, average, as_of, value_sum, event_count) "
            "SELECT customer, metric, average, as_of, value_sum, event_count FROM sma.batch_averages "
            "ON CONFLICT (customer, metric, average, as_of) DO UPDATE "
            "SET value_sum = excluded.value_sum, event_count = excluded.event_count"
        )
    stream_commits(place)


def stream_commits(place):
    settings = place.settings
    consumer = Consumer({**client_options(settings), "group.id": settings.consumer_group})
    ends = retained_ranges(settings, settings.events_topic)
    wanted = [TopicPartition(settings.events_topic, partition, held.end) for partition, held in ends.items()]
    consumer.commit(offsets=wanted, asynchronous=False)
    consumer.close()


def settle(place, events, days):
    """Publish events, close their windows, compute and reconcile days."""
    publish(place.settings, events)
    publish(place.settings, heartbeats(START + (DAYS + 3) * DAY_MS))
    compute(place, days)
    stream_agrees(place)
    reconcile(place, days)


def compute(place, days, run_id=None):
    return compute_batch_days(place.settings, AVERAGES, days, run_id or str(uuid4()), lambda _: None)


def reconcile(place, days, run_id=None):
    return reconcile_days(place.settings, AVERAGES, days, run_id or str(uuid4()), lambda _: None)


def audit(place, start=DAY, end=DAY + timedelta(days=DAYS), run_id=None, say=lambda _: None, settings=None):
    today = DAY + timedelta(days=400)
    return run_audit(settings or place.settings, AVERAGES, run_id or str(uuid4()), today, say, start, end)


def rows_of(connection, table="batch_averages"):
    """Return {(customer, metric, average, as_of): (sum, count)} of a table of averages."""
    rows = connection.execute(
        f"SELECT customer, metric, average, as_of, value_sum, event_count FROM sma.{table}"
    ).fetchall()
    return {(customer, metric, average, as_of): pair for customer, metric, average, as_of, *pair in rows}
