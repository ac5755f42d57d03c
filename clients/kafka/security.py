"""How Kafka is connected to, whichever client connects: with TLS or without, and who logs in.

`librdkafka`, `java` and (for sockets) `login` beside this module render it: one connection means the same in all three.
Certificates and keys are handed on as text where a client takes that, so a Flink elsewhere needs none of these files.
"""

from pathlib import Path
from typing import Any

from sma.errors import SmaError
from sma.settings.kafka_connection import KafkaConnection

MSK_IAM = "AWS_MSK_IAM"


def has_tls(settings: KafkaConnection) -> bool:
    """Return whether connections are encrypted."""
    return settings.kafka_security_protocol in ("SSL", "SASL_SSL")


def has_sasl(settings: KafkaConnection) -> bool:
    """Return whether clients log in."""
    return settings.kafka_security_protocol in ("SASL_PLAINTEXT", "SASL_SSL")


def require_complete(settings: KafkaConnection) -> None:
    """Refuse a connection of which a part is missing, or given and not used, before a client waits for it.

    Raises:
        SmaError: that is so.
    """
    protocol, mechanism = settings.kafka_security_protocol, settings.kafka_sasl_mechanism
    if has_sasl(settings) and not mechanism:
        raise SmaError(f"SMA_KAFKA_SECURITY_PROTOCOL is {protocol}, which needs SMA_KAFKA_SASL_MECHANISM")
    if mechanism and not has_sasl(settings):
        raise SmaError(
            f"SMA_KAFKA_SASL_MECHANISM is {mechanism}, and SMA_KAFKA_SECURITY_PROTOCOL is {protocol}: set it to "
            "SASL_SSL (or SASL_PLAINTEXT, which encrypts nothing)"
        )
    missing = [name for name in _NEEDS.get(mechanism, ()) if not _text(getattr(settings, name))]
    if missing:
        raise SmaError(f"SMA_KAFKA_SASL_MECHANISM is {mechanism}, which needs SMA_{missing[0].upper()}")
    if (settings.kafka_cert_file is None) != (settings.kafka_key_file is None):
        given = "CERT" if settings.kafka_cert_file else "KEY"
        raise SmaError(f"only SMA_KAFKA_{given}_FILE is set: a certificate and its key are needed together")


_NEEDS = {
    "PLAIN": ("kafka_username", "kafka_password"),
    "SCRAM-SHA-256": ("kafka_username", "kafka_password"),
    "SCRAM-SHA-512": ("kafka_username", "kafka_password"),
    "OAUTHBEARER": ("kafka_oauth_token_url", "kafka_oauth_client_id", "kafka_oauth_client_secret"),
    MSK_IAM: ("kafka_aws_region",),
}


def _text(value: Any) -> str:
    return str(value.get_secret_value() if hasattr(value, "get_secret_value") else value)


def common_options(settings: KafkaConnection) -> dict[str, str]:
    """Return the options that librdkafka and Java's clients call by the same names: where, how, and from which rack.

    Raises:
        SmaError: as `require_complete`.
    """
    require_complete(settings)
    options = {"bootstrap.servers": settings.kafka_bootstrap}
    if settings.kafka_rack:
        options["client.rack"] = settings.kafka_rack
    if settings.kafka_security_protocol != "PLAINTEXT":
        options["security.protocol"] = settings.kafka_security_protocol
    return options


def read_pem(name: str, path: Path) -> str:
    """Return the text of a file of certificates or of a key; `name` is that of its setting.

    Raises:
        SmaError: it cannot be read, or is none.
    """
    try:
        text = path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a PEM file"
        raise SmaError(f"SMA_KAFKA_{name}_FILE: {path}: {reason}") from error
    if "-----BEGIN " not in text:
        raise SmaError(f"SMA_KAFKA_{name}_FILE: {path}: not a PEM file")
    return text


def principal(settings: KafkaConnection) -> str:
    """Return as whom the connection is known to Kafka, for a message: a user, an OAuth client, or a certificate."""
    if has_sasl(settings):
        if settings.kafka_sasl_mechanism == MSK_IAM:
            return "the AWS identity"
        is_client = settings.kafka_sasl_mechanism == "OAUTHBEARER"
        return f"User:{settings.kafka_oauth_client_id if is_client else settings.kafka_username}"
    if settings.kafka_cert_file is not None:
        return f"the subject of {settings.kafka_cert_file}"
    return "User:ANONYMOUS"


def wire_mechanism(settings: KafkaConnection) -> str:
    """Return what the mechanism is called on the wire: AWS's brokers take signed tokens as `OAUTHBEARER`."""
    return "OAUTHBEARER" if settings.kafka_sasl_mechanism == MSK_IAM else settings.kafka_sasl_mechanism


def identity(settings: KafkaConnection) -> tuple[Any, ...]:
    """Return what two connections to a broker have in common if one can be used for the other; secrets among it."""
    return tuple(getattr(settings, name) for name in _IDENTITY)


_IDENTITY = (
    "kafka_security_protocol",
    "kafka_sasl_mechanism",
    "kafka_username",
    "kafka_password",
    "kafka_ca_file",
    "kafka_cert_file",
    "kafka_key_file",
    "kafka_key_password",
    "kafka_oauth_token_url",
    "kafka_oauth_client_id",
    "kafka_oauth_client_secret",
    "kafka_oauth_scope",
    "kafka_aws_region",
)
