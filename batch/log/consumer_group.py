"""Reads how far a consumer group has committed, from its coordinator and without joining the group.

confluent-kafka's consumer takes 35 ms for this, and its admin client crashed the whole process once (2.16.1, the first
request for a group that a new broker ever got).
"""

from collections.abc import Sequence

from kafka.errors import KafkaError
from tenacity import retry, retry_if_exception, stop_after_delay, wait_fixed

from batch.log.broker import Address, addresses, ask_any
from batch.log.offsets import ANSWER_TIMEOUT_SECONDS, partitions_of
from sma.errors import SmaError
from sma.settings import Settings


def committed_offsets(settings: Settings, topic: str, group: str) -> dict[int, int]:
    """Return the first Kafka offset that a consumer group has not committed, by partition; none where it never did.

    Raises:
        SmaError: Kafka does not answer, or has no such topic.
    """
    partitions = partitions_of(settings, topic)
    try:
        return _ask_coordinator(addresses(settings.kafka_bootstrap), topic, group, partitions)
    except KafkaError as error:
        raise SmaError(
            f"Kafka at {settings.kafka_bootstrap}: {error}: what the group {group} has read is not known: is it "
            "running? `sma status`, `sma up`"
        ) from error


@retry(  # a coordinator that is not chosen yet, or has moved
    retry=retry_if_exception(lambda error: isinstance(error, KafkaError) and error.retriable),
    stop=stop_after_delay(ANSWER_TIMEOUT_SECONDS),
    wait=wait_fixed(0.2),
    reraise=True,
)
def _ask_coordinator(servers: Sequence[Address], topic: str, group: str, partitions: Sequence[int]) -> dict[int, int]:
    coordinator = ask_any(servers, ANSWER_TIMEOUT_SECONDS, lambda broker: broker.coordinator(group))
    return ask_any([coordinator], ANSWER_TIMEOUT_SECONDS, lambda broker: broker.committed(group, topic, partitions))
