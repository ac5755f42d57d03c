"""A month of events on a place of the test's own: disorder, rare series, events days late; and what is to be found."""

import json
import random
from datetime import date
from uuid import uuid4

from batch.index.extend import extend_index
from batch.index.index_pass import BLOCK_EVENTS
from batch.pipeline import compute_batch_days
from sma.averages import Average, Averages
from sma.days import day_of, day_start_ms
from sma.durations import DAY_MS
from sma.window import CountWindow, DurationWindow
from tests.support.publishing import Sent, publish
from tests.support.streams import oracle_rows

HOUR = 3_600_000
START = day_start_ms(date(2013, 1, 1))
DAYS = 30
AVERAGES = Averages(
    watermark_delay_ms=0,
    allowed_lateness_ms=6 * HOUR,
    max_ahead_ms=DAY_MS,
    averages=(
        Average("hours", DurationWindow(3 * HOUR), HOUR),
        Average("days", DurationWindow(2 * DAY_MS), 6 * HOUR),
        Average("last_3", CountWindow(3), HOUR),
        Average("last_40", CountWindow(40), 6 * HOUR),
        Average("days_at_five", DurationWindow(DAY_MS), DAY_MS, offset_ms=5 * HOUR),
        Average("last_7", CountWindow(7), 12 * HOUR, offset_ms=5 * HOUR),
    ),
)


def log_of(count=3_000):
    """Busy and rare series, disorder within hours, and events that come days late or out of all order."""
    chooser = random.Random(20130101)
    series = [("busy", "a"), ("busy", "b"), ("some", "a"), ("rare", "a"), ("wild", "a")]
    events = []
    for number in range(count):
        customer, metric = chooser.choices(series, (50, 40, 12, 1, 4))[0]
        time_ms = START + number * DAYS * DAY_MS // count
        if customer == "wild":
            time_ms = START + chooser.randrange(DAYS * DAY_MS)
        elif chooser.random() < 0.05:
            time_ms -= chooser.randrange(6 * DAY_MS)
        else:
            time_ms -= chooser.randrange(3 * HOUR)
        events.append((customer, metric, max(START, time_ms), f"{chooser.randrange(-(10**9), 10**9)}e-6"))
    return events


def as_record(event, **where):
    customer, metric, time_ms, value = event
    fields = {"customer": customer, "metric": metric, "event_time": time_ms, "value": value}
    return Sent(json.dumps(fields).encode(), time_ms, key=f"{customer}/{metric}", **where)


def close(place, at_ms=START + (DAYS + 3) * DAY_MS):
    publish(place.settings, [Sent(b'{"heartbeat": %d}' % at_ms, at_ms, partition=number) for number in range(4)])


def expected_of(events, averages=AVERAGES):
    return {average.name: oracle_rows(events, average) for average in averages.averages}


def of_day(answers, day):
    return {
        name: held
        for name, rows in answers.items()
        if (held := {key: pair for key, pair in rows.items() if day_of(key[2]) == day})
    }


def compute(place, days, run=None, say=lambda _: None, **how):
    return compute_batch_days(place.settings, AVERAGES, days, run or str(uuid4()), say, **how)


def extend(place, averages=AVERAGES, block_events=BLOCK_EVENTS, **how):
    return extend_index(place.settings, averages, lambda _: None, block_events, **how)
