"""A stack whose Kafka has three brokers, TLS, logins and ACLs, and the ways in which its parts connect to it."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

from deploy.local.environment import Environment, read_environment
from deploy.local.kafka_layout import bootstrap_of, certificate_files, principal_of
from sma.settings.kafka_parts import KAFKA_PARTS, KafkaPart
from tests.support.places import Place, settings_of

PLAINTEXT = "plaintext"
CHOSEN = {"SMA_KAFKA_BROKERS": "3", "SMA_KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}
Opener = Callable[[str], AbstractContextManager[Place]]
BY_CERTIFICATE = "certificates"
WAYS = (BY_CERTIFICATE, "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER")


def choice_of(way: str) -> dict[str, str]:
    """Return the variables with which `sma up` makes a Kafka to which all parts connect in one of the ways."""
    if way == PLAINTEXT:
        return {}
    by_certificate = {"SMA_KAFKA_BROKERS": "3", "SMA_KAFKA_SECURITY_PROTOCOL": "SSL"}
    return by_certificate if way == BY_CERTIFICATE else CHOSEN | {"SMA_KAFKA_SASL_MECHANISM": way}


def as_a_part(values: Mapping[str, str], part: KafkaPart = "batch") -> dict[str, str]:
    """Return the variables by which whoever is no part connects as one: a test's own look at Kafka."""
    own = f"SMA_KAFKA_{part.upper()}_"
    return {f"SMA_KAFKA_{name.removeprefix(own)}": value for name, value in values.items() if name.startswith(own)}


def environment_of(stack: Place) -> Environment:
    """Return the ports and passwords of a stack."""
    environment = read_environment(stack.settings.state_dir)
    assert environment is not None
    return environment


def connected_by(stack: Place, way: str) -> Place:
    """Return the stack with every part connecting in one of the ways: by a mechanism, or by certificates."""
    own = _certificates(environment_of(stack)) if way == BY_CERTIFICATE else {"SMA_KAFKA_SASL_MECHANISM": way}
    environ = stack.environ | own
    return Place(settings_of(environ), environ)


def _certificates(environment: Environment) -> dict[str, str]:
    """Return the variables of the listener on which a certificate is enough: the brokers' own."""
    own = {
        "SMA_KAFKA_BOOTSTRAP": bootstrap_of(environment.values, environment.ports, "kafka_internal"),
        "SMA_KAFKA_SECURITY_PROTOCOL": "SSL",
        "SMA_KAFKA_SASL_MECHANISM": "",
    }
    for part in KAFKA_PARTS:
        certificate, key = certificate_files(environment.state_dir, principal_of(part))
        own |= {f"SMA_KAFKA_{part.upper()}_CERT_FILE": str(certificate)}
        own |= {f"SMA_KAFKA_{part.upper()}_KEY_FILE": str(key)}
    return own
