"""Topics as they are created, and what is said of those that are there: only what makes answers wrong is refused."""

from dataclasses import replace

import pytest

from clients.kafka.topics import FoundTopic
from deploy.topic_reports import NO_LIMIT, report_topic
from deploy.topics import await_topics, check_topics, topic_names, wanted_topics
from sma.errors import SmaError
from sma.settings import Settings

DAY_MS = 86_400_000
WEEK_MS = 7 * DAY_MS
SETTINGS = Settings(topic_prefix="t.", partitions=3)
GOOD = {
    "cleanup.policy": "delete",
    "max.message.bytes": "1048588",
    "message.timestamp.after.max.ms": str(NO_LIMIT),
    "message.timestamp.before.max.ms": str(NO_LIMIT),
    "message.timestamp.type": "LogAppendTime",
    "min.insync.replicas": "2",
    "retention.bytes": "-1",
    "retention.ms": "-1",
    "unclean.leader.election.enable": "false",
}
CREATE_TIME = {"message.timestamp.type": "CreateTime"}
CREATE_TIME_ARGUMENTS = {"message_timestamp_type": "CreateTime"}
EVENTS, LATE, REJECTED, AVERAGES = topic_names(SETTINGS)


def report(name=EVENTS, settings=SETTINGS, partitions=3, replicas=3, **config):
    config = {key.replace("_", "."): value for key, value in config.items()}
    return report_topic(settings, FoundTopic(name, "id", partitions, replicas, GOOD | config))


def test_every_topic_has_the_brokers_clock_and_keeps_its_records():
    topics = wanted_topics(SETTINGS)
    assert [topic.name for topic in topics] == ["t.events", "t.late_events", "t.rejected_events", "t.moving_averages"]
    assert {topic.partitions for topic in topics} == {3}
    assert {topic.config["message.timestamp.type"] for topic in topics} == {"LogAppendTime"}
    assert {(topic.config["retention.ms"], topic.config["retention.bytes"]) for topic in topics} == {("-1", "-1")}
    assert [topic.config["cleanup.policy"] for topic in topics] == ["delete", "delete", "delete", "compact"]


def test_what_is_kept_of_events_is_set_and_of_the_side_outputs_it_is_all():
    topics = wanted_topics(Settings(retention="7 days", retention_bytes=1000))
    kept = [(topic.config["retention.ms"], topic.config["retention.bytes"]) for topic in topics]
    assert kept == [(str(WEEK_MS), "1000"), ("-1", "-1"), ("-1", "-1"), ("-1", "-1")]


def test_the_brokers_own_setting_counts_where_none_is_given():
    assert all("min.insync.replicas" not in topic.config for topic in wanted_topics(SETTINGS))
    wanted = wanted_topics(Settings(min_insync_replicas=2))
    assert {topic.config["min.insync.replicas"] for topic in wanted} == {"2"}


@pytest.mark.parametrize("name", topic_names(SETTINGS))
def test_of_a_topic_as_it_is_created_there_is_nothing_to_say(name):
    policy = "compact" if name == AVERAGES else "delete"
    found = report(name, **{"cleanup_policy": policy})
    assert (found.fault, found.remarks) == (None, ())


@pytest.mark.parametrize(
    ("config", "line"),
    [
        ({}, "3 partitions, 3 replicas of which 2 must have a record, times by Kafka's clock, keeps all records"),
        ({"retention_ms": str(WEEK_MS)}, "keeps 1 week from arrival"),
        ({"retention_bytes": "5000"}, "keeps at most 5,000 bytes a partition"),
        (
            {"retention_bytes": "5000", "retention_ms": str(DAY_MS)},
            "keeps 1 day from arrival and at most 5,000 bytes a partition",
        ),
        ({"min_insync_replicas": "1"}, "3 replicas of which 1 must have a record (an acknowledged record may be lost"),
        ({"max_message_bytes": "20000"}, "batches up to 20,000 bytes"),
    ],
)
def test_what_was_found_of_a_topic_is_one_line(config, line):
    found = report(**config)
    assert line in found.line
    assert "\n" not in found.line
    assert found.remarks == ()


def test_another_count_of_partitions_than_that_of_new_topics_is_no_fault():
    assert report(partitions=64).fault is None
    assert report(partitions=64).remarks == ()
    assert report(partitions=1).line.startswith("1 partition,")


@pytest.mark.parametrize("policy", ["compact", "compact,delete"])
@pytest.mark.parametrize("name", [EVENTS, LATE, REJECTED])
def test_a_topic_that_would_lose_events_is_refused_with_the_way_out(name, policy):
    fault = report(name, **{"cleanup_policy": policy}).fault
    assert fault.startswith(f"cleanup.policy is {policy}: events ")
    assert fault.endswith("set cleanup.policy=delete on it")


def test_a_finite_retention_of_a_topic_with_kafkas_clock_is_normal():
    found = report(retention_ms=str(WEEK_MS), retention_bytes="1000000")
    assert (found.fault, found.remarks) == (None, ())


def test_of_producers_clocks_it_is_said_what_they_cost():
    keeps_all, keeps_a_week = (
        report(**CREATE_TIME_ARGUMENTS),
        report(retention_ms=str(WEEK_MS), **CREATE_TIME_ARGUMENTS),
    )
    (without,), (with_retention,) = keeps_all.remarks, keeps_a_week.remarks
    assert (keeps_all.fault, keeps_a_week.fault) == (None, None)
    assert without.startswith("producers' clocks set the times of its records (CreateTime): max_ahead finds")
    assert "deleted" not in without
    assert "a record is deleted 1 week after that time" in with_retention
    assert with_retention.endswith("message.timestamp.type=LogAppendTime changes that")
    assert "keeps 1 week from the records' times" in keeps_a_week.line


@pytest.mark.parametrize(
    ("name", "side", "limit_ms", "remark"),
    [
        (EVENTS, "before", DAY_MS, "Kafka refuses a record whose time is more than 1 day before its clock"),
        (EVENTS, "after", 1_000, "Kafka refuses a record whose time is more than 1 second after its clock"),
        (LATE, "before", 1_000, "Kafka refuses a record whose time is more than 1 second before its clock"),
        (LATE, "before", DAY_MS, None),
        (EVENTS, "after", 3_600_000, None),
    ],
)
def test_limits_of_producers_times_are_named_where_they_refuse_records(name, side, limit_ms, remark):
    config = GOOD | CREATE_TIME | {f"message.timestamp.{side}.max.ms": str(limit_ms)}
    found = report_topic(SETTINGS, FoundTopic(name, "id", 3, 3, config))
    assert [each for each in found.remarks if each.startswith("Kafka refuses")] == ([remark] if remark else [])


def test_kafka_ignores_such_limits_where_it_sets_the_times():
    config = GOOD | {"message.timestamp.before.max.ms": "1", "message.timestamp.after.max.ms": "1"}
    assert report_topic(SETTINGS, FoundTopic(EVENTS, "id", 3, 3, config)).remarks == ()


@pytest.mark.parametrize(
    ("name", "replicas", "config", "remark"),
    [
        (EVENTS, 1, {}, "min.insync.replicas is 2 and each record has 1 replicas"),
        (EVENTS, 3, {"unclean_leader_election_enable": "true"}, "a replica that lacks records may become leader"),
        (LATE, 3, {"retention_ms": "1000"}, "what it no longer keeps counts as unaccounted for"),
        (AVERAGES, 3, {"retention_bytes": "1000"}, "a subscriber who reads it from the beginning finds only"),
        (REJECTED, 3, {"max_message_bytes": "1000"}, "the stream fails if it has to write a record of more than 1,000"),
    ],
)
def test_what_an_owner_should_know_is_said_and_not_refused(name, replicas, config, remark):
    found = report(name, replicas=replicas, **config)
    assert found.fault is None
    assert [each.startswith(remark) for each in found.remarks] == [True]


def test_a_setting_that_a_topic_does_not_follow_is_named_since_it_is_for_new_ones():
    settings = Settings(
        topic_prefix="t.", replication_factor=3, min_insync_replicas=2, retention="7 days", retention_bytes=10
    )
    found = report(settings=settings, replicas=2, min_insync_replicas="1", retention_ms="-1", retention_bytes="20")
    assert [each.partition(":")[0] for each in found.remarks] == [
        "SMA_REPLICATION_FACTOR is 3 and the topic has 2",
        "SMA_MIN_INSYNC_REPLICAS is 2 and the topic has 1",
        "SMA_RETENTION is 1 week and the topic has no limit",
        "SMA_RETENTION_BYTES is 10 and the topic has 20",
    ]
    others = report(LATE, settings=settings, replicas=3)
    assert others.remarks == ()


def test_of_a_topic_whose_settings_may_not_be_read_that_is_said():
    found = report_topic(SETTINGS, FoundTopic(EVENTS, "id", 3, 1, None))
    assert found.fault is None
    assert found.line.startswith("3 partitions, 1 replica (lost with its broker); Kafka does not allow to read")
    assert "DescribeConfigs" in found.remarks[0]


def test_a_report_is_json():
    assert report().as_dict() == {
        "name": "t.events",
        "topic_id": "id",
        "partitions": 3,
        "replication_factor": 3,
        "min_insync_replicas": 2,
        "timestamp_type": "LogAppendTime",
        "cleanup_policy": "delete",
        "retention_ms": -1,
        "retention_bytes": -1,
        "max_message_bytes": 1_048_588,
        "remarks": (),
        "fault": None,
    }
    assert replace(report(), remarks=("a",)).line.endswith("; a")


def test_topics_that_a_broker_does_not_know_yet_are_waited_for():
    listings = iter([[], ["events"], ["late_events", "events", "others"]])
    await_topics({"events", "late_events"}, lambda: next(listings), limit_s=30)
    assert next(listings, None) is None


def test_topics_that_never_come_are_not_waited_for_for_ever():
    await_topics({"events"}, list, limit_s=0)


def test_kafka_that_is_not_there_is_one_line():
    with pytest.raises(SmaError, match=r"^Kafka does not answer at 127\.0\.0\.1:1 \([^\n]+\): run `sma up`$"):
        check_topics(Settings(kafka_bootstrap="127.0.0.1:1"), timeout_s=1)
