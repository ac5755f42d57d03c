"""Refuses to start a job that Kafka would stop later: at its first late event, say, if it may not write them."""

from clients.kafka.rights import topic_operations
from sma.errors import SmaError
from sma.settings import StreamingSettings
from streaming.control.failures import not_allowed


def require_rights(settings: StreamingSettings) -> None:
    """Return if the job's principal may read the topic `events`, and read and write the topics that the job writes.

    The job reads those too: a sink looks there for transactions that a job before it has left open.

    Raises:
        SmaError: it may not; the text has the operation, the topic and the principal. Or Kafka does not answer.
    """
    needed = {settings.events_topic: ("Read",)} | dict.fromkeys(_written(settings), ("Read", "Write"))
    allowed = topic_operations(settings.kafka_as("stream"), needed)
    for topic, operations in needed.items():
        missing = [each for each in operations if each not in allowed.get(topic, operations)]
        if missing:
            raise SmaError(not_allowed(settings, missing, f"topic {topic}"))


def _written(settings: StreamingSettings) -> list[str]:
    averages = [settings.moving_averages_topic] if settings.publish_averages else []
    return [settings.late_events_topic, settings.rejected_events_topic, *averages]
