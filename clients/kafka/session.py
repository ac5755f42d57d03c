"""Logs a connection in to Kafka by SASL; a session that ends is renewed by logging in again on the same connection.

Source: KIP-152 (requests of SASL), KIP-368 (renewing a session).
"""

from collections.abc import Callable
from typing import Any

from kafka.protocol.sasl import (
    SaslAuthenticateRequest,
    SaslAuthenticateResponse,
    SaslHandshakeRequest,
    SaslHandshakeResponse,
)

from clients.kafka.denied import login_denied, mechanism_denied, no_login_wanted
from clients.kafka.login import sasl_mechanism
from clients.kafka.security import wire_mechanism
from sma.settings.kafka_connection import KafkaConnection

_HANDSHAKE_VERSION = 1
_AUTHENTICATE_VERSION = 1  # which says how long the session lasts
_UNSUPPORTED_MECHANISM, _ILLEGAL_STATE = 33, 34


def log_in(settings: KafkaConnection, host: str, ask: Callable[[Any, Any], Any]) -> float:
    """Log in; return for how many seconds the session lasts, 0 if it does not end.

    Args:
        settings: who logs in, and how.
        host: of the broker.
        ask: sends a request and returns the response, decoded by its class of responses.

    Raises:
        Denied: the broker refuses.
        SmaError: as `sasl_mechanism`.
        KafkaError: the broker does not answer.
    """
    mechanism = sasl_mechanism(settings, host)
    shaken = ask(SaslHandshakeRequest[_HANDSHAKE_VERSION](mechanism=wire_mechanism(settings)), SaslHandshakeResponse)
    if shaken.error_code == _UNSUPPORTED_MECHANISM:
        raise mechanism_denied(settings, shaken.mechanisms)
    if shaken.error_code == _ILLEGAL_STATE:
        raise no_login_wanted(settings)
    if shaken.error_code:
        raise login_denied(settings, f"error {shaken.error_code}")
    lifetime_ms = 0
    while not mechanism.is_done():
        sent = SaslAuthenticateRequest[_AUTHENTICATE_VERSION](auth_bytes=mechanism.auth_bytes())
        answer = ask(sent, SaslAuthenticateResponse)
        if answer.error_code:
            raise login_denied(settings, answer.error_message or f"error {answer.error_code}")
        try:
            mechanism.receive(answer.auth_bytes)
        except (ValueError, KeyError) as error:  # a server that does not know the password either
            raise login_denied(settings, f"the server's part of it is wrong: {error}") from error
        lifetime_ms = answer.session_lifetime_ms
    if not mechanism.is_authenticated():
        raise login_denied(settings, "the server did not confirm it")
    return lifetime_ms / 1_000
