"""Plans the local Kafka: how many brokers, whether with TLS and logins, and as whom each part connects to it.

What is chosen is kept in `sma.env`. One broker without TLS, the default, adds nothing to it. Another choice on data
that are there is refused: nothing of the brokers' data could be kept.
"""

import secrets
from collections.abc import Mapping
from pathlib import Path

from deploy.local.kafka_layout import (
    BROKERS_VARIABLE,
    DEFAULT_TOKEN_LIFE,
    MECHANISMS,
    PLAINTEXT,
    PROTOCOL_VARIABLE,
    SASL_SSL,
    SSL,
    TOKEN_LIFE_VARIABLE,
    bootstrap_of,
    broker_count,
    ca_file,
    certificate_files,
    principal_of,
    protocol_of,
    token_server_url,
)
from deploy.local.parts import BROKERS
from sma.durations import parse_duration
from sma.errors import SmaError
from sma.settings.kafka_parts import KAFKA_PARTS

_MECHANISM = "SMA_KAFKA_SASL_MECHANISM"
_DEFAULT_MECHANISM = "SCRAM-SHA-512"


def chosen_kafka(brokers: int | None, security: str | None, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that say what a command was asked for.

    Args:
        brokers: how many; None where the command does not say.
        security: `plaintext`, `ssl` or `sasl_ssl`; None where the command does not say.
        environ: the environment of the command.

    Raises:
        SmaError: a variable of the environment says something else.
    """
    asked = {} if brokers is None else {BROKERS_VARIABLE: str(brokers)}
    asked |= {} if security is None else {PROTOCOL_VARIABLE: security.upper()}
    for name, value in asked.items():
        if environ.get(name, value) != value:
            raise SmaError(f"{name} is {environ[name]} in the environment, and the command asks for {value}: unset it")
    return asked


def plan_kafka(
    state_dir: Path, given: Mapping[str, str], before: Mapping[str, str], ports: Mapping[str, int]
) -> dict[str, str]:
    """Return what `sma.env` says of the Kafka that runs here.

    Args:
        state_dir: the stack's state folder.
        given: the SMA_* of the environment.
        before: what an earlier `up` chose; empty if there was none.
        ports: of each listener.

    Raises:
        SmaError: what is chosen cannot be run, or is not what the data are of.
    """
    chosen = _choose(given, before)
    if "kafka" in before.get("SMA_LOCAL_PARTS", "").split(","):
        _require_same(state_dir, before, chosen)
    values = {"SMA_KAFKA_BOOTSTRAP": bootstrap_of(chosen, ports), **chosen}
    protocol = protocol_of(chosen)
    if protocol != PLAINTEXT:
        values["SMA_KAFKA_CA_FILE"] = str(ca_file(state_dir))
    if protocol == SSL:
        for part in KAFKA_PARTS:
            certificate, key = certificate_files(state_dir, principal_of(part))
            own = f"SMA_KAFKA_{part.upper()}"
            values |= {f"{own}_CERT_FILE": str(certificate), f"{own}_KEY_FILE": str(key)}
    if protocol == SASL_SSL:
        values |= _logins(state_dir, given, before, ports)
    return values


def _choose(given: Mapping[str, str], before: Mapping[str, str]) -> dict[str, str]:
    """Return how many brokers, and which protocol, where that is not the default."""
    count, protocol = (
        given.get(name) or before.get(name) or default
        for name, default in ((BROKERS_VARIABLE, "1"), (PROTOCOL_VARIABLE, PLAINTEXT))
    )
    most = str(len(BROKERS))
    if count not in ("1", most):
        raise SmaError(f"{BROKERS_VARIABLE}: the local stack runs 1 or {most} brokers, not {count!r}")
    if protocol not in (PLAINTEXT, SSL, SASL_SSL):
        raise SmaError(
            f"{PROTOCOL_VARIABLE}: the local Kafka speaks {PLAINTEXT}, {SSL} or {SASL_SSL}, not {protocol!r}"
        )
    return ({} if count == "1" else {BROKERS_VARIABLE: count}) | (
        {} if protocol == PLAINTEXT else {PROTOCOL_VARIABLE: protocol}
    )


def _require_same(state_dir: Path, before: Mapping[str, str], chosen: Mapping[str, str]) -> None:
    were, are = _in_words(before), _in_words(chosen)
    if were != are:
        raise SmaError(
            f"the Kafka in {state_dir} has {were}, and its data cannot become those of {are}: "
            "`sma up --fresh` with that choice deletes all data first"
        )


def _in_words(values: Mapping[str, str]) -> str:
    count = broker_count(values)
    return f"{count} broker{'s' if count > 1 else ''} with {protocol_of(values).lower()}"


def _logins(
    state_dir: Path, given: Mapping[str, str], before: Mapping[str, str], ports: Mapping[str, int]
) -> dict[str, str]:
    """Return the logins of all mechanisms: SMA_KAFKA_SASL_MECHANISM alone decides which of them is used."""
    mechanism = given.get(_MECHANISM) or before.get(_MECHANISM) or _DEFAULT_MECHANISM
    if mechanism not in MECHANISMS:
        raise SmaError(f"{_MECHANISM}: the local Kafka takes {', '.join(MECHANISMS)}, not {mechanism!r}")
    life = given.get(TOKEN_LIFE_VARIABLE) or before.get(TOKEN_LIFE_VARIABLE) or DEFAULT_TOKEN_LIFE
    try:
        parse_duration(life)
    except SmaError as error:
        raise SmaError(f"{TOKEN_LIFE_VARIABLE}: {error}") from error
    values = {
        _MECHANISM: mechanism,
        TOKEN_LIFE_VARIABLE: life,
        "SMA_KAFKA_OAUTH_TOKEN_URL": f"{token_server_url(ports)}/token",
        "SMA_KAFKA_OAUTH_CA_FILE": str(ca_file(state_dir)),
    }
    for part in KAFKA_PARTS:
        own = f"SMA_KAFKA_{part.upper()}"
        password = before.get(f"{own}_PASSWORD") or secrets.token_urlsafe(24)
        values |= {f"{own}_USERNAME": principal_of(part), f"{own}_PASSWORD": password}
        values |= {f"{own}_OAUTH_CLIENT_ID": principal_of(part), f"{own}_OAUTH_CLIENT_SECRET": password}
    return values
