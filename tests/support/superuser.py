"""Clients of a test's own, of Kafka: of somebody whom its ACLs do not concern, where it has any."""

from typing import Any, TypeVar

from clients.kafka.librdkafka import librdkafka_options
from deploy.local.environment import read_environment
from deploy.local.kafka_layout import has_tls
from deploy.local.services.kafka_config import bootstrap_settings
from sma.settings import Settings

Kafka = TypeVar("Kafka", bound=Settings)


def as_superuser(settings: Kafka) -> Kafka:
    """Return the settings of somebody who may do everything with the Kafka of a local stack."""
    environment = read_environment(settings.state_dir)
    if environment is None or not has_tls(environment.values):
        return settings
    return bootstrap_settings(settings, environment)


def client_options(settings: Settings) -> dict[str, Any]:
    """Return what a client of librdkafka connects with, as somebody who may do everything."""
    return librdkafka_options(as_superuser(settings))
