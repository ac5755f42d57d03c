"""A Kafka broker with ACLs, as a shared cluster has them: who connects without a login may do what a test allows.

Clients of the project connect to its plaintext listener as User:ANONYMOUS; the superuser is on another listener.
"""

import base64
import os
import shutil
import subprocess
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ConfigResource,
    NewTopic,
    ResourcePatternType,
    ResourceType,
)
from tenacity import Retrying, retry_if_exception_type, retry_if_result, stop_after_delay, wait_fixed

from deploy.local.ports import LOOPBACK, free_port_base
from deploy.local.services.render import INSTALL_DIR

_EVERY = AclBindingFilter(
    *(ResourceType.ANY, None, ResourcePatternType.ANY, "User:ANONYMOUS", None, AclOperation.ANY, AclPermissionType.ANY)
)
_UP_SECONDS = 120
_ANSWER_SECONDS = 20
_CLIENTS = "User:ANONYMOUS"
_LOGIN = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN", "sasl.username": "admin"}
_PASSWORD = "of-the-tests"  # noqa: S105 - of a broker on loopback that lives as long as a test
_PROPERTIES = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller}
listeners=BROKER://{host}:{broker},CLIENT://{host}:{client},CONTROLLER://{host}:{controller}
advertised.listeners=BROKER://{host}:{broker},CLIENT://{host}:{client}
listener.security.protocol.map=BROKER:SASL_PLAINTEXT,CLIENT:PLAINTEXT,CONTROLLER:SASL_PLAINTEXT
inter.broker.listener.name=BROKER
controller.listener.names=CONTROLLER
sasl.enabled.mechanisms=PLAIN
sasl.mechanism.inter.broker.protocol=PLAIN
sasl.mechanism.controller.protocol=PLAIN
listener.name.broker.plain.sasl.jaas.config={jaas}
listener.name.controller.plain.sasl.jaas.config={jaas}
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:admin
auto.create.topics.enable=true
default.replication.factor=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
group.initial.rebalance.delay.ms=0
log.dirs={folder}/data
"""


@dataclass(frozen=True)
class GuardedKafka:
    """Where clients connect, and what the superuser does."""

    bootstrap: str
    superuser: AdminClient

    def allow(self, operations: Sequence[AclOperation], topic: str) -> None:
        """Allow clients operations on a topic; returns when the broker knows it."""
        wanted = [_acl(operation, topic) for operation in operations]
        self._wait(self.superuser.create_acls(wanted))
        _until(lambda: set(wanted) <= set(self.superuser.describe_acls(_EVERY).result(_ANSWER_SECONDS)))

    def allow_nothing(self) -> None:
        """Take every right from the clients; returns when the broker knows it."""
        self._wait(self.superuser.delete_acls([_EVERY]))
        _until(lambda: not self.superuser.describe_acls(_EVERY).result(_ANSWER_SECONDS))

    def make(self, topic: str, config: dict[str, str], partitions: int = 1) -> None:
        """Create a topic."""
        self._wait(self.superuser.create_topics([NewTopic(topic, partitions, 1, config=config)]))

    def delete(self, topics: Sequence[str]) -> None:
        """Delete topics."""
        self._wait(self.superuser.delete_topics(list(topics)))

    def topics(self) -> set[str]:
        """Return the names of all topics."""
        return set(self.superuser.list_topics(timeout=_ANSWER_SECONDS).topics)

    def config(self, topic: str) -> dict[str, str]:
        """Return the configuration of a topic."""
        (future,) = self.superuser.describe_configs([ConfigResource(ResourceType.TOPIC, topic)]).values()
        return {name: entry.value for name, entry in future.result(_ANSWER_SECONDS).items()}

    @staticmethod
    def _wait(futures) -> None:
        for future in futures.values():
            future.result(_ANSWER_SECONDS)


@contextmanager
def guarded_kafka(folder: Path) -> Iterator[GuardedKafka]:
    """Run such a broker until the block ends; its data are in `folder`, which is deleted."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    base = free_port_base()
    ports = {"client": base, "controller": base + 1, "broker": base + 2}
    jaas = (
        "org.apache.kafka.common.security.plain.PlainLoginModule required "
        f'username="admin" password="{_PASSWORD}" user_admin="{_PASSWORD}";'
    )
    properties = folder / "server.properties"
    properties.write_text(_PROPERTIES.format(host=LOOPBACK, folder=folder, jaas=jaas, **ports))
    cluster = base64.urlsafe_b64encode(uuid.uuid5(uuid.NAMESPACE_DNS, "guarded").bytes).rstrip(b"=").decode()
    _java("kafka.tools.StorageTool", "format", "--cluster-id", cluster, "--config", str(properties))
    with (folder / "log").open("w") as log:
        broker = subprocess.Popen(
            [*_command("kafka.Kafka"), properties], stdout=log, stderr=subprocess.STDOUT, env=_environ()
        )
        try:
            login = _LOGIN | {"sasl.password": _PASSWORD, "bootstrap.servers": f"{LOOPBACK}:{ports['broker']}"}
            superuser = AdminClient(login | {"log_level": 0, "error_cb": lambda _: None})
            _until(lambda: superuser.describe_cluster(request_timeout=2).result(3))
            yield GuardedKafka(f"{LOOPBACK}:{ports['client']}", superuser)
        finally:
            broker.kill()
            broker.wait(_UP_SECONDS)
            shutil.rmtree(folder, ignore_errors=True)


def _until(condition: Callable[[], object]) -> None:
    """Wait until a condition holds, and raises nothing."""
    Retrying(
        retry=retry_if_exception_type(KafkaException) | retry_if_result(lambda answer: not answer),
        stop=stop_after_delay(_UP_SECONDS),
        wait=wait_fixed(0.2),
    )(condition)


def _acl(operation: AclOperation, topic: str) -> AclBinding:
    return AclBinding(
        *(ResourceType.TOPIC, topic, ResourcePatternType.LITERAL, _CLIENTS, "*", operation, AclPermissionType.ALLOW)
    )


def _java(*arguments: str) -> None:
    ran = subprocess.run(
        _command(*arguments), env=_environ(), capture_output=True, text=True, timeout=_UP_SECONDS, check=False
    )
    assert ran.returncode == 0, f"{ran.stdout}\n{ran.stderr}"


def _command(*arguments: str) -> list[str]:
    return ["java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-cp", f"{INSTALL_DIR}/kafka/*", *arguments]


def _environ() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("SMA_")}
