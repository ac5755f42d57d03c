"""Serves tokens for the local Kafka's OAUTHBEARER: `POST /token` by client credentials, and `GET /jwks`.

It knows the clients of the stack's `sma.env`. A token is a JWT with the client as `sub`, which Kafka takes as its
principal. Usage: `python -m deploy.local.services.token_server --port N`; SMA_STATE_DIR is the stack's.
"""

import base64
import binascii
import hmac
import json
import os
import time
import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import click
import jwt
import uvicorn
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from jwt.algorithms import RSAAlgorithm
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from deploy.local.environment import Environment, read_environment, state_dir_of
from deploy.local.kafka_layout import (
    TOKEN_AUDIENCE,
    TOKEN_SERVER_CERTIFICATE,
    TOKEN_SIGNER,
    certificate_files,
    token_life_ms,
    token_server_url,
)
from deploy.local.ports import LOOPBACK
from sma.settings.kafka_parts import KAFKA_PARTS

_KEY_ID = "sma"


class TokenServer:
    """Signs tokens for known clients.

    Source: RFC 6749, section 4.4 (client credentials); RFC 7517 (JSON Web Keys).
    """

    def __init__(self, clients: Mapping[str, str], signer: RSAPrivateKey, issuer: str, life_s: int) -> None:
        """Take the secret of each client, the key, who the tokens say they are of, and how long they are valid."""
        self._clients, self._signer, self._issuer, self._life_s = clients, signer, issuer, life_s

    def app(self) -> Starlette:
        """Return the web application."""
        return Starlette(
            routes=[Route("/token", self._token, methods=["POST"]), Route("/jwks", self._jwks, methods=["GET"])]
        )

    def token(self, client: str, now_s: float) -> str:
        """Return a token of a client that begins now."""
        claims = {
            "iss": self._issuer,
            "aud": TOKEN_AUDIENCE,
            "sub": client,
            "scope": TOKEN_AUDIENCE,
            "iat": int(now_s),
            "exp": int(now_s) + self._life_s,
            "jti": str(uuid.uuid4()),
        }
        return jwt.encode(claims, self._signer, algorithm="RS256", headers={"kid": _KEY_ID})

    async def _token(self, request: Request) -> JSONResponse:
        form = dict(parse_qsl((await request.body()).decode(errors="replace")))
        if form.get("grant_type") != "client_credentials":
            return JSONResponse({"error": "unsupported_grant_type"}, 400)
        client, secret = _login(request.headers.get("authorization", ""))
        known = self._clients.get(client, "")
        if not known or not hmac.compare_digest(known.encode(), secret.encode()):
            return JSONResponse({"error": "invalid_client"}, 401, {"WWW-Authenticate": "Basic"})
        token = self.token(client, time.time())
        return JSONResponse({"access_token": token, "token_type": "Bearer", "expires_in": self._life_s})

    async def _jwks(self, request: Request) -> JSONResponse:
        public: dict[str, Any] = json.loads(RSAAlgorithm.to_jwk(self._signer.public_key()))
        return JSONResponse({"keys": [public | {"kid": _KEY_ID, "alg": "RS256", "use": "sig"}]})


def _login(header: str) -> tuple[str, str]:
    """Return client and secret of HTTP's basic authentication; both empty where there is none."""
    kind, _, encoded = header.partition(" ")
    try:
        text = base64.b64decode(encoded, validate=True).decode() if kind.lower() == "basic" else ""
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    client, _, secret = text.partition(":")
    return client, secret


def server_of(environment: Environment) -> TokenServer:
    """Return the token server of a stack."""
    values = environment.values
    clients = {
        values[f"SMA_KAFKA_{part.upper()}_OAUTH_CLIENT_ID"]: values[f"SMA_KAFKA_{part.upper()}_OAUTH_CLIENT_SECRET"]
        for part in KAFKA_PARTS
    }
    _, key = certificate_files(environment.state_dir, TOKEN_SIGNER)
    signer = load_pem_private_key(key.read_bytes(), None)
    if not isinstance(signer, RSAPrivateKey):
        raise SystemExit(f"{key} is no RSA key")
    return TokenServer(clients, signer, token_server_url(environment.ports), token_life_ms(values) // 1_000)


@click.command()
@click.option("--port", required=True, type=click.IntRange(1024, 65535), help="where to serve")
def main(port: int) -> None:
    """Serve the tokens of the stack of SMA_STATE_DIR."""
    environment = read_environment(state_dir_of(os.environ))
    if environment is None:
        raise SystemExit("there is no sma.env: `sma up` writes it")
    certificate, key = certificate_files(environment.state_dir, TOKEN_SERVER_CERTIFICATE)
    uvicorn.run(
        server_of(environment).app(),
        host=LOOPBACK,
        port=port,
        log_level="warning",
        ssl_certfile=certificate,
        ssl_keyfile=str(key),
    )


if __name__ == "__main__":
    main()
