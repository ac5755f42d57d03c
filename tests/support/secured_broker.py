"""A real Kafka of one or two brokers, each in a rack of its own, with TLS, client certificates, logins and ACLs.

Certificates are made by trustme. Listeners: `plain` is for the tests themselves, who may do everything there; `ssl`
wants a client's certificate; `sasl_ssl` and `sasl_plaintext` want a login. On the latter a session of PLAIN ends after
SESSION_S.
"""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import trustme
from confluent_kafka import ElectionType, KafkaError, KafkaException
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from pydantic import SecretStr

from deploy.local.services.render import INSTALL_DIR
from sma.settings import KafkaSettings

HERE = "127.0.0.1"
USER, PASSWORD = "sma_batch", "quite secret"  # noqa: S105
SESSION_S = 4
RACKS = {1: "a", 2: "b"}
PROTOCOLS = {"plain": "PLAINTEXT", "ssl": "SSL", "sasl_ssl": "SASL_SSL", "sasl_plaintext": "SASL_PLAINTEXT"}
_CLUSTER = "c2VjdXJlZC1icm9rZXJzMA"
_START_S = 300.0  # a busy machine
_MODULES = "org.apache.kafka.common.security"


@dataclass
class SecuredKafka:
    """The brokers; ports by (node, listener)."""

    folder: Path
    ports: dict[tuple[int, str], int]
    java: Sequence[str]
    running: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def nodes(self) -> list[int]:
        return sorted({node for node, _ in self.ports})

    def bootstrap(self, listener: str) -> str:
        return ",".join(f"{HERE}:{self.ports[node, listener]}" for node in self.nodes)

    def settings(self, listener: str = "plain", mechanism: str = "", **others: Any) -> KafkaSettings:
        """How the project connects to a listener, as USER."""
        own: dict[str, Any] = {"kafka_bootstrap": self.bootstrap(listener)}
        own["kafka_security_protocol"] = PROTOCOLS[listener]
        if listener in ("ssl", "sasl_ssl"):
            own["kafka_ca_file"] = self.folder / "ca.pem"
        if listener == "ssl":
            own |= {"kafka_cert_file": self.folder / "client.pem", "kafka_key_file": self.folder / "client.key"}
        if mechanism:
            own |= {"kafka_sasl_mechanism": mechanism, "kafka_username": USER, "kafka_password": SecretStr(PASSWORD)}
        return KafkaSettings(**(own | others))

    @cached_property
    def admin(self) -> AdminClient:
        """A client that may do everything."""
        return AdminClient({"bootstrap.servers": self.bootstrap("plain"), "log_level": 0})

    @contextmanager
    def allowed(self, *rules: tuple[str, str, str]) -> Iterator[None]:
        """Allow USER some operations, each on (kind of resource, its name), until the block ends; nothing else is."""
        bindings = [
            AclBinding(
                ResourceType[kind.upper()],
                name,
                ResourcePatternType.LITERAL,
                f"User:{USER}",
                "*",
                AclOperation[operation.upper()],
                AclPermissionType.ALLOW,
            )
            for operation, kind, name in rules
        ]
        for future in self.admin.create_acls(bindings).values():
            future.result(30)
        try:
            yield
        finally:
            every = AclBindingFilter(
                ResourceType.ANY,
                None,
                ResourcePatternType.ANY,
                f"User:{USER}",
                None,
                AclOperation.ANY,
                AclPermissionType.ANY,
            )
            for deleted in self.admin.delete_acls([every]).values():
                deleted.result(30)

    def start(self, node: int) -> None:
        with (self.folder / f"{node}.log").open("ab") as log:
            command = _command(self.java, "kafka.Kafka", str(self.folder / f"{node}.properties"))
            self.running[node] = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder)

    def stop(self, node: int, how: int = signal.SIGTERM) -> None:
        process = self.running.pop(node)
        process.send_signal(how)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(30)

    def elect_leaders(self) -> None:
        """Let the first replica of each partition lead again, as soon as it has caught up."""
        give_up_at = time.monotonic() + _START_S
        while True:
            elected = self.admin.elect_leaders(ElectionType.PREFERRED).result(30)
            bad = [error for error in elected.values() if error and error.code() != KafkaError.ELECTION_NOT_NEEDED]
            if not bad:
                return
            assert time.monotonic() < give_up_at, bad
            time.sleep(0.3)

    def await_brokers(self, count: int) -> None:
        give_up_at = time.monotonic() + _START_S
        while True:
            try:
                if len(self.admin.list_topics(timeout=2).brokers) == count:
                    return
            except KafkaException:
                pass
            assert time.monotonic() < give_up_at, f"not {count} brokers: see {self.folder}"
            assert all(process.poll() is None for process in self.running.values()), f"a broker ended: {self.folder}"
            time.sleep(0.2)


@contextmanager
def secured_kafka(
    folder: Path, nodes: Sequence[int] = (1, 2), java: Sequence[str] = ("-Xmx384m", "-XX:TieredStopAtLevel=1")
) -> Iterator[SecuredKafka]:
    """Run brokers in a folder until the block ends; what an earlier run has left in it is there again."""
    with ExitStack() as held:
        names = [(node, name) for node in nodes for name in (*PROTOCOLS, *(["controller"] if node == 1 else []))]
        sockets = {name: held.enter_context(closing(socket.create_server((HERE, 0)))) for name in names}
        kafka = SecuredKafka(folder, {name: each.getsockname()[1] for name, each in sockets.items()}, java)
    _make_certificates(folder)
    for node in nodes:
        (folder / f"{node}.properties").write_text(_properties(kafka, node))
        scram = ["--add-scram", f"SCRAM-SHA-512=[name={USER},password={PASSWORD}]"] if node == 1 else []
        if (folder / f"{node}-data" / "meta.properties").exists():
            continue
        arguments = ["format", "--cluster-id", _CLUSTER, "--config", str(folder / f"{node}.properties"), *scram]
        format_ = _command(java, "kafka.tools.StorageTool", *arguments)
        subprocess.run(format_, check=True, capture_output=True, cwd=folder)
    try:
        for node in nodes:
            kafka.start(node)
        kafka.await_brokers(len(nodes))
        yield kafka
    finally:
        for node in list(kafka.running):
            kafka.stop(node, signal.SIGKILL)


def _command(java: Sequence[str], *arguments: str) -> list[str]:
    return ["java", *java, "-Djava.net.preferIPv4Stack=true", "-cp", f"{INSTALL_DIR}/kafka/*", *arguments]


def _make_certificates(folder: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    trustme.CA().cert_pem.write_to_path(str(folder / "other-ca.pem"))
    server = authority.issue_cert(HERE)
    client = authority.issue_cert(f"{USER}@sma.example", common_name=USER)
    stranger = trustme.CA().issue_cert("x@sma.example", common_name=USER)
    for name, made in (("server", server), ("client", client), ("stranger", stranger)):
        chain = b"".join(each.bytes() for each in made.cert_chain_pems)
        key = load_pem_private_key(made.private_key_pem.bytes(), None)
        key_pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())  # which Java needs
        (folder / f"{name}.pem").write_bytes(chain)
        (folder / f"{name}.key").write_bytes(key_pem)
        (folder / f"{name}-both.pem").write_bytes(key_pem + chain)
    for path in folder.glob("*.key"):
        os.chmod(path, 0o600)  # noqa: PTH101


def _properties(kafka: SecuredKafka, node: int) -> str:
    listeners = {name: kafka.ports[node, name] for name in PROTOCOLS}
    at = [f"{name.upper()}://{HERE}:{port}" for name, port in listeners.items()]
    controller = [f"CONTROLLER://{HERE}:{kafka.ports[1, 'controller']}"] if node == 1 else []
    protocols = [f"{name.upper()}:{protocol}" for name, protocol in PROTOCOLS.items()]
    user = f'{_MODULES}.plain.PlainLoginModule required user_{USER}="{PASSWORD}";'
    lines = {
        "process.roles": "broker,controller" if node == 1 else "broker",
        "node.id": node,
        "broker.rack": RACKS[node],
        "controller.quorum.voters": f"1@{HERE}:{kafka.ports[1, 'controller']}",
        "controller.listener.names": "CONTROLLER",
        "listeners": ",".join([*at, *controller]),
        "advertised.listeners": ",".join(at),
        "listener.security.protocol.map": ",".join([*protocols, "CONTROLLER:PLAINTEXT"]),
        "inter.broker.listener.name": "PLAIN",
        "log.dirs": kafka.folder / f"{node}-data",
        "auto.create.topics.enable": "false",
        "offsets.topic.replication.factor": 1,
        "offsets.topic.num.partitions": 1,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "transaction.state.log.num.partitions": 1,
        "replica.selector.class": "org.apache.kafka.common.replica.RackAwareReplicaSelector",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": kafka.folder / "server-both.pem",
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": kafka.folder / "ca.pem",
        "ssl.principal.mapping.rules": r"RULE:^.*CN=([^,]+).*$/$1/",
        "listener.name.ssl.ssl.client.auth": "required",
        "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-512,OAUTHBEARER",
        "listener.name.sasl_plaintext.plain.connections.max.reauth.ms": 1_000 * SESSION_S,
    }
    for listener in ("sasl_ssl", "sasl_plaintext"):
        prefix = f"listener.name.{listener}"
        lines[f"{prefix}.plain.sasl.jaas.config"] = user
        lines[f"{prefix}.scram-sha-512.sasl.jaas.config"] = f"{_MODULES}.scram.ScramLoginModule required;"
        lines[f"{prefix}.oauthbearer.sasl.jaas.config"] = f"{_MODULES}.oauthbearer.OAuthBearerLoginModule required;"
    return "".join(f"{name}={str(value).replace(chr(92), chr(92) * 2)}\n" for name, value in lines.items())
