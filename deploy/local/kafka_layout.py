"""Derives from the values of an `sma.env` what the local Kafka consists of: processes, listeners, files, names.

What is chosen is decided in `deploy.local.kafka_plan`.
"""

from collections.abc import Mapping
from pathlib import Path

from deploy.local.parts import BROKERS, TOKEN_SERVER
from deploy.local.ports import LOOPBACK
from sma.durations import parse_duration

PLAINTEXT, SSL, SASL_SSL = "PLAINTEXT", "SSL", "SASL_SSL"
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER")
BROKER, BOOTSTRAP = "sma_broker", "sma_bootstrap"
"""Names of certificates to which Kafka's ACLs do not apply: the brokers', and the one by which `sma up` makes ACLs."""

BROKERS_VARIABLE, PROTOCOL_VARIABLE = "SMA_KAFKA_BROKERS", "SMA_KAFKA_SECURITY_PROTOCOL"
TOKEN_LIFE_VARIABLE, DEFAULT_TOKEN_LIFE = "SMA_KAFKA_TOKEN_LIFE", "60 seconds"
BROKER_STORE = "brokers.pem"
TOKEN_SERVER_CERTIFICATE, TOKEN_SIGNER = "tokens", "tokens-signer"
TOKEN_AUDIENCE = "kafka"  # noqa: S105 - no token


def broker_count(values: Mapping[str, str]) -> int:
    """Return how many brokers there are."""
    return int(values.get(BROKERS_VARIABLE, "1"))


def protocol_of(values: Mapping[str, str]) -> str:
    """Return what clients speak: PLAINTEXT, SSL or SASL_SSL."""
    return values.get(PROTOCOL_VARIABLE, PLAINTEXT)


def has_tls(values: Mapping[str, str]) -> bool:
    """Return whether every listener has TLS; otherwise none has."""
    return protocol_of(values) != PLAINTEXT


def has_token_server(values: Mapping[str, str]) -> bool:
    """Return whether clients may log in with a token."""
    return protocol_of(values) == SASL_SSL


def broker_programs(values: Mapping[str, str]) -> tuple[str, ...]:
    """Return the processes of the brokers, the first first."""
    return BROKERS[: broker_count(values)]


def kafka_programs(values: Mapping[str, str]) -> tuple[str, ...]:
    """Return the processes of Kafka: the brokers, and what they need."""
    return (*broker_programs(values), *((TOKEN_SERVER,) if has_token_server(values) else ()))


def kafka_listeners(values: Mapping[str, str]) -> tuple[str, ...]:
    """Return the listeners of Kafka, by their names in PORT_OFFSETS."""
    kinds = ["kafka", "kafka_controller", *(["kafka_internal"] if has_tls(values) else [])]
    names = [listener(kind, number) for number in broker_numbers(values) for kind in kinds]
    return (*names, *(("kafka_tokens",) if has_token_server(values) else ()))


def broker_numbers(values: Mapping[str, str]) -> range:
    """Return the ids of the brokers."""
    return range(1, broker_count(values) + 1)


def listener(kind: str, number: int) -> str:
    """Return the name in PORT_OFFSETS of a broker's listener: `kafka`, `kafka_controller` or `kafka_internal`."""
    return kind if number == 1 else f"{kind}_{number}"


def bootstrap_of(values: Mapping[str, str], ports: Mapping[str, int], kind: str = "kafka") -> str:
    """Return the addresses of the brokers' listeners of a kind."""
    return ",".join(f"{LOOPBACK}:{ports[listener(kind, number)]}" for number in broker_numbers(values))


def broker_file(state_dir: Path, program: str) -> Path:
    """Return the file that a broker is configured by."""
    return state_dir / "kafka" / f"server{program.removeprefix('kafka')}.properties"


def data_folder(state_dir: Path, program: str) -> Path:
    """Return the folder of a broker's data."""
    return state_dir / "kafka" / f"data{program.removeprefix('kafka')}"


def principal_of(part: str) -> str:
    """Return the name by which a part is known to the local Kafka, whichever way it logs in."""
    return f"sma_{part}"


def tls_folder(state_dir: Path) -> Path:
    """Return the folder of the certificates and keys."""
    return state_dir / "kafka" / "tls"


def certificate_files(state_dir: Path, name: str) -> tuple[Path, Path]:
    """Return the files of a certificate and of its key."""
    return tls_folder(state_dir) / f"{name}.pem", tls_folder(state_dir) / f"{name}.key"


def ca_file(state_dir: Path) -> Path:
    """Return the file of the certificate that signs all others."""
    return tls_folder(state_dir) / "ca.pem"


def token_server_url(ports: Mapping[str, int]) -> str:
    """Return the address of the OAuth server, which is the issuer of its tokens too."""
    return f"https://{LOOPBACK}:{ports['kafka_tokens']}"


def jwks_url(ports: Mapping[str, int]) -> str:
    """Return where the brokers get the key by which they check tokens; their JVM must allow it."""
    return f"{token_server_url(ports)}/jwks"


def token_life_ms(values: Mapping[str, str]) -> int:
    """Return how long a token of the OAuth server is valid, in milliseconds.

    Raises:
        SmaError: it is no duration.
    """
    return parse_duration(values.get(TOKEN_LIFE_VARIABLE, DEFAULT_TOKEN_LIFE))
