"""Configures the logs of Kafka and Flink: as text, and as JSON events; errors to Splunk where it is set up.

log4j does all of it: its layout writes the events, its HTTP appender sends them, its asynchronous appender keeps the
process from waiting. The collector's token is read from the environment of the process and is in no file.
"""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from string import Template

from deploy.local.environment import Environment
from monitoring.logs.destination import SOURCETYPE, Destination, destination_of
from monitoring.logs.events import LEVELS
from sma.errors import SmaError
from sma.settings import SplunkSettings

TOKEN = "SMA_SPLUNK_TOKEN"  # noqa: S105 - the variable's name
SERVICE = "SMA_SERVICE"
_TEMPLATES = Path(__file__).resolve().parent / "log4j"
_TRUST_PASSWORD = "changeit"  # noqa: S105 - Java wants one; the file holds public certificates


def log_files(settings: SplunkSettings, environment: Environment, path: Path, own: str) -> dict[Path, str]:
    """Return a part's log configuration and what it refers to: path and contents.

    Args:
        settings: whether errors go to Splunk.
        environment: the stack's state folder.
        path: of the configuration.
        own: what the part logs anyway, as log4j properties.
    """
    words = {"folder": str(path.parent), "logs": str(environment.state_dir / "logs")}
    event = _fill_in("event.json", {})
    text = own + _fill_in("json.properties", words)
    files = {path.parent / "log4j-event.json": event}
    destination = destination_of(settings)
    if destination is not None:
        words |= {"splunk_url": destination.url, "splunk_level": LEVELS.get(destination.level, destination.level)}
        text += _fill_in("splunk.properties", words) + _trust(destination, environment)
        files[path.parent / "log4j-envelope.json"] = _envelope(destination, event)
    return {path: text, **files}


def _fill_in(name: str, words: Mapping[str, str]) -> str:
    return Template((_TEMPLATES / name).read_text()).substitute(words)


def _envelope(destination: Destination, event: str) -> str:
    envelope = {
        "time": {"$resolver": "timestamp", "epoch": {"unit": "secs"}},
        "host": "${hostName}",
        "source": "${service}",
        "sourcetype": SOURCETYPE,
        **({"index": destination.index} if destination.index else {}),
        "event": json.loads(event),
    }
    return json.dumps(envelope, indent=2)


def _trust(destination: Destination, environment: Environment) -> str:
    if destination.ca_file is None:
        return ""
    lines = ["type=Ssl", "trustStore.type=TrustStore", f"trustStore.location={trust_store(environment)}"]
    lines += [f"trustStore.password={_TRUST_PASSWORD}", "trustStore.trustStoreType=PKCS12"]
    return "".join(f"appender.http.ssl.{line}\n" for line in lines)


def trust_store(environment: Environment) -> Path:
    """Return where Java finds the CA that the settings name."""
    return environment.state_dir / "logs" / "splunk-ca.p12"


def write_trust_store(settings: SplunkSettings, environment: Environment) -> None:
    """Write the CA that the settings name, if any, to where Java finds it.

    Raises:
        SmaError: it is not a certificate.
    """
    destination = destination_of(settings)
    if destination is None or destination.ca_file is None:
        return
    path = trust_store(environment)
    path.unlink(missing_ok=True)
    command = ["keytool", "-importcert", "-noprompt", "-alias", "splunk", "-storetype", "PKCS12"]
    command += ["-file", str(destination.ca_file), "-keystore", str(path), "-storepass", _TRUST_PASSWORD]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        lines = (done.stdout + done.stderr).strip().splitlines() or ["no reason given"]
        raise SmaError(f"SMA_SPLUNK_CA_FILE: {destination.ca_file}: {lines[-1]}")
