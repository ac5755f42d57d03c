"""Reads Kafka's settings: the topics' names and sizes, and how the log is read."""

from typing import Literal

from pydantic import Field

from sma.settings.kafka_connection import KafkaConnection


class KafkaSettings(KafkaConnection):
    """Where Kafka is, the names of the topics, and how its log is read."""

    topic_prefix: str = Field("", description="put before the name of each topic and of the consumer group")
    partitions: int = Field(4, ge=1, description="partitions of the topic `events`, when it is created")
    retention_bytes: int = Field(-1, description="bytes that each partition of `events` retains; -1 for all")
    kafka_reader: Literal["auto", "fast", "client"] = Field(
        "auto",
        description="how the batch layer reads Kafka: `fast` decodes record batches itself, `client` uses Kafka's "
        "ordinary consumer, `auto` is `fast` and, where Kafka cannot be read so, `client`",
    )

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
