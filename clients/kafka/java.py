"""Renders how Kafka is connected to as properties of Java's clients, which run in Flink."""

from collections.abc import Mapping

from clients.kafka.security import MSK_IAM, common_options, has_sasl, has_tls, read_pem
from sma.errors import SmaError
from sma.settings.kafka_connection import KafkaConnection

_PKCS8 = ("-----BEGIN PRIVATE KEY-----", "-----BEGIN ENCRYPTED PRIVATE KEY-----")
_JAAS = "org.apache.kafka.common.security"
_JAAS_MODULES = {
    "PLAIN": f"{_JAAS}.plain.PlainLoginModule",
    "SCRAM-SHA-256": f"{_JAAS}.scram.ScramLoginModule",
    "SCRAM-SHA-512": f"{_JAAS}.scram.ScramLoginModule",
    "OAUTHBEARER": f"{_JAAS}.oauthbearer.OAuthBearerLoginModule",
    MSK_IAM: "software.amazon.msk.auth.iam.IAMLoginModule",
}
_HANDLERS = {
    "OAUTHBEARER": f"{_JAAS}.oauthbearer.OAuthBearerLoginCallbackHandler",
    MSK_IAM: "software.amazon.msk.auth.iam.IAMClientCallbackHandler",
}


def java_properties(settings: KafkaConnection) -> dict[str, str]:
    """Return what Kafka's Java clients connect with, `bootstrap.servers` included, as properties; secrets among them.

    Raises:
        SmaError: as `librdkafka_options`.
    """
    properties = common_options(settings)
    if has_tls(settings):
        properties |= _java_tls(settings)
    if has_sasl(settings):
        properties |= _java_sasl(settings)
    return properties | settings.kafka_client


def _java_tls(settings: KafkaConnection) -> dict[str, str]:
    properties = {}
    if settings.kafka_ca_file is not None:
        properties["ssl.truststore.type"] = "PEM"
        properties["ssl.truststore.certificates"] = read_pem("CA", settings.kafka_ca_file)
    if settings.kafka_cert_file is not None and settings.kafka_key_file is not None:
        key = read_pem("KEY", settings.kafka_key_file)
        if not key.lstrip().startswith(_PKCS8):
            raise SmaError(
                f"SMA_KAFKA_KEY_FILE: {settings.kafka_key_file} is not in PKCS#8, which Java needs: `openssl pkcs8 "
                "-topk8 -nocrypt -in OLD -out NEW` converts it"
            )
        properties["ssl.keystore.type"] = "PEM"
        properties["ssl.keystore.certificate.chain"] = read_pem("CERT", settings.kafka_cert_file)
        properties["ssl.keystore.key"] = key
        if password := settings.kafka_key_password.get_secret_value():
            properties["ssl.key.password"] = password
    return properties


def _java_sasl(settings: KafkaConnection) -> dict[str, str]:
    mechanism = settings.kafka_sasl_mechanism
    properties: dict[str, str] = {"sasl.mechanism": mechanism}
    if handler := _HANDLERS.get(mechanism):
        properties["sasl.login.callback.handler.class" if mechanism == "OAUTHBEARER" else _CLIENT_HANDLER] = handler
    options: dict[str, str] = {}
    if mechanism == "OAUTHBEARER":
        properties["sasl.oauthbearer.token.endpoint.url"] = settings.kafka_oauth_token_url
        options["clientId"] = settings.kafka_oauth_client_id
        options["clientSecret"] = settings.kafka_oauth_client_secret.get_secret_value()
        if settings.kafka_oauth_scope:
            options["scope"] = settings.kafka_oauth_scope
        if settings.kafka_oauth_ca_file is not None:
            options["ssl.truststore.type"] = "PEM"
            options["ssl.truststore.certificates"] = read_pem("OAUTH_CA", settings.kafka_oauth_ca_file)
    elif mechanism != MSK_IAM:
        options["username"] = settings.kafka_username
        options["password"] = settings.kafka_password.get_secret_value()
    properties["sasl.jaas.config"] = _jaas(_JAAS_MODULES[mechanism], options)
    return properties


_CLIENT_HANDLER = "sasl.client.callback.handler.class"


def _jaas(module: str, options: Mapping[str, str]) -> str:
    quoted = (f'{name}="{_escaped(value)}"' for name, value in options.items())
    return " ".join([module, "required", *quoted]) + ";"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
