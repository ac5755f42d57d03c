"""Lists what each part may do in Kafka, no more than it needs, and makes these ACLs.

docs/kafka-acls.md shows the same table with the commands for a Kafka of one's own; a test compares them.
"""

from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
)
from kafka.errors import KafkaError
from kafka.protocol.admin import (
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ACLResourceType,
    DescribeAclsRequest,
    DescribeAclsResponse,
)
from tenacity import Retrying, retry_if_exception_type, retry_if_result, stop_after_delay, wait_fixed

from clients.answers import ANSWER_TIMEOUT_S, TOPICS_TIMEOUT_S
from clients.kafka.connection import RETRY_S, ask
from clients.kafka.pool import WIRES
from clients.kafka.wire import Address, Wire, addresses
from sma.errors import SmaError
from sma.settings import StreamingSettings
from sma.settings.kafka_parts import KafkaPart

Operation = Literal["Read", "Write", "Create", "Delete", "Describe", "DescribeConfigs"]
Resource = Literal["Topic", "Group", "TransactionalId"]

_OPERATIONS = {
    "Read": AclOperation.READ,
    "Write": AclOperation.WRITE,
    "Create": AclOperation.CREATE,
    "Delete": AclOperation.DELETE,
    "Describe": AclOperation.DESCRIBE,
    "DescribeConfigs": AclOperation.DESCRIBE_CONFIGS,
}
_RESOURCES = {
    "Topic": ResourceType.TOPIC,
    "Group": ResourceType.GROUP,
    "TransactionalId": ResourceType.TRANSACTIONAL_ID,
}
_OPTIONS = {"Topic": "--topic", "Group": "--group", "TransactionalId": "--transactional-id"}
_EVERY_HOST = "*"
_DESCRIBE_VERSION = 1

_Known = tuple[str, int, str, int]
"""Principal, operation, and name and kind of the resource of an ACL that a broker goes by, as on the wire."""

Bound = TypeVar("Bound", AclBinding, AclBindingFilter)


@dataclass(frozen=True, slots=True)
class Grant:
    """A part may do something with a resource; in Kafka, Read, Write and Delete of a topic include Describe.

    `name` is that of the resource without SMA_TOPIC_PREFIX; a transactional id begins with the name of the Flink job.
    """

    part: KafkaPart
    operation: Operation
    resource: Resource
    name: str
    why: str

    def resource_name(self, settings: StreamingSettings) -> str:
        """Return the name of the resource in Kafka, or what it begins with."""
        own = settings.job_name if self.resource == "TransactionalId" else self.name
        return f"{settings.topic_prefix}{own}"

    @property
    def is_prefix(self) -> bool:
        """Whether it is of all resources whose names begin so."""
        return self.resource == "TransactionalId"


_TOPICS = ("events", "late_events", "rejected_events", "moving_averages")
_OUTPUTS, _SIDE_OUTPUTS = _TOPICS[1:], _TOPICS[1:3]

GRANTS = (
    *(Grant("admin", "Create", "Topic", topic, "`sma up` makes the topics") for topic in _TOPICS),
    *(Grant("admin", "Delete", "Topic", topic, "`make demo` empties them; includes Describe") for topic in _TOPICS),
    Grant("admin", "Delete", "Group", "streaming", "... and forgets how far the stream has read"),
    *(Grant("admin", "DescribeConfigs", "Topic", topic, "... and how they are set up") for topic in _TOPICS),
    Grant("producer", "Write", "Topic", "events", "`sma produce` publishes"),
    Grant("stream", "Read", "Topic", "events", "the job reads the log"),
    Grant("stream", "Read", "Group", "streaming", "the job commits how far it has read"),
    Grant("stream", "Delete", "Group", "streaming", "a job that starts from the beginning has read nothing"),
    *(Grant("stream", "Write", "Topic", topic, "the job writes it") for topic in _OUTPUTS),
    *(Grant("stream", "Read", "Topic", topic, "... and looks who else does") for topic in _OUTPUTS),
    Grant("stream", "Write", "TransactionalId", "moving-averages", "... in transactions"),
    Grant("batch", "Read", "Topic", "events", "the batch layer reads the log"),
    *(Grant("batch", "Read", "Topic", topic, "... and which events the stream left out") for topic in _SIDE_OUTPUTS),
    Grant("batch", "DescribeConfigs", "Topic", "events", "a check compares what Kafka retains"),
    Grant("batch", "Describe", "Group", "batch", "librdkafka looks for a group's coordinator, though it joins none"),
    Grant("batch", "Describe", "Group", "streaming", "a reconciliation waits until the stream has read as far"),
    Grant("monitoring", "Read", "Topic", "events", "which record is the last that can be read"),
    *(Grant("monitoring", "Read", "Topic", topic, "... and which transactions are open") for topic in _OUTPUTS),
    *(
        Grant("monitoring", "DescribeConfigs", "Topic", topic, "`sma status` says how it is set up")
        for topic in _TOPICS
    ),
    Grant("monitoring", "Describe", "Group", "streaming", "how far the stream has read"),
    Grant("subscriber", "Describe", "Group", "tail", "as the batch layer's"),
    Grant("subscriber", "Read", "Topic", "moving_averages", "`sma tail` reads it"),
    Grant("heartbeats", "Read", "Topic", "events", "the time of the newest record"),
    Grant("heartbeats", "Write", "Topic", "events", "the heartbeats"),
    Grant("heartbeats", "Describe", "Group", "heartbeats", "as the batch layer's"),
)


def grant(settings: StreamingSettings, principal_of: Callable[[str], str], grants: Collection[Grant] = GRANTS) -> None:
    """Make ACLs; those that are there stay. They hold at every bootstrap server when this returns.

    Args:
        settings: of one who may change ACLs, and with the names of the resources.
        principal_of: by what name Kafka knows a part.
        grants: those to make.

    Raises:
        SmaError: Kafka does not answer, or refuses.
    """
    bindings = [_binding(AclBinding, settings, principal_of, each) for each in grants]
    ask(settings, lambda admin: _finish(admin.create_acls(bindings, request_timeout=TOPICS_TIMEOUT_S)))
    made = {_known(settings, principal_of, each) for each in grants}
    _wait_until(settings, lambda known: made <= known)


def revoke(settings: StreamingSettings, principal_of: Callable[[str], str], grants: Collection[Grant] = GRANTS) -> None:
    """Delete ACLs; those that are not there are no error. No bootstrap server goes by them when this returns.

    Args:
        settings: of one who may change ACLs, and with the names of the resources.
        principal_of: by what name Kafka knows a part.
        grants: those to delete.

    Raises:
        SmaError: Kafka does not answer, or refuses.
    """
    filters = [_binding(AclBindingFilter, settings, principal_of, each) for each in grants]
    ask(settings, lambda admin: _finish(admin.delete_acls(filters, request_timeout=TOPICS_TIMEOUT_S)))
    deleted = {_known(settings, principal_of, each) for each in grants}
    _wait_until(settings, lambda known: not deleted & known)


def command(settings: StreamingSettings, principal: str, each: Grant) -> str:
    """Return the arguments of Kafka's `kafka-acls.sh` that make one ACL for a principal."""
    pattern = " --resource-pattern-type prefixed" if each.is_prefix else ""
    return (
        f"--add --allow-principal User:{principal} --operation {each.operation} "
        f"{_OPTIONS[each.resource]} {each.resource_name(settings)}{pattern}"
    )


def _finish(futures: Mapping[Any, Future[Any]]) -> None:
    for future in futures.values():
        future.result()


def _wait_until(settings: StreamingSettings, is_so: Callable[[set[_Known]], bool]) -> None:
    """Wait for each server: each follows the controller, which made the change, in its own time."""
    waiting = Retrying(
        retry=retry_if_result(lambda known: not is_so(known)) | retry_if_exception_type(KafkaError),
        stop=stop_after_delay(TOPICS_TIMEOUT_S),
        wait=wait_fixed(RETRY_S),
        retry_error_callback=lambda _: None,
    )
    for address in addresses(settings.kafka_bootstrap):
        if waiting(_known_at, settings, address) is None:
            raise SmaError("Kafka at {}:{} does not go by the changed ACLs".format(*address))


def _known_at(settings: StreamingSettings, address: Address) -> set[_Known]:
    return WIRES.ask(settings, address, ANSWER_TIMEOUT_S, _describe)


def _describe(wire: Wire) -> set[_Known]:
    request = DescribeAclsRequest[_DESCRIBE_VERSION](
        resource_type_filter=ACLResourceType.ANY,
        resource_name_filter=None,
        pattern_type_filter=ACLResourcePatternType.ANY,
        principal_filter=None,
        host_filter=None,
        operation=ACLOperation.ANY,
        permission_type=ACLPermissionType.ANY,
    )
    answer = wire.ask(request, DescribeAclsResponse)
    wire.raise_for(answer.error_code, "Describe on Cluster:kafka-cluster")
    return {
        (acl.principal, acl.operation, resource.resource_name, resource.resource_type)
        for resource in answer.resources
        for acl in resource.acls
    }


def _known(settings: StreamingSettings, principal_of: Callable[[str], str], each: Grant) -> _Known:
    kind = ACLResourceType[_RESOURCES[each.resource].name]
    operation = ACLOperation[_OPERATIONS[each.operation].name]
    return f"User:{principal_of(each.part)}", operation, each.resource_name(settings), kind


def _binding(kind: type[Bound], settings: StreamingSettings, principal_of: Callable[[str], str], each: Grant) -> Bound:
    return kind(
        _RESOURCES[each.resource],
        each.resource_name(settings),
        ResourcePatternType.PREFIXED if each.is_prefix else ResourcePatternType.LITERAL,
        f"User:{principal_of(each.part)}",
        _EVERY_HOST,
        _OPERATIONS[each.operation],
        AclPermissionType.ALLOW,
    )
