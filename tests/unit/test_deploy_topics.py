"""Topics as they should be, and what is said of one that is not."""

import pytest

from deploy.topics import await_topics, check_topics, topic_fault, wanted_topics
from sma.errors import SmaError
from sma.settings import Settings

_SETTINGS = Settings(topic_prefix="t.", partitions=3, retention_bytes=1000)
_GOOD = {"retention.ms": "-1", "message.timestamp.type": "LogAppendTime", "cleanup.policy": "delete"}


def test_every_topic_has_the_brokers_clock_and_keeps_its_records():
    topics = wanted_topics(_SETTINGS)
    names = ["t.events", "t.late_events", "t.rejected_events", "t.moving_averages"]
    assert [topic.name for topic in topics] == names
    assert {topic.partitions for topic in topics} == {3}
    assert all(topic.config.items() >= _GOOD.items() for topic in topics[:3])
    assert [topic.config["retention.bytes"] for topic in topics[:3]] == ["1000", "-1", "-1"]
    assert topics[3].config["cleanup.policy"] == "compact"


@pytest.mark.parametrize(
    "config", [{}, {"message.timestamp.type": "CreateTime"}, {"retention.ms": "604800000"}], ids=str
)
def test_a_topic_that_keeps_its_events_has_no_fault(config):
    assert topic_fault(wanted_topics(_SETTINGS)[0], 3, {**_GOOD, **config}) is None


@pytest.mark.parametrize(
    ("partitions", "config", "fault"),
    [
        (4, {}, "has 4 partitions, not 3: set SMA_PARTITIONS=4"),
        (3, {"retention.ms": "604800000", "message.timestamp.type": "CreateTime"}, "retention.ms is 604800000"),
        (3, {"cleanup.policy": "compact,delete"}, "cleanup.policy is compact"),
    ],
)
def test_a_topic_that_would_lose_events_is_named_with_the_way_out(partitions, config, fault):
    assert (topic_fault(wanted_topics(_SETTINGS)[0], partitions, {**_GOOD, **config}) or "").startswith(fault)


def test_topics_that_a_broker_does_not_know_yet_are_waited_for():
    listings = iter([[], ["events"], ["late_events", "events", "others"]])
    await_topics({"events", "late_events"}, lambda: next(listings), limit_s=30)
    assert next(listings, None) is None


def test_topics_that_never_come_are_not_waited_for_for_ever():
    await_topics({"events"}, list, limit_s=0)


def test_kafka_that_is_not_there_is_one_line():
    with pytest.raises(SmaError, match=r"^Kafka does not answer at 127\.0\.0\.1:1 \([^\n]+\): run `sma up`$"):
        check_topics(Settings(kafka_bootstrap="127.0.0.1:1"), timeout_s=1)
