"""Errors on their way to Splunk: nothing is lost that fits the buffer, what does not is counted, and nobody waits."""

import json
import logging
import multiprocessing
import threading
from contextlib import contextmanager
from dataclasses import replace

import pytest
import requests
from pydantic import SecretStr

from monitoring.logs import handlers
from monitoring.logs.collector import Collector, SendResult, Verdict
from monitoring.logs.destination import Destination, destination_of
from monitoring.logs.shipper import Limits, Shipper
from monitoring.logs.splunk_handler import SplunkHandler
from sma.errors import SmaError
from sma.settings import Settings
from tests.support.splunk_collector import TOKEN, running_collector

QUICK = Limits(
    batch_age_s=0.02, first_pause_s=0.01, longest_pause_s=0.05, refused_pause_s=0.05, exit_s=5.0, report_every_s=0.0
)


pytestmark = pytest.mark.usefixtures("state_dir")


@contextmanager
def shipping(collector, limits=QUICK, **changed):
    wanted = {"url": f"{collector.url}/services/collector/event", "token": SecretStr(TOKEN), "index": "main"}
    destination = Destination(**wanted | {"level": "WARNING", "ca_file": None} | changed)
    handler = SplunkHandler("cli", destination, handlers.json_file("cli"), limits)
    logger = logging.Logger("test")
    logger.addHandler(handler)
    try:
        yield logger, handler.shipper
    finally:
        handler.shipper.close()


def own_events(collector):
    return [event["message"] for event in collector.events if event["logger"] == "test"]


def reports(state_dir):
    path = state_dir / "logs" / "json" / "cli.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_an_event_arrives_as_the_protocol_wants_it_with_its_fields():
    with running_collector() as collector, shipping(collector) as (logger, _):
        logger.warning("partition %d", 3, extra={"partition": 3, "kafka_offset": 17, "password": "hush"})
        collector.wait_for(lambda: collector.requests == 1)
    (envelope,) = collector.envelopes
    event = envelope["event"]
    assert (envelope["source"], envelope["sourcetype"], envelope["index"]) == ("cli", "sma:json", "main")
    assert event | {"time": 0} == {
        "time": 0,
        "level": "WARN",
        "service": "cli",
        "logger": "test",
        "message": "partition 3",
        "partition": 3,
        "kafka_offset": 17,
    }
    assert collector.statuses == [200]


def test_only_what_is_of_the_level_is_shipped():
    with running_collector() as collector:
        with shipping(collector, level="ERROR") as (logger, shipper):
            logger.warning("no")
            logger.error("yes")
        assert own_events(collector) == ["yes"]
        assert shipper.dropped.total() == 0


def test_many_events_go_in_few_requests_and_each_once():
    with running_collector() as collector:
        with shipping(collector) as (logger, shipper):
            for number in range(1000):
                logger.error("%d", number)
        assert own_events(collector) == [str(number) for number in range(1000)]
        assert collector.requests <= 10 + 1
        assert shipper.shipped == 1000


@pytest.mark.parametrize("mood", ["busy", "failing", "throttling", "hanging up"])
def test_nothing_is_lost_in_an_outage_that_the_buffer_holds(mood, state_dir):
    with running_collector(mood=mood) as collector:
        with shipping(collector, replace(QUICK, server_failures=10_000)) as (logger, shipper):
            for number in range(500):
                logger.error("%d", number)
            collector.wait_for(lambda: mood == "hanging up" or collector.requests >= 3)
            collector.mood = "well"
            collector.wait_for(lambda: len(set(own_events(collector))) == 500)
        assert sorted(set(own_events(collector)), key=int) == [str(number) for number in range(500)]
        assert shipper.dropped.total() == 0
    if mood != "hanging up":
        said = [report["message"] for report in reports(state_dir)]
        assert any("does not take events" in line for line in said)
        assert any("takes events again" in line for line in said)


def test_a_collector_that_starts_only_later_gets_everything():
    with running_collector() as early:
        port_is_free_again = early.url
    with shipping(early) as (logger, shipper):
        logger.error("before")
        for _ in range(500):
            if shipper._trouble:
                break
            threading.Event().wait(0.01)
        assert shipper._trouble is not None, port_is_free_again
        with running_collector() as late:
            shipper._sender._destination = replace(
                shipper._sender._destination, url=f"{late.url}/services/collector/event"
            )
            late.wait_for(lambda: own_events(late) == ["before"])


def test_in_a_long_outage_the_buffer_is_bounded_and_each_drop_is_counted(state_dir):
    with running_collector(mood="busy") as collector:
        with shipping(collector, replace(QUICK, events=300, batch_events=100)) as (logger, shipper):
            for number in range(5000):
                logger.error("%d", number)
            held = len(shipper._waiting) + len(shipper._in_flight)
            assert held <= 300
            collector.mood = "well"
            collector.wait_for(lambda: any("again" in event["message"] for event in collector.events))
        arrived = own_events(collector)
        assert len(arrived) + shipper.dropped["buffer_full"] in (5000, 5001)  # a report found no room either
        assert arrived == [str(number) for number in range(len(arrived))]
        (said,) = [event for event in collector.events if "again" in event["message"]]
        assert said["dropped"] == shipper.dropped["buffer_full"]
    assert said in reports(state_dir)


def test_the_buffer_is_bounded_in_bytes_too():
    with running_collector(mood="busy") as collector, shipping(collector, replace(QUICK, buffer_bytes=50_000)) as held:
        logger, shipper = held
        for _ in range(20):
            logger.error("x" * 10_000)
        assert shipper._buffered_bytes <= 50_000
        assert shipper.dropped["buffer_full"] >= 15
        collector.mood = "well"


def test_who_logs_does_not_wait_for_a_server_that_hangs():
    # were a single line to wait for the server, the loop would not end before the server is let go
    with running_collector(mood="hanging") as collector:
        with shipping(collector, replace(QUICK, response_s=600.0, exit_s=0.1)) as (logger, shipper):
            for number in range(100_000):
                logger.error("%d", number)
            assert collector.requests == 0
            held = len(shipper._waiting) + len(shipper._in_flight)
            assert held + shipper.dropped["buffer_full"] == 100_000
        assert shipper.dropped["at_exit"] == held
        assert shipper.shipped == 0


class Breaking(Shipper):
    def add(self, event):
        raise RuntimeError("broken")


def test_a_fault_of_the_shipper_is_no_fault_of_who_logs(capsys):
    with running_collector() as collector, shipping(collector) as (logger, shipper):
        shipper.__class__ = Breaking
        logger.error("goes on")
        shipper.__class__ = Shipper
    assert "RuntimeError: broken" in capsys.readouterr().err


@pytest.mark.parametrize("token", ["00000000-0000-4000-8000-000000000000", "disabled"])
def test_a_refused_token_is_said_once_and_events_wait_for_it_to_be_mended(token, state_dir):
    limits = replace(QUICK, events=11)
    with (
        running_collector(tokens={"disabled": False}) as collector,
        shipping(collector, limits, token=SecretStr(token)) as (logger, shipper),
    ):
        for number in range(10):
            logger.error("%d", number)
        collector.wait_for(lambda: collector.requests >= 4)  # by then it has been said, in an event of its own
        assert set(collector.statuses) == {403}
        for _ in range(5):
            logger.error("too many")
        assert shipper.dropped == {"refused": 5}
        collector.tokens[token] = True
        collector.wait_for(lambda: len(own_events(collector)) == 10)
    assert len([each for each in reports(state_dir) if "refuses events" in each["message"]]) == 1


@pytest.mark.parametrize(
    ("changed", "mended"),
    [({"index": "nowhere"}, {"indexes": ("nowhere",)}), ({}, {"mood": "well"})],
)
def test_a_wrong_index_or_address_is_ours_and_nothing_is_thrown_away_for_it(changed, mended, state_dir):
    with running_collector(mood="well" if changed else "portal") as collector:
        with shipping(collector, **changed) as (logger, shipper):
            logger.error("kept")
            collector.wait_for(lambda: collector.requests >= 2)
            for name, value in mended.items():
                setattr(collector, name, value)
            collector.wait_for(lambda: own_events(collector) == ["kept"])
        assert shipper.dropped.total() == 0
    assert any("refuses events" in each["message"] for each in reports(state_dir))


@pytest.mark.parametrize("bad", [b"{not json", b'{"time": 1}', b'{"event": ""}', b'{"event": "x", "time": "never"}'])
def test_an_event_that_splunk_cannot_take_is_dropped_alone(bad):
    with running_collector() as collector:
        with shipping(collector) as (logger, shipper), shipper._changed:  # the thread waits: all go into one batch
            logger.error("before")
            shipper.add(bad)
            logger.error("after")
        assert shipper.dropped == {"invalid": 1}
        assert set(own_events(collector)) == {"before", "after"}


def test_a_batch_that_is_too_large_is_split_and_an_event_that_is_too_large_dropped():
    with running_collector(max_content_length=4_000) as collector:
        with shipping(collector) as (logger, shipper), shipper._changed:
            for number in range(50):
                logger.error("%d", number)
            logger.error("x" * 8_000)
        assert 413 in collector.statuses
        assert shipper.dropped == {"too_large": 1}
        assert own_events(collector) == [str(number) for number in range(50)]


def test_a_batch_that_makes_the_server_fail_again_and_again_does_not_hold_up_the_others():
    with running_collector(fails_on="poison") as collector:
        limits = replace(QUICK, batch_events=1, server_failures=3)
        with shipping(collector, limits) as (logger, shipper):
            logger.error("poison")
            logger.error("harmless")
            collector.wait_for(lambda: own_events(collector) == ["harmless"])
        assert shipper.dropped == {"server_error": 1}
        assert collector.statuses[:3] == [500] * 3


class Scripted:
    def __init__(self, *results):
        self.results, self.sent = list(results), []

    def send(self, batch):
        self.sent.append(list(batch))
        return self.results.pop(0) if self.results else SendResult(Verdict.ACCEPTED)

    def forget(self):
        pass


def test_a_fault_without_its_place_is_found_by_halving():
    class Picky(Scripted):
        def send(self, batch):
            super().send(batch)
            return SendResult(Verdict.BAD_EVENT if b"bad" in batch else Verdict.ACCEPTED)

    sender = Picky()
    shipper = Shipper(sender, lambda *_: None, QUICK)
    with shipper._changed:
        for event in (b"a", b"b", b"bad", b"c", b"d"):
            shipper.add(event)
    shipper.close()
    assert (shipper.shipped, shipper.dropped) == (4, {"invalid": 1})
    assert len(sender.sent) <= 7


def test_the_pause_that_the_server_asks_for_is_kept():
    pauses: list[float] = []
    sender = Scripted(
        SendResult(Verdict.AGAIN, retry_after_s=30), SendResult(Verdict.AGAIN), SendResult(Verdict.REFUSED)
    )
    shipper = Shipper(sender, lambda *_: None, Limits(batch_age_s=0.01), pauses.append)
    shipper.add(b"event")
    for _ in range(500):
        if shipper.shipped:
            break
        threading.Event().wait(0.01)
    shipper.close()
    assert shipper.shipped == 1
    assert pauses[0] == 30
    assert pauses[1] <= 4
    assert pauses[2] == Limits().refused_pause_s


def test_what_is_held_at_the_end_is_shipped_before_the_process_goes():
    with running_collector() as collector:
        with shipping(collector, replace(QUICK, batch_age_s=60)) as (logger, shipper):
            logger.error("last words")
        assert own_events(collector) == ["last words"]
        logger.error("after the end")
        assert shipper.dropped == {"at_exit": 1}


def _log_and_end(logger, word):
    logger.error(word)


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_process_ships_its_own_events_and_none_of_its_parents():
    with running_collector() as collector, shipping(collector, replace(QUICK, batch_age_s=0.3)) as (logger, shipper):
        logger.error("parent")
        child = multiprocessing.get_context("fork").Process(target=_log_and_end, args=(logger, "child"))
        child.start()
        child.join(20)
        assert child.exitcode == 0
        collector.wait_for(lambda: len(own_events(collector)) >= 2)
        shipper.close()
        assert sorted(own_events(collector)) == ["child", "parent"]


def test_the_token_stands_in_no_file_and_in_no_event(state_dir):
    with running_collector(tokens={}) as collector, shipping(collector) as (logger, _):
        logger.error("refused")
        collector.wait_for(lambda: collector.requests >= 2)
        collector.tokens[TOKEN] = True
        collector.wait_for(lambda: bool(own_events(collector)))
    assert TOKEN not in json.dumps(collector.envelopes)
    written = [path.read_text() for path in state_dir.rglob("*") if path.is_file()]
    assert written
    assert not [text for text in written if TOKEN in text]


def test_off_by_default_there_is_no_thread_and_no_connection():
    before = set(threading.enumerate())
    handler = handlers.splunk("cli")
    logger = logging.Logger("test")
    logger.addHandler(handler)
    logger.error("goes nowhere")
    assert isinstance(handler, logging.NullHandler)
    assert set(threading.enumerate()) == before


def test_switched_on_there_is_no_thread_before_the_first_event():
    before = set(threading.enumerate())
    with running_collector() as collector, shipping(collector):
        assert {thread.name for thread in set(threading.enumerate()) - before} & {"splunk"} == set()
    assert collector.requests == 0


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"splunk_token": ""}, "SMA_SPLUNK_TOKEN is not"),
        ({"splunk_url": "splunk:8088"}, "SMA_SPLUNK_URL: must be like"),
        ({"splunk_url": "https://me:hush@splunk:8088"}, "hold no credential"),
        ({"splunk_url": "https://splunk:port"}, "SMA_SPLUNK_URL: must be like"),
        ({"splunk_token": "two words"}, "SMA_SPLUNK_TOKEN"),
        ({"splunk_ca_file": "/not/there.pem"}, "is not there"),
    ],
)
def test_half_a_splunk_is_refused_in_one_line_without_the_secret(changed, says):
    settings = Settings(splunk_url="https://splunk:8088", splunk_token=TOKEN).model_copy(
        update={name: SecretStr(value) if name == "splunk_token" else value for name, value in changed.items()}
    )
    with pytest.raises(SmaError, match=says) as refused:
        destination_of(settings)
    assert "hush" not in str(refused.value)
    assert "two words" not in str(refused.value)


@pytest.mark.parametrize(
    "url", ["https://splunk:8088", "https://splunk:8088/", "https://splunk:8088/services/collector/event"]
)
def test_the_address_may_end_at_the_port_or_be_whole(url):
    destination = destination_of(Settings(splunk_url=url, splunk_token=TOKEN))
    assert destination is not None
    assert destination.url == "https://splunk:8088/services/collector/event"
    assert TOKEN not in repr(destination)


def test_the_environment_may_name_no_other_credential(monkeypatch, state_dir):
    # requests takes a credential for the host from ~/.netrc, and would put it in place of the token
    (state_dir / "netrc").write_text("default login me password hush\n")
    monkeypatch.setenv("NETRC", str(state_dir / "netrc"))
    with running_collector() as collector, shipping(collector) as (logger, _):
        logger.error("as ourselves")
        collector.wait_for(lambda: own_events(collector) == ["as ourselves"])


def test_the_ca_that_the_settings_name_goes_before_that_of_the_environment(monkeypatch, state_dir):
    checked_by = []

    def send(_, request, **how):
        checked_by.append(how["verify"])
        raise requests.ConnectionError

    monkeypatch.setattr(requests.Session, "send", send)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(state_dir))
    own = state_dir / "ca.pem"
    for ca_file in (own, None):
        destination = Destination("https://splunk:8088", SecretStr(TOKEN), "", "ERROR", ca_file)
        assert Collector(destination).send([b"{}"]).verdict is Verdict.AGAIN
    assert checked_by == [str(own), str(state_dir)]
