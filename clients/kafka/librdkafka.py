"""Renders how Kafka is connected to as options of librdkafka."""

from typing import Any

from clients.kafka.security import MSK_IAM, common_options, has_sasl, has_tls, read_pem
from clients.kafka.tokens import aws_token
from sma.settings.kafka_connection import KafkaConnection


def librdkafka_options(settings: KafkaConnection) -> dict[str, Any]:
    """Return what librdkafka's clients connect with: `bootstrap.servers` and all of TLS and SASL.

    Raises:
        SmaError: a setting that the connection needs is missing, or a file cannot be read.
    """
    options: dict[str, Any] = {**common_options(settings)}
    if has_tls(settings):
        options |= _librdkafka_tls(settings)
    if has_sasl(settings):
        options |= _librdkafka_sasl(settings)
    return options | settings.kafka_client


def _librdkafka_tls(settings: KafkaConnection) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if settings.kafka_ca_file is not None:
        options["ssl.ca.pem"] = read_pem("CA", settings.kafka_ca_file)
    if settings.kafka_cert_file is not None and settings.kafka_key_file is not None:
        options["ssl.certificate.pem"] = read_pem("CERT", settings.kafka_cert_file)
        options["ssl.key.pem"] = read_pem("KEY", settings.kafka_key_file)
        if password := settings.kafka_key_password.get_secret_value():
            options["ssl.key.password"] = password
    return options


def _librdkafka_sasl(settings: KafkaConnection) -> dict[str, Any]:
    if settings.kafka_sasl_mechanism == MSK_IAM:
        return {"sasl.mechanism": "OAUTHBEARER", "oauth_cb": lambda _: aws_token(settings)}
    if settings.kafka_sasl_mechanism == "OAUTHBEARER":  # librdkafka gets tokens itself, and renews them
        options = {
            "sasl.mechanism": "OAUTHBEARER",
            "sasl.oauthbearer.method": "oidc",
            "sasl.oauthbearer.token.endpoint.url": settings.kafka_oauth_token_url,
            "sasl.oauthbearer.client.id": settings.kafka_oauth_client_id,
            "sasl.oauthbearer.client.secret": settings.kafka_oauth_client_secret.get_secret_value(),
        }
        if settings.kafka_oauth_scope:
            options["sasl.oauthbearer.scope"] = settings.kafka_oauth_scope
        if settings.kafka_oauth_ca_file is not None:
            read_pem("OAUTH_CA", settings.kafka_oauth_ca_file)
            options["https.ca.location"] = str(settings.kafka_oauth_ca_file)
        return options
    return {
        "sasl.mechanism": settings.kafka_sasl_mechanism,
        "sasl.username": settings.kafka_username,
        "sasl.password": settings.kafka_password.get_secret_value(),
    }
