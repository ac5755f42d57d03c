"""Reads the settings of Splunk's HTTP Event Collector, which gets errors in addition to the files."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import SecretStr

from sma.errors import SmaError
from sma.settings import SplunkSettings

EVENT_PATH = "/services/collector/event"
SOURCETYPE = "sma:json"


@dataclass(frozen=True, slots=True)
class Destination:
    """A collector and what it is sent: events of `level` and above; `ca_file` where its certificate is of an own CA."""

    url: str
    token: SecretStr
    index: str
    level: str
    ca_file: Path | None


def destination_of(settings: SplunkSettings) -> Destination | None:
    """Return where errors are shipped to; None where SMA_SPLUNK_URL is empty.

    Raises:
        SmaError: the address is none, its token is missing, or the CA file is not there.
    """
    address = settings.splunk_url.rstrip("/")
    if not address:
        return None
    try:
        parts = urlsplit(address)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address or "@" in address or parts.query or parts.fragment:
        raise SmaError("SMA_SPLUNK_URL: must be like https://splunk:8088, and hold no credential")
    if any(character in address for character in " \t\r\n${}"):
        raise SmaError("SMA_SPLUNK_URL: must be like https://splunk:8088, without blanks, $ or braces")
    token = settings.splunk_token.get_secret_value()
    if not token:
        raise SmaError("SMA_SPLUNK_URL is set but SMA_SPLUNK_TOKEN is not: set the collector's token, or neither")
    if not (token.isascii() and token.isprintable()) or " " in token:
        raise SmaError("SMA_SPLUNK_TOKEN: holds a character that no token has: was it cut or quoted wrongly?")
    ca_file = Path(settings.splunk_ca_file).absolute() if settings.splunk_ca_file else None
    if ca_file is not None and not ca_file.is_file():
        raise SmaError(f"SMA_SPLUNK_CA_FILE: {ca_file} is not there: name a PEM file with the CA's certificate")
    url = address if address.endswith(("/services/collector", EVENT_PATH)) else address + EVENT_PATH
    return Destination(url, settings.splunk_token, settings.splunk_index, settings.splunk_level, ca_file)
