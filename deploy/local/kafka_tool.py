"""Runs a tool of Kafka's distribution with the running Kafka; usage: CLASS [ARGUMENTS].

It connects to a local Kafka with ACLs as the one client to which they do not apply, and to a Kafka elsewhere as the
part `admin`, whose principal needs what the tool does beyond making topics.
"""

import subprocess
import sys
from array import array
from collections.abc import Mapping
from tempfile import NamedTemporaryFile

from clients.kafka.java import java_properties
from deploy.local.environment import read_environment
from deploy.local.kafka_layout import has_tls
from deploy.local.services.kafka_config import bootstrap_settings
from deploy.local.services.render import ALLOWED_URLS, INSTALL_DIR
from sma.settings import Settings, load_settings


def run_tool(settings: Settings, tool: str, *arguments: str) -> int:
    """Run one of the Kafka distribution's main classes; return its exit code.

    Raises:
        SmaError: a setting is missing or wrong.
    """
    environment = read_environment(settings.state_dir)
    if environment is not None and "kafka" in environment.parts and has_tls(environment.values):
        settings = bootstrap_settings(settings, environment)
    else:
        settings = settings.kafka_as("admin")
    java = ["java", f"-D{ALLOWED_URLS}={settings.kafka_oauth_token_url}", "-cp", f"{INSTALL_DIR}/kafka/*", tool]
    with NamedTemporaryFile("w", suffix=".properties") as file:  # for its owner only
        file.write(properties_text(java_properties(settings)))
        file.flush()
        connection = ["--bootstrap-server", settings.kafka_bootstrap, "--command-config", file.name]
        return subprocess.run([*java, *connection, *arguments], check=False).returncode


def properties_text(properties: Mapping[str, str]) -> str:
    """Return properties as Java reads them from a file, whatever characters their values have."""
    return "".join(f"{name}={_in_ascii(value)}\n" for name, value in properties.items())


def _in_ascii(value: str) -> str:
    units = map(chr, array("H", value.encode("utf-16-le")))
    return "".join(unit if "!" <= unit <= "~" and unit != "\\" else f"\\u{ord(unit):04x}" for unit in units)


if __name__ == "__main__":
    sys.exit(run_tool(load_settings(), *sys.argv[1:]))
