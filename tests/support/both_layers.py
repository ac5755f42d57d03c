"""Generated streams on one log, through the real Flink job and the real batch layer: what came out of both.

`run_both_layers` publishes, restarts, computes, reconciles and damages; whether all of it is right, the tests decide.
"""

import base64
import json
import random
from dataclasses import dataclass
from pathlib import Path

import psycopg
from hypothesis import HealthCheck, Phase, given, seed, settings

from batch.log.fetch import fetch_batches
from batch.log.record_batches import split_batches
from batch.pipeline import Reconciled, compute_batch_days, reconcile_days
from clients.kafka.offsets import ends
from sma.averages import load_averages
from tests.support import oracle
from tests.support.every_producer import publish_with_every_producer
from tests.support.publishing import Sent, publish
from tests.support.stored import records, stored, succeed
from tests.support.streams import AVERAGES, HOUR, oracle_rows, streams
from tests.support.touched_days import days_touched
from tests.support.transactions import ANSWER_S, open_transaction, transactional

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
  - {name: shifted, window: 3 hours, every: 1 hour, offset: 420001 milliseconds}
  - {name: last_5_shifted, window: 5 events, every: 30 minutes, offset: 29 minutes}
"""
DAY = 24 * HOUR
JAVAS_SNAPPY = b"\x82SNAPPY\x00"

# what no layer may take for an event, and none may lose
POISON = [
    (None, "not UTF-8 JSON"),
    (b"", "not UTF-8 JSON"),
    (b"\xff\xfe{}", "not UTF-8 JSON"),
    (b'{"customer": "a"', "not UTF-8 JSON"),
    (b"[1, 2]", "not a JSON object"),
    (
        b'{"customer": "a", "metric": "m", "event_time": 1357034400000, "value": 1}',
        "wrong_key: not customer/metric of the event",
    ),
    (b"x" * 900_000, "not UTF-8 JSON"),
    (b"[" * 900_000, "nested deeper than 100"),
    (
        b'{"customer": "%s", "metric": "m", "event_time": 1, "value": 1}' % (b"a" * 900_000),
        "customer: not 1 to 128 characters",
    ),
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


def encodings_of(settings):
    """The codecs of the record batches in the topic `events`, by number, and whether Java's framing is around them."""
    settings = settings.kafka_as("batch")
    return {
        (batch.codec, bytes(batch.records[:8]) == JAVAS_SNAPPY)
        for partition, end in ends(settings, settings.events_topic, read_committed=True).items()
        for fetched in fetch_batches(settings, settings.events_topic, partition, 0, end)
        for batch in split_batches(fetched.records, "the log")
    }


def heartbeats(time_ms):
    return [Sent(b'{"heartbeat": %d}' % time_ms, time_ms, partition=partition) for partition in range(4)]


def in_base64(raw):
    return None if raw is None else base64.b64encode(raw).decode()


def late_of(events, positions):
    """Return the positions of the late events, as the oracle says."""
    return {positions[place] for place in oracle.late_by_series(events, ALLOWED_LATENESS)}


def expected_of(events):
    return {average.name: oracle_rows(events, average) for average in AVERAGES}


@dataclass(frozen=True)
class BothLayers:
    """What was published, by (partition, Kafka offset), and what the layers made of it.

    `encodings` are those of the log's record batches; `late` are the positions of late events, as the
    oracle says; `streamed` and `computed` are rows as `stored` returns them; `damaged` is what a reconciliation finds
    once damage is planted.
    """

    events: dict[tuple[int, int], tuple]
    poison: dict[tuple[int, int], bytes | None]
    encodings: set[tuple[int, bool]]
    late: set[tuple[int, int]]
    restarted: str
    streamed: dict
    late_records: list[dict]
    rejected_records: list[dict]
    status: dict
    computed: dict
    reconciled: Reconciled
    damaged: Reconciled

    @property
    def in_time(self) -> list[tuple]:
        """The events that are not late, in the order in which they were published."""
        return [event for position, event in self.events.items() if position not in self.late]


def run_both_layers(place) -> BothLayers:
    """Publish generated streams with poison, restart the job in their middle, and run the batch layer over all days.

    Producers of every kind publish them.
    """
    first = interleave(generate(40))
    sent = [as_record(event) for event in first]
    poison = [Sent(raw, START) for raw, _ in POISON]
    for index, record in enumerate(poison):
        sent.insert((index + 1) * len(sent) // (len(poison) + 1), record)
    published = list(zip(publish_with_every_producer(place.settings, sent), sent, strict=True))
    event_positions = [position for position, record in published if record not in poison]

    # a restart in the middle of everything: the rule of the log must not notice it
    succeed(place.sma("wait", "--timeout", "120"))
    succeed(place.sma("stream", "stop"))
    restarted = succeed(place.sma("stream", "start"))
    again = interleave([[(c, m, t + 2 * HOUR, v) for c, m, t, v in part] for part in generate(12)])
    again_positions = publish_with_every_producer(place.settings, [as_record(event) for event in again])
    publish(place.settings, heartbeats(START + 3 * DAY))
    succeed(place.sma("wait", "--timeout", "120"))
    events, positions = first + again, event_positions + again_positions
    streamed = stored(place, "streaming_averages")
    late_records = records(place, place.settings.late_events_topic)
    rejected_records = records(place, place.settings.rejected_events_topic)
    status = json.loads(succeed(place.sma("stream", "status", "--json")))

    # from here on a transaction is open, of which no layer may read anything
    stays_open = transactional(place.settings, "open")
    open_transaction(stays_open, place.settings.events_topic, [as_record(event) for event in again])
    averages = load_averages(Path(place.environ["SMA_AVERAGES"]))
    days = days_touched(place.settings, averages, print)
    compute_batch_days(place.settings, averages, days, "run-1", print)
    computed = stored(place, "batch_averages")
    reconciled = reconcile_days(place.settings, averages, days, "run-1", print)
    plant_damage(place)
    damaged = reconcile_days(place.settings, averages, days, "run-2", print)
    stays_open.abort_transaction(ANSWER_S)
    return BothLayers(
        events=dict(zip(positions, events, strict=True)),
        poison={position: record.value for position, record in published if record in poison},
        encodings=encodings_of(place.settings),
        late=late_of(events, positions),
        restarted=restarted,
        streamed=streamed,
        late_records=late_records,
        rejected_records=rejected_records,
        status=status,
        computed=computed,
        reconciled=reconciled,
        damaged=damaged,
    )


def plant_damage(place):
    """Let a row be gone, one invented, one a micro-unit off, one with a wrong count."""
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
