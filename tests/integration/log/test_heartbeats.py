"""The service that writes heartbeats, and `sma heartbeat`, on a real Kafka and a real database."""

import json
import time

import psycopg
import pytest

from deploy.local.lifecycle.supervisor import Supervisor
from deploy.topics import reset_topics
from heartbeats.tails import TAIL_OFFSETS
from sma.averages import parse_averages
from tests.support.heartbeat_service import await_true, every_record, heartbeats, running_service
from tests.support.month_of_events import extend
from tests.support.publishing import Sent, publish
from tests.support.secured_stack import environment_of
from tests.support.stored import succeed

START = 1_357_034_400_000  # 2013-01-01T10:00:00Z
MINUTE = 60_000
OTHERS = (1, 2, 3)
YAML = """
watermark_delay: 1 minute
idle_after: 1 second
heartbeats: {kind}
averages:
  - {{name: hour, window: 1 hour, every: 15 minutes}}
"""


def event(minute, partition=0, key=None):
    time_ms = START + minute * MINUTE
    fields = {"customer": f"c{partition}", "metric": "m", "event_time": time_ms, "value": 1}
    return Sent(json.dumps(fields).encode(), time_ms, key=key, partition=partition)


def of_minutes(*minutes):
    return [START + minute * MINUTE for minute in minutes]


def log_times(place):
    """Return the log times of the heartbeats of each partition."""
    found = heartbeats(place)
    return {number: [log_time_ms for log_time_ms, _ in found[number]] for number in range(4)}


def await_heartbeats(place, expected):
    """Wait until the partitions but the first have these heartbeats; more are a failure."""
    await_true(lambda: all(len(log_times(place)[each]) >= len(expected) for each in OTHERS), lambda: log_times(place))
    assert log_times(place) == {0: [], **dict.fromkeys(OTHERS, expected)}


@pytest.fixture
def use(place, averages_file):
    """Writes the averages file with `heartbeats: kind`."""
    place.environ["SMA_AVERAGES"] = str(averages_file)
    return lambda kind: averages_file.write_text(YAML.format(kind=kind))


@pytest.fixture
def newest(place, use):
    use("newest")
    return place


def test_quiet_partitions_get_each_newest_log_time_once(newest, tmp_path):
    publish(newest.settings, [event(1), event(5), event(3)])
    with running_service(newest, tmp_path / "log"):
        await_heartbeats(newest, of_minutes(5))
        publish(newest.settings, [event(9)])
        await_heartbeats(newest, of_minutes(5, 9))
        publish(newest.settings, [event(7, partition=1)])  # newer than nothing
        publish(newest.settings, [event(10)])
        await_heartbeats(newest, of_minutes(5, 9, 10))


def test_only_events_that_are_not_rejected_count_and_at_most_as_of_their_records_timestamps(newest, tmp_path):
    ahead = time.time_ns() // 1_000_000 + 30 * MINUTE
    fields = {"customer": "c0", "metric": "m", "event_time": ahead, "value": 1}
    publish(newest.settings, [event(60, key="another/key"), Sent(b"poison", START), event(5)])
    with running_service(newest, tmp_path / "log"):
        await_heartbeats(newest, of_minutes(5))
        publish(newest.settings, [Sent(json.dumps(fields).encode(), START, key="c0/m", partition=0)])
        timestamp_ms = [record.timestamp_ms for record in every_record(newest) if record.partition == 0][-1]
        await_heartbeats(newest, [*of_minutes(5), timestamp_ms])


def test_an_empty_log_gets_none_until_there_is_an_event(newest, tmp_path):
    with running_service(newest, tmp_path / "log") as service:
        await_true(lambda: "writing heartbeats" in service.log, lambda: service.log)
        assert every_record(newest) == []
        publish(newest.settings, [event(5)])
        await_heartbeats(newest, of_minutes(5))


def test_the_clock_closes_every_quiet_partition_again_and_again(place, use, tmp_path):
    use("clock")
    before_ms = time.time_ns() // 1_000_000
    publish(place.settings, [event(5)])
    with running_service(place, tmp_path / "log"):
        await_true(lambda: all(len(log_times(place)[each]) >= 3 for each in range(4)), lambda: log_times(place))
    for found in heartbeats(place).values():
        assert all(before_ms < log_time_ms <= timestamp_ms for log_time_ms, timestamp_ms in found)
        gaps = [later - earlier for (_, earlier), (_, later) in zip(found, found[1:], strict=False)]
        assert min(gaps) >= 1_000  # one in each `idle_after`


def test_off_writes_none_and_a_changed_file_counts_without_a_restart(place, use, tmp_path):
    use("off")
    publish(place.settings, [event(5)])
    with running_service(place, tmp_path / "log") as service:
        await_true(lambda: "heartbeats are off" in service.log, lambda: service.log)
        assert heartbeats(place) == {}
        use("sometimes")
        await_true(lambda: "heartbeats: 'sometimes' is none of newest, clock, off" in service.log, lambda: service.log)
        use("newest")
        await_heartbeats(place, of_minutes(5))


@pytest.mark.nightly("services that write heartbeats die")
def test_of_two_one_writes_and_the_other_takes_over_when_it_is_killed(newest, tmp_path):
    publish(newest.settings, [event(5)])
    with running_service(newest, tmp_path / "first") as first, running_service(newest, tmp_path / "second") as second:
        await_heartbeats(newest, of_minutes(5))
        await_true(lambda: "waiting" in first.log + second.log, lambda: first.log + second.log)
        writing, waiting = (first, second) if "waiting" in second.log else (second, first)
        assert "writing" not in waiting.log
        writing.kill()
        await_true(lambda: "writing heartbeats" in waiting.log, lambda: waiting.log)
        publish(newest.settings, [event(9)])
        await_heartbeats(newest, of_minutes(5, 9))


def test_one_that_was_killed_and_is_started_again_writes_nothing_twice(newest, tmp_path):
    publish(newest.settings, [event(5)])
    with running_service(newest, tmp_path / "first") as service:
        await_heartbeats(newest, of_minutes(5))
        service.kill()
    with running_service(newest, tmp_path / "second"):
        publish(newest.settings, [event(9)])
        await_heartbeats(newest, of_minutes(5, 9))


@pytest.mark.nightly("services that write heartbeats die")
@pytest.mark.parametrize(("part", "gone"), [("kafka", "Kafka does not answer"), ("timescaledb", "the database ")])
def test_it_goes_on_when_a_service_that_was_away_is_back(newest, tmp_path, part, gone):
    publish(newest.settings, [event(5)])
    supervisor, programs = Supervisor(newest.settings.state_dir), environment_of(newest).programs(part)
    with running_service(newest, tmp_path / "log") as service:
        await_heartbeats(newest, of_minutes(5))
        supervisor.stop(programs)
        try:
            await_true(lambda: gone in service.log, lambda: service.log)
        finally:
            for program in programs:
                supervisor.start(program)
        await_true(lambda: _takes_records(newest), f"{part} is not back")
        publish(newest.settings, [event(9)])
        await_heartbeats(newest, of_minutes(5, 9))
        assert service.process.poll() is None


def _takes_records(place):
    return place.sma("heartbeat", "--partition", "0").returncode == 0 and _database_is_up(place)


def _database_is_up(place):
    try:
        psycopg.connect(place.settings.database_url.get_secret_value()).close()
    except psycopg.OperationalError:
        return False
    return True


def test_a_topic_that_is_made_again_is_another_log(newest, tmp_path):
    publish(newest.settings, [event(60)])
    with running_service(newest, tmp_path / "log"):
        await_heartbeats(newest, of_minutes(60))
        reset_topics(newest.settings.kafka_as("admin"))
        publish(newest.settings, [event(5)])
        await_heartbeats(newest, of_minutes(5))


def test_a_newest_time_far_before_the_end_is_known_from_the_index(newest, tmp_path):
    publish(newest.settings, [event(60), *[event(5) for _ in range(TAIL_OFFSETS)]])
    with running_service(newest, tmp_path / "log"):
        await_heartbeats(newest, of_minutes(5))  # lower than the newest one, which is safe
        extend(newest, averages=parse_averages(YAML.format(kind="newest"), "averages.yaml"))
        await_true(lambda: log_times(newest)[1][-1:] == of_minutes(60), lambda: log_times(newest))


def by_hand(place, *options):
    return json.loads(succeed(place.sma("heartbeat", *options, "--json")))


def test_by_hand_partitions_that_are_behind_get_the_newest_log_time(newest):
    publish(newest.settings, [event(5)])
    done = by_hand(newest)
    assert done["heartbeat"] == "2013-01-01T10:05:00Z"
    expected = [{"partition": each, "offset": 0, "log_time": "2013-01-01T10:05:00Z"} for each in OTHERS]
    assert (done["written"], done["left_out"]) == (expected, [0])
    assert log_times(newest) == {0: [], **dict.fromkeys(OTHERS, of_minutes(5))}
    assert by_hand(newest)["written"] == []
    assert "no heartbeat written" in succeed(newest.sma("heartbeat"))


def test_by_hand_a_heartbeat_is_of_a_given_time_in_a_given_partition(newest):
    publish(newest.settings, [event(5)])
    shown = succeed(newest.sma("heartbeat", "--at", "2013-01-01T12:00", "--partition", "2", "--partition", "0"))
    assert "2 heartbeats of 2013-01-01T12:00:00Z written" in shown
    assert log_times(newest) == {0: of_minutes(120), 1: [], 2: of_minutes(120), 3: []}


@pytest.mark.parametrize("options", [("--now",), ("--at", "2200-01-01")])
def test_by_hand_a_heartbeat_is_never_later_than_the_clock(newest, options):
    done = newest.sma("heartbeat", *options)
    assert ("later than now" in done.stderr) == ("--at" in options)
    found = heartbeats(newest)
    assert set(found) == {0, 1, 2, 3}
    for ((log_time_ms, timestamp_ms),) in found.values():
        assert START < log_time_ms <= timestamp_ms


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "has neither an event nor a heartbeat"),
        (("--partition", "7", "--now"), "has no partition 7: it has 0 to 3"),
        (("--at", "noon"), "'noon' is no time"),
    ],
)
def test_by_hand_a_mistake_is_one_line_and_nothing_is_written(newest, options, said):
    refused = newest.sma("heartbeat", *options)
    assert refused.returncode == 1
    assert said in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert every_record(newest) == []
