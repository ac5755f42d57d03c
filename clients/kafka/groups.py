"""Reads what a consumer group has committed, and deletes a group; it asks the group's coordinator and joins no group.

librdkafka's admin client is not used for this: it ends the process where the coordinator is not ready
(docs/decisions/0031-one-client-for-each-service.md).
"""

from collections.abc import Callable, Sequence

from kafka.errors import (
    GroupAuthorizationFailedError,
    GroupIdNotFoundError,
    KafkaConnectionError,
    KafkaError,
    NonEmptyGroupError,
)
from kafka.protocol.admin import (
    DeleteGroupsRequest,
    DeleteGroupsResponse,
    DescribeGroupsRequest,
    DescribeGroupsResponse,
)
from kafka.protocol.consumer import OffsetFetchRequest, OffsetFetchResponse
from kafka.protocol.metadata import CoordinatorType, FindCoordinatorRequest, FindCoordinatorResponse
from tenacity import RetryCallState, Retrying, retry_if_exception, wait_fixed

from clients.answers import ANSWER_TIMEOUT_S
from clients.kafka.connection import RETRY_S, SETTLING_S
from clients.kafka.denied import denial
from clients.kafka.offsets import partitions
from clients.kafka.pool import WIRES
from clients.kafka.wire import Address, Found, Wire, failure
from sma.errors import SmaError
from sma.settings import KafkaSettings

_COORDINATOR_VERSION = 2
_OFFSETS_VERSION = 5
_DELETE_VERSION = 1
_DESCRIBE_VERSION = 3

_READ = 3  # the operation's number in the protocol
_NOT_TOLD = 31  # the only bit of what a broker answers that tells nothing


class GroupInUse(SmaError):
    """A consumer group has members, so it cannot be deleted."""


def committed_offsets(settings: KafkaSettings, topic: str, group: str) -> dict[int, int]:
    """Return the first Kafka offset that a consumer group has not committed, by partition; none where it never did.

    Raises:
        SmaError: Kafka does not answer, or has no such topic.
    """
    wanted = partitions(settings, topic)
    try:
        return ask_coordinator(settings, group, lambda wire: committed(wire, group, topic, wanted))
    except KafkaError as error:
        raise failure(settings.kafka_bootstrap, error, f"the offsets of the group {group} are not known") from error


def delete_group(settings: KafkaSettings, group: str) -> None:
    """Delete a consumer group with all that it has committed; one that is not there is no error.

    Raises:
        GroupInUse: it has members.
        SmaError: Kafka does not answer.
    """
    try:
        ask_coordinator(settings, group, lambda wire: delete(wire, group))
    except GroupIdNotFoundError:
        return
    except NonEmptyGroupError as error:
        raise GroupInUse(
            f"Kafka at {settings.kafka_bootstrap}: the consumer group {group} has members: stop what reads under it"
        ) from error
    except KafkaError as error:
        raise failure(settings.kafka_bootstrap, error, f"the group {group} cannot be deleted") from error


def require_committable(settings: KafkaSettings, group: str) -> None:
    """Refuse a consumer group for which the principal may not commit offsets: Flink would only warn, at each commit.

    Raises:
        Denied: that is so.
        SmaError: Kafka does not answer.
    """
    try:
        allowed = ask_coordinator(settings, group, lambda wire: allowed_operations(wire, group))
    except KafkaError as error:
        raise failure(settings.kafka_bootstrap, error, f"what is allowed on the group {group} is not known") from error
    denied = denial(settings, GroupAuthorizationFailedError.errno, (f"Read on Group:{group}",))
    if denied is not None and _NOT_TOLD not in allowed and _READ not in allowed:
        raise denied


def allowed_operations(wire: Wire, group: str) -> set[int]:
    """Return the numbers of the operations that the principal may do with a consumer group.

    Raises:
        KafkaError: this broker is not the group's coordinator, or does not answer.
    """
    request = DescribeGroupsRequest[_DESCRIBE_VERSION](groups=[group], include_authorized_operations=True)
    (described,) = wire.ask(request, DescribeGroupsResponse).groups
    wire.raise_for(described.error_code, f"Describe on Group:{group}")
    return set(described.authorized_operations)


def coordinator(wire: Wire, group: str) -> Address:
    """Return where the coordinator of a consumer group is.

    Raises:
        KafkaError: there is none just now, or the broker does not answer.
    """
    request = FindCoordinatorRequest[_COORDINATOR_VERSION](key=group, key_type=CoordinatorType.GROUP)
    response = wire.ask(request, FindCoordinatorResponse)
    wire.raise_for(response.error_code, f"Describe on Group:{group}")
    return response.host, response.port


def committed(wire: Wire, group: str, topic: str, partitions: Sequence[int]) -> dict[int, int]:
    """Return the Kafka offset that a group has committed for each partition; none where it never did.

    Raises:
        KafkaError: this broker is not the group's coordinator, or does not answer.
    """
    asked = OffsetFetchRequest.OffsetFetchRequestTopic(name=topic, partition_indexes=list(partitions))
    response = wire.ask(OffsetFetchRequest[_OFFSETS_VERSION](group_id=group, topics=[asked]), OffsetFetchResponse)
    needs = (f"Describe on Group:{group}", f"Describe on Topic:{topic}")
    wire.raise_for(response.error_code, *needs)
    offsets = {}
    for partition in response.topics[0].partitions:
        wire.raise_for(partition.error_code, *needs)
        if partition.committed_offset >= 0:
            offsets[partition.partition_index] = partition.committed_offset
    return offsets


def delete(wire: Wire, group: str) -> None:
    """Delete a consumer group.

    Raises:
        KafkaError: there is none, it has members, this broker is not its coordinator, or it does not answer.
    """
    response = wire.ask(DeleteGroupsRequest[_DELETE_VERSION](groups_names=[group]), DeleteGroupsResponse)
    for result in response.results:
        wire.raise_for(result.error_code, f"Delete on Group:{group}")


def ask_coordinator(
    settings: KafkaSettings, group: str, question: Callable[[Wire], Found], retry_s: float = RETRY_S
) -> Found:
    """Return the response of a group's coordinator; ask again while it is not chosen, has moved, or still loads.

    Args:
        settings: where Kafka is.
        group: the consumer group.
        question: asks the coordinator, once.
        retry_s: how long to wait before it is asked again.

    Raises:
        KafkaError: the coordinator does not answer, refuses, or is not ready in time.
    """

    def ask_once() -> Found:
        address = WIRES.ask_any(settings, ANSWER_TIMEOUT_S, lambda wire: coordinator(wire, group))
        return WIRES.ask(settings, address, ANSWER_TIMEOUT_S, question)

    asking = Retrying(
        retry=retry_if_exception(lambda error: isinstance(error, KafkaError) and error.retriable),
        stop=gives_up,
        wait=wait_fixed(retry_s),
        reraise=True,
    )
    return asking(ask_once)


def gives_up(state: RetryCallState) -> bool:
    """Return whether to stop asking: a broker that answers may take longer than one that does not answer."""
    error = state.outcome.exception() if state.outcome else None
    limit_s = ANSWER_TIMEOUT_S if isinstance(error, KafkaConnectionError) else SETTLING_S
    return (state.seconds_since_start or 0) >= limit_s
