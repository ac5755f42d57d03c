"""Configures the local Kafka's brokers: their listeners, replication, and with TLS who may connect as whom.

With TLS no listener is without it. Brokers and controllers know one another by a certificate, on listeners of their
own; clients show a certificate (SSL) or log in (SASL_SSL). A part has one name, whichever way it logs in.
"""

from typing import TypeVar

from deploy.local.environment import Environment
from deploy.local.kafka_layout import (
    BOOTSTRAP,
    BROKER,
    BROKER_STORE,
    MECHANISMS,
    SASL_SSL,
    TOKEN_AUDIENCE,
    bootstrap_of,
    broker_count,
    broker_numbers,
    ca_file,
    certificate_files,
    data_folder,
    has_tls,
    jwks_url,
    listener,
    protocol_of,
    tls_folder,
    token_server_url,
)
from deploy.local.parts import BROKERS
from deploy.local.ports import LOOPBACK
from deploy.local.services.render import render_template
from sma.settings import KafkaSettings
from sma.settings.kafka_parts import KAFKA_PARTS

Kafka = TypeVar("Kafka", bound=KafkaSettings)

_JAAS = "org.apache.kafka.common.security"
_LONGEST_SESSION_MS = 3_600_000  # of a login without a token; a session by token ends with the token
_CLOCK_SKEW_S = 5  # brokers and OAuth server have one clock


def render_broker(environment: Environment, program: str) -> str:
    """Return the configuration of a broker; with SASL_SSL it contains passwords."""
    values, number = environment.values, BROKERS.index(program) + 1
    kinds = {"BROKER": "kafka", **({"INTERNAL": "kafka_internal"} if has_tls(values) else {})}
    addresses = {name: _address(environment, kind, number) for name, kind in kinds.items()}
    own = {"BROKER": protocol_of(values), "CONTROLLER": "SSL" if has_tls(values) else "PLAINTEXT"}
    protocols = own | ({"INTERNAL": "SSL"} if has_tls(values) else {})
    advertised = ",".join(f"{name}://{address}" for name, address in addresses.items())
    controllers = {each: _address(environment, "kafka_controller", each) for each in broker_numbers(values)}
    words = {
        "node": str(number),
        "voters": ",".join(f"{each}@{address}" for each, address in controllers.items()),
        "listeners": f"{advertised},CONTROLLER://{controllers[number]}",
        "advertised": advertised,
        "protocols": ",".join(f"{name}:{protocol}" for name, protocol in protocols.items()),
        "inter_broker": [*addresses][-1],
        "data": str(data_folder(environment.state_dir, program)),
        "brokers": str(broker_count(values)),
        "min_insync": str(max(broker_count(values) - 1, 1)),
    }
    text = render_template("server.properties", environment, **words)
    security = _security(environment) if has_tls(values) else {}
    return text + "".join(f"{name}={value}\n" for name, value in security.items())


def bootstrap_settings(settings: Kafka, environment: Environment) -> Kafka:
    """Return the settings of the one client to which ACLs do not apply: with it `sma up` makes them."""
    certificate, key = certificate_files(environment.state_dir, BOOTSTRAP)
    own = {
        "kafka_bootstrap": bootstrap_of(environment.values, environment.ports, "kafka_internal"),
        "kafka_security_protocol": "SSL",
        "kafka_sasl_mechanism": "",
        "kafka_ca_file": ca_file(environment.state_dir),
        "kafka_cert_file": certificate,
        "kafka_key_file": key,
        "kafka_principals": {},
    }
    return settings.model_copy(update=own)


def _address(environment: Environment, kind: str, number: int) -> str:
    return f"{LOOPBACK}:{environment.ports[listener(kind, number)]}"


def _security(environment: Environment) -> dict[str, str]:
    """Return what a broker needs for TLS and, with SASL_SSL, logins; every client has a name, and ACLs are in force."""
    has_logins = protocol_of(environment.values) == SASL_SSL
    by_certificate = ["internal", "controller", *([] if has_logins else ["broker"])]
    properties = {
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(tls_folder(environment.state_dir) / BROKER_STORE),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(ca_file(environment.state_dir)),
        "ssl.principal.mapping.rules": "RULE:^.*CN=([^,]+).*$/$1/",
        **{f"listener.name.{name}.ssl.client.auth": "required" for name in by_certificate},
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "allow.everyone.if.no.acl.found": "false",
        "super.users": f"User:{BROKER};User:{BOOTSTRAP}",
    }
    return properties | (_logins(environment) if has_logins else {})


def _logins(environment: Environment) -> dict[str, str]:
    """Return all mechanisms on the one listener of clients; SCRAM's users are in the cluster's metadata."""
    values, parts = environment.values, [part.upper() for part in KAFKA_PARTS]
    users = [f'user_{values[f"SMA_KAFKA_{part}_USERNAME"]}="{values[f"SMA_KAFKA_{part}_PASSWORD"]}"' for part in parts]
    trust = f'ssl.truststore.type="PEM" ssl.truststore.location="{ca_file(environment.state_dir)}"'
    # Java demands a login of its own where there are options; no listener uses it
    unused = f'unsecuredLoginStringClaim_sub="{BROKER}"'
    modules = {
        "plain": f"{_JAAS}.plain.PlainLoginModule required {' '.join(users)};",
        "scram-sha-256": f"{_JAAS}.scram.ScramLoginModule required;",
        "scram-sha-512": f"{_JAAS}.scram.ScramLoginModule required;",
        "oauthbearer": f"{_JAAS}.oauthbearer.OAuthBearerLoginModule required {unused} {trust};",
    }
    own, validator = "listener.name.broker", f"{_JAAS}.oauthbearer.OAuthBearerValidatorCallbackHandler"
    return {
        f"{own}.sasl.enabled.mechanisms": ",".join(MECHANISMS),
        **{f"{own}.{mechanism}.sasl.jaas.config": module for mechanism, module in modules.items()},
        f"{own}.oauthbearer.sasl.server.callback.handler.class": validator,
        f"{own}.connections.max.reauth.ms": str(_LONGEST_SESSION_MS),
        "sasl.oauthbearer.jwks.endpoint.url": jwks_url(environment.ports),
        "sasl.oauthbearer.expected.issuer": token_server_url(environment.ports),
        "sasl.oauthbearer.expected.audience": TOKEN_AUDIENCE,
        "sasl.oauthbearer.clock.skew.seconds": str(_CLOCK_SKEW_S),
    }
