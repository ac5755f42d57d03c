"""Lists the commands that run Kafka's brokers, its tools, and the OAuth server next to them."""

import sys

from deploy.local.environment import Environment
from deploy.local.kafka_layout import broker_file, broker_programs, has_token_server, jwks_url
from deploy.local.parts import TOKEN_SERVER
from deploy.local.services.render import ALLOWED_URLS, INSTALL_DIR

_HEAP, _HEAP_OF_SEVERAL = "512m", "384m"


def kafka_java(environment: Environment, *arguments: str, heap: str = _HEAP) -> list[str]:
    """Return the command that runs one of the Kafka distribution's main classes."""
    return [
        "java",
        f"-Xms{heap}",
        f"-Xmx{heap}",
        "-Duser.timezone=UTC",
        "-Djava.net.preferIPv4Stack=true",
        f"-Dlog4j2.configurationFile={environment.state_dir}/kafka/log4j2.properties",
        "-Dlog4j2.isWebapp=false",  # Kafka's servlet jar makes it one, and the buffer would not be written
        *_allowed_urls(environment),
        "-cp",
        f"{INSTALL_DIR}/kafka/*",
        *arguments,
    ]


def kafka_commands(environment: Environment) -> dict[str, list[str]]:
    """Return the command of each process of Kafka."""
    brokers = broker_programs(environment.values)
    heap = _HEAP if len(brokers) == 1 else _HEAP_OF_SEVERAL
    commands = {
        each: kafka_java(environment, "kafka.Kafka", str(broker_file(environment.state_dir, each)), heap=heap)
        for each in brokers
    }
    if has_token_server(environment.values):
        port = str(environment.ports["kafka_tokens"])
        commands[TOKEN_SERVER] = [sys.executable, "-m", "deploy.local.services.token_server", "--port", port]
    return commands


def _allowed_urls(environment: Environment) -> list[str]:
    """Java's Kafka asks no OAuth server that its JVM does not allow."""
    return [f"-D{ALLOWED_URLS}={jwks_url(environment.ports)}"] if has_token_server(environment.values) else []
