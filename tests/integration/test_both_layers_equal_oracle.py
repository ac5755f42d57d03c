"""Generated streams through the real Flink job and the real batch layer, against the oracle, on one log."""

import base64
import json
import random
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from batch.pipeline import compute_batch_days, days_touched, reconcile_days
from sma.averages import load_averages
from tests.support import oracle
from tests.support.publishing import Sent, publish
from tests.support.stored import records, stored, succeed
from tests.support.streams import AVERAGES, HOUR, oracle_answers, streams

START = 1_357_034_400_000
ALLOWED_LATENESS = 3 * HOUR
YAML = """
watermark_delay: 1 hour
allowed_lateness: 3 hours
max_ahead: 1 day
averages:
  - {name: tumbling, window: 10 minutes, every: 10 minutes}
  - {name: hour, window: 1 hour, every: 15 minutes}
  - {name: long, window: 6 hours, every: 1 hour}
  - {name: last_3, window: 3 events, every: 10 minutes}
  - {name: last_20, window: 20 events, every: 1 hour}
"""
DAY = 24 * HOUR

# what no layer may take for an event, and none may lose
POISON = [
    (None, "not UTF-8 JSON"),
    (b"", "not UTF-8 JSON"),
    (b"\xff\xfe{}", "not UTF-8 JSON"),
    (b'{"customer": "a"', "not UTF-8 JSON"),
    (b"[1, 2]", "not a JSON object"),
    (b'{"customer": "a", "event_time": 1357034400000, "value": 1}', "metric: missing"),
    (b'{"customer": "a/b", "metric": "m", "event_time": 1, "value": 1}', "customer: has a '/' or a control character"),
    (b'{"customer": "a", "metric": "m", "event_time": 1.5, "value": 1}', "event_time: not an integer"),
    (b'{"customer": "a", "metric": "m", "event_time": 1357034400000, "value": NaN}', "not UTF-8 JSON"),
    (b'{"customer": "a", "metric": "m", "event_time": 1357034400000, "value": "NaN"}', "value: not a number"),
    (b'{"customer": "a", "metric": "m", "event_time": 1357034400000, "value": 1e12}', "value: out of range"),
    (
        b'{"customer": "a", "metric": "m", "event_time": 1999999999999, "value": 1}',
        "event_time: more than max_ahead ahead of the record's timestamp",
    ),
    (b'{"heartbeat": 1999999999999}', "heartbeat: more than max_ahead ahead of the record's timestamp"),
]


def generate(count):
    """Return what Hypothesis draws: `count` streams, with the customers of each renamed apart."""
    drawn = []

    @seed(20130101)
    @settings(
        max_examples=count,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        deadline=None,
    )
    @given(streams(START))
    def collect(stream):
        drawn.append([(f"{customer}{len(drawn)}", *rest) for customer, *rest in stream])

    collect()
    return drawn


def interleave(parts):
    """Merge streams at random, each in its own order: a log is many series at once."""
    chooser = random.Random(1)
    waiting = [list(reversed(part)) for part in parts if part]
    merged = []
    while waiting:
        part = chooser.choice(waiting)
        merged.append(part.pop())
        if not part:
            waiting.remove(part)
    return merged


def as_record(event):
    customer, metric, event_time_ms, value = event
    fields = {"customer": customer, "metric": metric, "event_time": event_time_ms, "value": value}
    return Sent(json.dumps(fields).encode(), event_time_ms, key=f"{customer}/{metric}")


def heartbeats(time_ms):
    return [Sent(b'{"heartbeat": %d}' % time_ms, time_ms, partition=partition) for partition in range(4)]


def in_base64(raw):
    return None if raw is None else base64.b64encode(raw).decode()


def late_of(events, positions):
    """Return the positions of the late events, as the oracle says."""
    return {positions[place] for place in oracle.late_by_series(events, ALLOWED_LATENESS)}


def expected_of(events):
    return {average.name: oracle_answers(events, average) for average in AVERAGES}


@pytest.fixture
def job(place, averages_file):
    """The Flink job of this test's place, with its averages; stopped in the end."""
    averages_file.write_text(YAML)
    place.environ["SMA_AVERAGES"] = str(averages_file)
    succeed(place.sma("stream", "start"))
    yield place
    succeed(place.sma("stream", "stop"))


def test_generated_streams_come_out_of_both_layers_as_of_the_oracle(job):
    first = interleave(generate(40))
    poison = [Sent(raw, START) for raw, _ in POISON]
    sent = [as_record(event) for event in first]
    for index, record in enumerate(poison):
        sent.insert((index + 1) * len(sent) // (len(poison) + 1), record)
    assert len(poison) / len(sent) > 0.005
    positions = publish(job.settings, sent)
    event_positions = [position for record, position in zip(sent, positions, strict=True) if record not in poison]
    poison_positions = [position for record, position in zip(sent, positions, strict=True) if record in poison]

    # a restart in the middle of everything: the rule of the log must not notice it
    succeed(job.sma("wait", "--timeout", "120"))
    succeed(job.sma("stream", "stop"))
    assert "resumes from" in succeed(job.sma("stream", "start"))
    again = interleave([[(c, m, t + 2 * HOUR, v) for c, m, t, v in part] for part in generate(12)])
    again_positions = publish(job.settings, [as_record(event) for event in again])
    end = START + 3 * DAY
    publish(job.settings, heartbeats(end))
    succeed(job.sma("wait", "--timeout", "120"))

    events, all_positions = first + again, event_positions + again_positions
    late = late_of(events, all_positions)
    assert 0.05 < len(late) / len(events) < 0.95
    in_time = [event for event, position in zip(events, all_positions, strict=True) if position not in late]

    # the stream: the windows of what was in time, and every other record found again in its topic
    assert stored(job, "streaming_averages") == expected_of(in_time)
    late_records = records(job, job.settings.late_events_topic)
    assert {(record["partition"], record["kafka_offset"]) for record in late_records} == late
    by_position = dict(zip(all_positions, events, strict=True))
    for record in late_records:
        customer, metric, event_time_ms, value = by_position[record["partition"], record["kafka_offset"]]
        assert (record["customer"], record["metric"], record["event_time"]) == (customer, metric, event_time_ms)
        assert int(Decimal(record["value"]).scaleb(6)) == oracle.micros(value)
    rejected = {
        (r["partition"], r["kafka_offset"]): (r["raw"], r["reason"])
        for r in records(job, job.settings.rejected_events_topic)
    }
    reasons = dict(POISON)
    raws = {position: record.value for record, position in zip(sent, positions, strict=True)}
    assert rejected == {position: (in_base64(raws[position]), reasons[raws[position]]) for position in poison_positions}
    status = json.loads(succeed(job.sma("stream", "status", "--json")))
    counted = {
        name: sum(account[name] for account in status["accounts"])
        for name in ("events_used", "late_events", "rejected_events", "heartbeats", "residue")
    }
    assert counted == {
        "events_used": len(in_time),
        "late_events": len(late),
        "rejected_events": len(poison),
        "heartbeats": 4,
        "residue": 0,
    }

    # the batch layer: the windows of every event, each difference explained, every record accounted for
    averages = load_averages(Path(job.environ["SMA_AVERAGES"]))
    first_day, last_day = days_touched(job.settings, averages, print)
    days = [first_day + timedelta(days=number) for number in range((last_day - first_day).days + 1)]
    compute_batch_days(job.settings, averages, days, "run-1", print)
    assert stored(job, "batch_averages") == expected_of(events)
    reconciled = reconcile_days(job.settings, averages, days, "run-1", print)
    assert (reconciled.unexplained, reconciled.unaccounted) == (0, 0)
    explained = sum(day.summary.explained for day in reconciled.days)
    batch, stream = expected_of(events), expected_of(in_time)
    assert explained == sum(
        batch[name].get(key) != stream[name].get(key)
        for name in batch
        for key in batch[name].keys() | stream[name].keys()
    )

    # planted damage: a row gone, one invented, one a micro-unit off, one with a wrong count
    plant_damage(job)
    damaged = reconcile_days(job.settings, averages, days, "run-2", print)
    assert damaged.unexplained == 4
    assert damaged.unaccounted == 0


def plant_damage(place):
    with psycopg.connect(place.settings.owner_database_url.get_secret_value()) as connection:
        keys = connection.execute(
            "SELECT customer, metric, average, as_of FROM sma.streaming_averages WHERE average = 'hour' "
            "ORDER BY customer, metric, as_of LIMIT 3"
        ).fetchall()
        here = "WHERE (customer, metric, average, as_of) = (%s, %s, %s, %s)"
        connection.execute(f"DELETE FROM sma.streaming_averages {here}", keys[0])
        connection.execute(f"UPDATE sma.streaming_averages SET value_sum = value_sum + 0.000001 {here}", keys[1])
        connection.execute(f"UPDATE sma.streaming_averages SET event_count = event_count + 1 {here}", keys[2])
        connection.execute(
            "INSERT INTO sma.streaming_averages (customer, metric, average, as_of, value_sum, event_count) "
            "VALUES ('nobody', 'm', 'hour', %s, 1, 1)",
            (keys[0][3],),
        )
