"""On a cluster that others share, whose ACLs allow this system its own topics and no more."""

import secrets

import pytest
from confluent_kafka.admin import AclOperation as Operation

from batch.log.offsets import retained_ranges
from batch.log.record_sizes import Retention, read_retention
from clients.kafka.offsets import ends, topic_id
from deploy.local.services.health import check_kafka
from deploy.topics import check_topics, create_topics, topic_names, wanted_topics
from sma.errors import SmaError
from sma.settings import CHECKOUT, KafkaSettings
from tests.support.guarded_kafka import guarded_kafka

OTHERS = "payroll"
SEEN = [Operation.DESCRIBE, Operation.DESCRIBE_CONFIGS]


pytestmark = pytest.mark.xdist_group("shared_cluster")  # one broker for all of them


@pytest.fixture(scope="module")
def kafka():
    with guarded_kafka(CHECKOUT / ".local" / "test-guarded") as broker:
        broker.make(OTHERS, {})
        yield broker


@pytest.fixture
def settings(kafka):
    """Settings with topics of their own, which are not there yet and of which nothing is allowed."""
    yield KafkaSettings(kafka_bootstrap=kafka.bootstrap, topic_prefix=f"t{secrets.token_hex(4)}.")
    kafka.allow_nothing()


@pytest.fixture
def made(kafka, settings):
    """The topics, made by the cluster's superuser as `sma up` would."""
    for topic in wanted_topics(settings):
        kafka.make(topic.name, topic.config, topic.partitions)
    return settings


def test_kafka_is_up_for_a_principal_without_any_right(settings):
    assert check_kafka(settings).is_up


def test_topics_that_are_there_are_used_without_the_right_to_create_any(kafka, made):
    for name in topic_names(made):
        kafka.allow(SEEN, name)
    assert create_topics(made) == []
    assert [(report.name, report.remarks) for report in check_topics(made)] == [
        (name, ()) for name in topic_names(made)
    ]
    assert topic_id(made, made.events_topic)
    assert set(ends(made, made.events_topic)) == {0, 1, 2, 3}
    assert set(retained_ranges(made, made.events_topic)) == {0, 1, 2, 3}
    assert read_retention(made) == Retention(-1, -1)


def test_topics_that_are_missing_are_created_where_that_is_allowed(kafka, settings):
    there = kafka.topics()
    for name in topic_names(settings):
        kafka.allow([*SEEN, Operation.CREATE], name)
    assert create_topics(settings) == topic_names(settings)
    assert kafka.topics() - there == set(topic_names(settings))
    assert create_topics(settings) == []


def test_the_settings_of_new_topics_reach_kafka(kafka, settings):
    for name in topic_names(settings):
        kafka.allow([*SEEN, Operation.CREATE], name)
    wanted = settings.model_copy(
        update={"replication_factor": 1, "min_insync_replicas": 1, "retention": "7 days", "partitions": 64}
    )
    create_topics(wanted)
    events = kafka.config(wanted.events_topic)
    assert (events["retention.ms"], events["min.insync.replicas"]) == ("604800000", "1")
    assert kafka.config(wanted.late_events_topic)["retention.ms"] == "-1"
    assert [(report.partitions, report.remarks) for report in check_topics(wanted)] == [(64, ())] * 4


def test_more_replicas_than_brokers_are_refused_with_the_setting(kafka, settings):
    for name in topic_names(settings):
        kafka.allow([*SEEN, Operation.CREATE], name)
    with pytest.raises(SmaError, match=r"^Kafka at .* with SMA_REPLICATION_FACTOR=3: .*only 1 broker\(s\)"):
        create_topics(settings.model_copy(update={"replication_factor": 3}))


def test_a_topic_that_is_missing_and_may_not_be_created_is_one_line_with_both_ways_out(kafka, settings):
    for name in topic_names(settings):
        kafka.allow(SEEN, name)
    with pytest.raises(
        SmaError,
        match=rf"refuses .*: Create on Topic:{settings.events_topic} is not allowed, and there is no",
    ) as told:
        create_topics(settings)
    assert "allow it, or have the topic created: kafka-topics.sh --create" in str(told.value)
    assert f"kafka-topics.sh --create --topic {settings.events_topic} --partitions 4 --config" in str(told.value)


@pytest.mark.parametrize("question", [create_topics, check_topics, lambda own: ends(own, own.events_topic)], ids="123")
def test_a_topic_that_may_not_be_described_is_no_topic_that_is_missing(kafka, made, question):
    for name in topic_names(made)[1:]:
        kafka.allow(SEEN, name)
    with pytest.raises(SmaError, match=rf"refuses .*: Describe on Topic:{made.events_topic} is not allowed"):
        question(made)


def test_a_topic_whose_settings_may_not_be_read_is_used_and_that_is_said(kafka, made):
    for name in topic_names(made):
        kafka.allow([Operation.DESCRIBE], name)
    assert create_topics(made) == []
    assert all("DescribeConfigs" in report.line for report in check_topics(made))
    with pytest.raises(SmaError, match=rf"refuses .*: DescribeConfigs on Topic:{made.events_topic} is not allowed"):
        read_retention(made)


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("policy", ["compact", "compact,delete"])
def test_a_compacted_topic_is_refused_before_any_is_created(kafka, settings, place, policy):
    compacted = topic_names(settings)[place]
    kafka.make(compacted, {"cleanup.policy": policy})
    for name in topic_names(settings):
        kafka.allow([*SEEN, Operation.CREATE], name)
    there = kafka.topics()
    with pytest.raises(SmaError, match=rf"^topic {compacted}: cleanup.policy is {policy}: .*set cleanup.policy=delete"):
        create_topics(settings)
    assert kafka.topics() == there


def test_a_topic_of_anothers_with_producers_clocks_is_used_and_its_cost_is_said(kafka, settings):
    kafka.make(settings.events_topic, {"message.timestamp.type": "CreateTime", "retention.ms": "604800000"}, 7)
    for name in topic_names(settings):
        kafka.allow([*SEEN, Operation.CREATE], name)
    assert create_topics(settings) == topic_names(settings)[1:]
    events = check_topics(settings)[0]
    assert (events.partitions, events.timestamp_type, events.retention_ms) == (7, "CreateTime", 604_800_000)
    assert "a record is deleted 1 week after that time" in events.remarks[0]
