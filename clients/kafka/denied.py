"""Words what Kafka does not let a principal do, and why a connection is not made, whichever client finds it out.

Each is one line that names the operation, the resource and the principal, and never a secret. Trying again does not
help.
"""

import ssl
from collections.abc import Sequence

from clients.answers import Refused
from clients.kafka.security import has_sasl, has_tls, principal
from sma.errors import SmaError
from sma.settings.kafka_connection import KafkaConnection

_RESOURCES = {29: "Topic", 30: "Group", 31: "Cluster", 53: "TransactionalId", 65: "DelegationToken"}
"""What a request was refused for, by the error code of the protocol (`..._AUTHORIZATION_FAILED`)."""

_CERTIFICATES = "certificate verify failed"


class Denied(Refused):
    """Kafka and a client do not accept one another, or Kafka does not allow a request; `detail` is what happened."""

    def __init__(self, where: str, detail: str) -> None:
        SmaError.__init__(self, f"Kafka at {where} {detail}")
        self.detail = detail


def denial(settings: KafkaConnection, code: int, needs: Sequence[str] = ()) -> Denied | None:
    """Return the error for a request that Kafka does not allow; None if the code is of another error.

    Args:
        settings: who asked.
        code: of the protocol's errors.
        needs: what the request needs, such as "Read on Topic:events".
    """
    if (resource := _RESOURCES.get(code)) is None:
        return None
    missing = next((need for need in needs if f" on {resource}" in need), f"an operation on a {resource}")
    return Denied(settings.kafka_bootstrap, f"refuses {principal(settings)}: {missing} is not allowed")


def login_denied(settings: KafkaConnection, reason: str) -> Denied:
    """Return the error for a login that Kafka refuses; `reason` is its own."""
    if "invalid_token" in reason:  # of OAUTHBEARER, whatever is wrong with it
        reason = f"its token has expired or is not valid here: {reason}"
    return Denied(settings.kafka_bootstrap, f"refuses {principal(settings)}: the login failed ({reason})")


def mechanism_denied(settings: KafkaConnection, offered: Sequence[str]) -> Denied:
    """Return the error for a mechanism that is not enabled; `offered` are those that are."""
    own = settings.kafka_sasl_mechanism
    its = f"it offers {', '.join(sorted(offered))}" if offered else "it offers none"
    return Denied(settings.kafka_bootstrap, f"does not offer SMA_KAFKA_SASL_MECHANISM={own}: {its}")


def no_login_wanted(settings: KafkaConnection) -> Denied:
    """Return the error for a port on which nobody logs in."""
    return _other_protocol(settings, settings.kafka_bootstrap, "takes no logins on this port")


def tls_wanted(settings: KafkaConnection, name: str) -> Denied:
    """Return the error for a port that speaks TLS to a client that does not."""
    return _other_protocol(settings, name, "speaks TLS on this port")


def tls_denied(settings: KafkaConnection, name: str, error: ssl.SSLError) -> Denied | None:
    """Return the error for a TLS connection that one of both sides refuses; None if it was only lost.

    Args:
        settings: how the connection is made.
        name: host:port of the server.
        error: of the handshake, or of the first bytes after it.
    """
    reason = (error.reason or "").replace("_", " ").lower()
    if isinstance(error, ssl.SSLCertVerificationError):
        why = f"{_CERTIFICATES}: {error.verify_message}"
        if "mismatch" not in error.verify_message:
            why += f"; SMA_KAFKA_CA_FILE is {settings.kafka_ca_file or 'not set'}"
        return Denied(name, f"is not trusted ({why})")
    if "alert" in reason:
        shown = settings.kafka_cert_file or "not set"
        return Denied(name, f"refuses a TLS connection ({reason}; SMA_KAFKA_CERT_FILE is {shown})")
    if "wrong version number" in reason:
        return _other_protocol(settings, name, "does not speak TLS on this port")
    return None


def _other_protocol(settings: KafkaConnection, name: str, found: str) -> Denied:
    return Denied(name, f"{found}: SMA_KAFKA_SECURITY_PROTOCOL is {settings.kafka_security_protocol}")


def closed_early(settings: KafkaConnection) -> str:
    """Return what a server may mean that closes a connection before it has answered anything."""
    protocol = settings.kafka_security_protocol
    wanted = [each for each, has in (("TLS", has_tls(settings)), ("a login", has_sasl(settings))) if not has]
    question = f"does this port want {' or '.join(wanted)}" if wanted else "does this port speak TLS"
    return f"{question}? SMA_KAFKA_SECURITY_PROTOCOL is {protocol}"
