"""A job that Kafka would stop later is not started: a right that is missing is named. Kafka's answer is made up."""

from collections.abc import Iterable

import pytest

from sma.errors import SmaError
from sma.settings import KafkaSettings, Settings
from streaming.control import rights

SETTINGS = Settings(
    kafka_security_protocol="SASL_SSL", kafka_sasl_mechanism="PLAIN", kafka_username="stream", topic_prefix="p."
)
ALL = frozenset({"Read", "Write", "Describe"})
WRITTEN = ("p.late_events", "p.rejected_events", "p.moving_averages")


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> dict[str, frozenset[str]]:
    """What Kafka allows, by topic; nothing is missing yet."""
    allowed = dict.fromkeys(("p.events", *WRITTEN), ALL)

    def of(settings: KafkaSettings, topics: Iterable[str]) -> dict[str, frozenset[str]]:
        return {topic: allowed[topic] for topic in topics if topic in allowed}

    monkeypatch.setattr(rights, "topic_operations", of)
    return allowed


@pytest.mark.parametrize("topic", ["p.events", *WRITTEN])
def test_a_right_that_is_missing_is_named(answer: dict[str, frozenset[str]], topic: str) -> None:
    answer[topic] = ALL - {"Read"}
    with pytest.raises(SmaError, match=f"^User:stream may not Read on topic {topic}: `kafka-acls --add .* allows it$"):
        rights.require_rights(SETTINGS)


def test_both_are_named_where_the_topic_is_hidden(answer: dict[str, frozenset[str]]) -> None:
    answer["p.late_events"] = frozenset()
    with pytest.raises(SmaError, match=r"may not Read and Write on topic p\.late_events"):
        rights.require_rights(SETTINGS)


def test_a_topic_that_the_job_does_not_write_needs_no_right(answer: dict[str, frozenset[str]]) -> None:
    answer["p.moving_averages"] = frozenset()
    answer["p.events"] = frozenset({"Read"})
    rights.require_rights(SETTINGS.model_copy(update={"publish_averages": False}))


def test_a_kafka_that_does_not_say_refuses_nothing(answer: dict[str, frozenset[str]]) -> None:
    answer.clear()
    rights.require_rights(SETTINGS)
