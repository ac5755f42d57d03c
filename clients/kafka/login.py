"""Renders how Kafka is connected to for a socket: a TLS context, and the exchange by which a connection logs in."""

import ssl
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from kafka.net.sasl import get_sasl_mechanism
from kafka.net.sasl.oauth import AbstractTokenProvider

from clients.kafka.security import MSK_IAM, has_sasl, has_tls, read_pem, require_complete, wire_mechanism
from clients.kafka.tokens import aws_token, oauth_token
from sma.errors import SmaError
from sma.settings.kafka_connection import KafkaConnection


def tls_context(settings: KafkaConnection) -> ssl.SSLContext | None:
    """Return what a socket to Kafka is wrapped with; None where connections are not encrypted.

    Raises:
        SmaError: as `librdkafka_options`, or a certificate is none.
    """
    require_complete(settings)
    if not has_tls(settings):
        return None
    return _tls_context(
        settings.kafka_ca_file,
        settings.kafka_cert_file,
        settings.kafka_key_file,
        settings.kafka_key_password.get_secret_value(),
        tuple(map(_version, (settings.kafka_ca_file, settings.kafka_cert_file, settings.kafka_key_file))),
    )


def sasl_mechanism(settings: KafkaConnection, host: str) -> Any:
    """Return a new exchange of kafka-python's, which does no I/O, by which a connection logs in; None where none does.

    It is for one login: a token or a nonce is made for it.

    Args:
        settings: who logs in, and how.
        host: of the broker.

    Raises:
        SmaError: as `librdkafka_options`, or no token can be had.
    """
    require_complete(settings)
    if not has_sasl(settings):
        return None
    name = wire_mechanism(settings)
    config: dict[str, Any] = {"host": host}
    if settings.kafka_sasl_mechanism == MSK_IAM:
        config["sasl_oauth_token_provider"] = _Tokens(lambda: aws_token(settings)[0])
    elif name == "OAUTHBEARER":
        config["sasl_oauth_token_provider"] = _Tokens(lambda: oauth_token(settings)[0])
    else:
        config |= {
            "sasl_plain_username": settings.kafka_username,
            "sasl_plain_password": settings.kafka_password.get_secret_value(),
            "sasl_mechanism": name,
        }
    return get_sasl_mechanism(name)(**config)


class _Tokens(AbstractTokenProvider):  # type: ignore[misc]
    def __init__(self, fetch: Callable[[], str]) -> None:
        super().__init__()
        self._fetch = fetch

    def token(self) -> str:
        return self._fetch()


def _version(path: Path | None) -> tuple[int, int]:
    """Return what changes when a file is replaced, as certificates are that expire."""
    try:
        found = path.stat() if path else None
    except OSError:  # its reader says why
        found = None
    return (found.st_mtime_ns, found.st_size) if found else (0, 0)


@lru_cache(maxsize=16)
def _tls_context(
    ca: Path | None, cert: Path | None, key: Path | None, password: str, versions: tuple[tuple[int, int], ...]
) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=read_pem("CA", ca) if ca else None)
    if cert is not None and key is not None:
        read_pem("CERT", cert)
        read_pem("KEY", key)
        try:
            context.load_cert_chain(cert, key, password or None)
        except ssl.SSLError as error:
            raise SmaError(f"SMA_KAFKA_CERT_FILE: {cert} and {key}: {error.reason}") from error
    return context
