"""64 partitions, 5 series, an ordinary producer that knows nothing of heartbeats: every closed day becomes final.

At most five partitions get events. The service writes heartbeats to all that are quiet; the real job and the real batch
layer do the rest, and a replay of the whole log leaves the table as it is. The long form goes at the pace of a producer
and with the default `idle_after`.
"""

import json
import time
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from batch.index.closed_days import lagging, low_watermark_ms
from batch.index.log_index import read_index
from batch.pipeline import Reconciled, compute_batch_days, reconcile_days
from batch.schedule.stale_days import stale_days
from batch.store.read_only import read_only_session
from clients.kafka.offsets import ends
from deploy.topics import wanted_topics
from sma.averages import load_averages, parse_averages
from sma.durations import DAY_MS, HOUR_MS
from sma.errors import SmaError
from tests.support.heartbeat_service import await_true, heartbeats, running_service
from tests.support.publishing import Sent, publish
from tests.support.stored import stored, succeed
from tests.support.stream_job import running_job
from tests.support.streams import oracle_rows
from tests.support.superuser import as_superuser
from tests.support.touched_days import days_touched

PARTITIONS = 64
SERIES = [("acme", f"sensor-{number}") for number in range(5)]
START = 1_356_998_400_000  # 2013-01-01
FINAL_WITHIN_S = 15 * 60
YAML = """
watermark_delay: 1 hour
allowed_lateness: 1 hour
idle_after: {idle_after}
averages:
  - {{name: hour, window: 1 hour, every: 15 minutes}}
  - {{name: last_3, window: 3 events, every: 1 hour}}
"""


@dataclass(frozen=True)
class Form:
    """How many days of events there are, how long a partition is idle, and how long the producer rests after a day."""

    days: int
    idle_after: str
    rest_s: float

    @property
    def averages(self):
        return parse_averages(YAML.format(idle_after=self.idle_after), "averages.yaml").averages


SHORT, LONG = Form(3, "1 second", 0), Form(10, "1 minute", 20)


@dataclass(frozen=True)
class Ran:
    """What was sent, what is closed, and what both layers and readers have; `replayed` is the table after a replay."""

    form: Form
    events: list[tuple]
    used_partitions: set[int]
    heartbeats: dict[int, list]
    low_watermark_ms: int
    lagging: dict[int, int]
    reconciled: list[Reconciled]
    streamed: dict
    batch: dict
    replayed: dict
    served: list[tuple]
    final_after_s: float


def as_record(event):
    customer, metric, time_ms, value = event
    fields = {"customer": customer, "metric": metric, "event_time": time_ms, "value": value}
    return Sent(json.dumps(fields).encode(), time_ms, key=f"{customer}/{metric}")


def reconcile(place, averages, run_id):
    days_touched(place.settings, averages, lambda _: None)
    with read_only_session(place.settings) as connection:
        days = [each.day for each in stale_days(connection, averages)]
    if not days:
        return []
    compute_batch_days(place.settings, averages, days, run_id, lambda _: None)
    return [reconcile_days(place.settings, averages, days, run_id, lambda _: None)]


def read_served(place):
    with psycopg.connect(place.settings.database_url.get_secret_value()) as connection:
        return connection.execute(
            "SELECT average, sma.epoch_ms(as_of), source, is_final FROM serving.moving_averages"
        ).fetchall()


def run(place, form, log):
    every_ms = HOUR_MS // 2
    events, used = [], set()
    with running_service(place, log):
        for day in range(form.days):
            of_day = [
                (*series, START + day * DAY_MS + step * every_ms, str(step % 7))
                for step in range(DAY_MS // every_ms)
                for series in SERIES
            ]
            used |= {partition for partition, _ in publish(place.settings, [as_record(event) for event in of_day])}
            events += of_day
            time.sleep(form.rest_s)
        began = time.monotonic()
        newest_ms = max(time_ms for _, _, time_ms, _ in events)

        def has_reached_the_newest(partition, found):
            return partition in used or (found[partition] and found[partition][-1][0] == newest_ms)

        await_true(
            lambda: all(
                has_reached_the_newest(each, found) for found in [heartbeats(place)] for each in range(PARTITIONS)
            ),
            lambda: dict(heartbeats(place)),
            FINAL_WITHIN_S,
        )
    succeed(place.sma("wait", "--timeout", "300"))
    averages = load_averages(Path(place.environ["SMA_AVERAGES"]))
    reconciled = reconcile(place, averages, "run-1") + reconcile(place, averages, "run-2")
    final_after_s = time.monotonic() - began
    with read_only_session(place.settings) as connection:
        index = read_index(connection)
    streamed = stored(place, "streaming_averages")
    succeed(place.sma("stream", "replay", "--from-time", "2012-12-31"))
    return Ran(
        form=form,
        events=events,
        used_partitions=used,
        heartbeats=heartbeats(place),
        low_watermark_ms=low_watermark_ms(index, averages.watermark_delay_ms),
        lagging=lagging(index, averages.watermark_delay_ms),
        reconciled=reconciled,
        streamed=streamed,
        batch=stored(place, "batch_averages"),
        replayed=stored(place, "streaming_averages"),
        served=read_served(place),
        final_after_s=final_after_s,
    )


def has_leaders(settings):
    """Tell whether the broker leads all partitions that it was asked to make; of 256 that takes a while."""
    try:
        admin = as_superuser(settings)
        return all(len(ends(admin, topic.name)) == topic.partitions for topic in wanted_topics(settings))
    except SmaError:
        return False


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(SHORT, id="short"),
        pytest.param(LONG, id="long", marks=pytest.mark.nightly("64 partitions, at a producer's pace")),
    ],
)
def ran(request, open_place, tmp_path_factory):
    folder = tmp_path_factory.mktemp("partitions")
    text = YAML.format(idle_after=request.param.idle_after)
    with open_place(SMA_PARTITIONS=str(PARTITIONS), SMA_PARALLELISM="2") as place:
        await_true(lambda: has_leaders(place.settings), "the broker does not lead the new partitions", FINAL_WITHIN_S)
        with running_job(place, folder / "averages.yaml", text):
            yield run(place, request.param, folder / "log")


def closed(ran, rows):
    return {
        name: {key: pair for key, pair in of.items() if key[2] <= ran.low_watermark_ms} for name, of in rows.items()
    }


def test_most_partitions_have_no_event(ran):
    assert 1 < len(ran.used_partitions) <= len(SERIES)


def test_all_days_are_closed_but_for_the_last_hours_of_the_newest(ran):
    newest_ms = max(time_ms for _, _, time_ms, _ in ran.events)
    assert ran.low_watermark_ms == newest_ms - HOUR_MS + 1
    assert ran.lagging == {}


def test_every_closed_row_is_the_oracles_in_both_layers(ran):
    expected = closed(ran, {each.name: dict(oracle_rows(ran.events, each)) for each in ran.form.averages})
    assert ran.batch == closed(ran, ran.streamed) == expected


def test_every_closed_row_is_final_within_a_quarter_of_an_hour(ran):
    rows = [row for row in ran.served if row[1] <= ran.low_watermark_ms]
    assert len(rows) == sum(len(of) for of in ran.batch.values())
    assert {(source, is_final) for _, _, source, is_final in rows} == {("batch", True)}
    assert ran.final_after_s < FINAL_WITHIN_S


def test_nothing_is_unexplained_and_every_heartbeat_accounted_for(ran):
    assert [(each.unexplained, each.unaccounted) for each in ran.reconciled] == [(0, 0)]
    counted = sum(partition.heartbeats for partition in ran.reconciled[0].index.partitions)
    assert counted == sum(map(len, ran.heartbeats.values()))


def test_a_replay_of_the_whole_log_leaves_the_same_table(ran):
    assert ran.replayed == ran.streamed


def test_a_quiet_topic_does_not_grow_for_ever(ran):
    # each partition gets a newest log time at most once
    for found in ran.heartbeats.values():
        times_ms = [log_time_ms for log_time_ms, _ in found]
        assert times_ms == sorted(set(times_ms))
