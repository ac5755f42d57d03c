"""Reads Kafka's settings: the topics' names and sizes, and how the log is read."""

from typing import Literal

from pydantic import Field, field_validator

from sma.durations import parse_duration
from sma.errors import SmaError
from sma.settings.kafka_connection import KafkaConnection


class KafkaSettings(KafkaConnection):
    """Where Kafka is, the names of the topics, and how its log is read."""

    topic_prefix: str = Field("", description="put before the name of each topic and of the consumer group")
    partitions: int = Field(4, ge=1, description="partitions of the topic `events`, when it is created")
    replication_factor: int = Field(
        -1, ge=-1, description="replicas of each partition of the topics, when they are created; -1 for the broker's"
    )
    min_insync_replicas: int = Field(
        -1,
        ge=-1,
        description="replicas that have a record before Kafka acknowledges it, on topics that are created; -1 for the "
        "broker's",
    )
    retention: str = Field(
        "",
        description="how long `events` retains a record, when it is created, such as `7 days` from its arrival; empty "
        "for ever",
    )
    retention_bytes: int = Field(
        -1, description="bytes that each partition of `events` retains, when it is created; -1 for all"
    )
    kafka_reader: Literal["auto", "fast", "client"] = Field(
        "auto",
        description="how the batch layer reads Kafka: `fast` decodes record batches itself, `client` uses Kafka's "
        "ordinary consumer, `auto` is `fast` and, where Kafka cannot be read so, `client`",
    )

    @field_validator("retention")
    @classmethod
    def _is_a_duration(cls, text: str) -> str:
        """Refuse what is no duration, unless it is empty."""
        if text:
            try:
                parse_duration(text)
            except SmaError as error:
                raise ValueError(str(error)) from error
        return text

    @property
    def retention_ms(self) -> int:
        """How long `events` retains a record, in milliseconds; -1 for ever."""
        return parse_duration(self.retention) if self.retention else -1

    @property
    def events_topic(self) -> str:
        """The topic of events, heartbeats and any other records."""
        return f"{self.topic_prefix}events"

    @property
    def late_events_topic(self) -> str:
        """The topic of the stream's side output of late events."""
        return f"{self.topic_prefix}late_events"

    @property
    def rejected_events_topic(self) -> str:
        """The topic of the stream's side output of rejected events."""
        return f"{self.topic_prefix}rejected_events"

    @property
    def moving_averages_topic(self) -> str:
        """The topic of the stream's rows, for subscribers."""
        return f"{self.topic_prefix}moving_averages"

    @property
    def consumer_group(self) -> str:
        """The group under which the stream commits the offsets that a completed checkpoint covers."""
        return f"{self.topic_prefix}streaming"
