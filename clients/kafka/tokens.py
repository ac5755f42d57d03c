"""Gets the tokens by which a connection to Kafka logs in: from an OAuth server, or signed with AWS credentials.

A token is kept for as long as it is valid, and requested again before it expires.
"""

import time
from dataclasses import dataclass, field
from functools import cache
from threading import Lock

from clients.answers import Refused
from clients.kafka.security import MSK_IAM
from sma.errors import SmaError
from sma.settings.kafka_connection import KafkaConnection

_SERVER = "the OAuth server"
_RENEW_AT = 0.8  # of a token's life, as Kafka's clients do


@dataclass(frozen=True, slots=True)
class _Client:
    """A client of an OAuth server, by which its token is kept; `secret` is never printed."""

    url: str
    client_id: str
    secret: str = field(repr=False)
    scope: str
    ca_file: str


class _Token:
    """The newest token of one client; several threads may ask for it."""

    def __init__(self, client: _Client) -> None:
        self._client = client
        self._lock = Lock()
        self._token, self._expires_at, self._renew_at = "", 0.0, 0.0

    def current(self) -> tuple[str, float]:
        with self._lock:
            now = time.time()
            if now >= self._renew_at:
                self._token, life_s = _request(self._client)
                self._expires_at, self._renew_at = now + life_s, now + _RENEW_AT * life_s
            return self._token, self._expires_at


def oauth_token(settings: KafkaConnection) -> tuple[str, float]:
    """Return a token by client credentials, and when it expires, in seconds since the epoch.

    Source: RFC 6749, section 4.4.

    Raises:
        SmaError: the server does not answer, or refuses.
    """
    client = _Client(
        settings.kafka_oauth_token_url,
        settings.kafka_oauth_client_id,
        settings.kafka_oauth_client_secret.get_secret_value(),
        settings.kafka_oauth_scope,
        str(settings.kafka_oauth_ca_file or ""),
    )
    return _of(client).current()


def aws_token(settings: KafkaConnection) -> tuple[str, float]:
    """Return a token that is signed with AWS credentials, and when it expires, in seconds since the epoch.

    Raises:
        SmaError: AWS's library is not installed, or finds no credentials.
    """
    try:
        from aws_msk_iam_sasl_signer import MSKAuthTokenProvider
    except ImportError as error:
        raise SmaError(
            f"SMA_KAFKA_SASL_MECHANISM is {MSK_IAM}, which needs a package: pip install aws-msk-iam-sasl-signer-python"
        ) from error
    try:
        token, expires_ms = MSKAuthTokenProvider.generate_auth_token(settings.kafka_aws_region)
    except Exception as error:  # botocore's, which are many
        raise SmaError(f"AWS credentials for Kafka: {error}") from error
    return str(token), expires_ms / 1_000


@cache
def _of(client: _Client) -> _Token:
    return _Token(client)


def _request(client: _Client) -> tuple[str, float]:
    from clients.http import send  # which loads what speaks HTTP: few connections need it

    form = {"grant_type": "client_credentials"} | ({"scope": client.scope} if client.scope else {})
    login = (client.client_id, client.secret)
    answer = send(_SERVER, client.url, "POST", "", data=form, auth=login, verify=client.ca_file or True)
    if not answer.ok:
        raise SmaError(
            f"the token server {client.url} refuses the client {client.client_id}: HTTP {answer.status_code}"
        )
    try:
        token = answer.json()
        return str(token["access_token"]), float(token["expires_in"])
    except (ValueError, KeyError, TypeError) as error:
        raise Refused(_SERVER, client.url, "sent no token that says when it expires") from error
