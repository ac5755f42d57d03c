"""Reads the settings: each address, credential and limit, from the environment.

A value comes from the environment variable `SMA_<NAME>`, else from the file `sma.env` in the state folder (written by
`sma up` for the local stack), else from the default. Each part has a module and a class of its own; code takes the
class of the part that it needs, so that no room reads what is not its concern. docs/settings.md has the table; a test
compares it with these classes.
"""

import os
from functools import cache
from pathlib import Path

from pydantic import ValidationError

from sma.errors import SmaError
from sma.settings.dagster import DagsterSettings
from sma.settings.database import DatabaseSettings
from sma.settings.flink import FlinkSettings
from sma.settings.kafka import KafkaSettings
from sma.settings.monitoring import MonitoringSettings
from sma.settings.part import CHECKOUT
from sma.settings.powerbi import PowerBiSettings
from sma.settings.reconciliation import ReconciliationSettings
from sma.settings.splunk import SplunkSettings

__all__ = [
    "CHECKOUT",
    "BatchSettings",
    "DagsterSettings",
    "DatabaseSettings",
    "FlinkSettings",
    "KafkaSettings",
    "MonitoringSettings",
    "PowerBiSettings",
    "ReconciliationSettings",
    "Settings",
    "SplunkSettings",
    "StreamingSettings",
    "load_settings",
]


class BatchSettings(KafkaSettings, DatabaseSettings, ReconciliationSettings):
    """What the batch layer needs: the log, the database, and how reconciliation waits."""


class StreamingSettings(KafkaSettings, DatabaseSettings, FlinkSettings):
    """What the streaming layer needs: the log, the database, and Flink."""


class Settings(BatchSettings, StreamingSettings, DagsterSettings, MonitoringSettings, PowerBiSettings, SplunkSettings):
    """All settings."""


_RENAMED = {"SMA_LOG_READER": "SMA_KAFKA_READER, and its value `plain` is `client`"}


@cache
def load_settings() -> Settings:
    """Return the settings of this process.

    Raises:
        SmaError: a variable cannot be read as what it should be, or has been renamed.
    """
    for former, now in _RENAMED.items():
        if os.environ.get(former):
            raise SmaError(f"{former} is now called {now}: set that instead")
    state_dir = Path(os.environ.get("SMA_STATE_DIR") or CHECKOUT / ".local").absolute()
    try:
        return Settings(_env_file=state_dir / "sma.env", state_dir=state_dir)  # type: ignore[call-arg]
    except ValidationError as error:
        problem = error.errors()[0]
        name = "_".join(str(part) for part in problem["loc"])
        raise SmaError(f"SMA_{name.upper()}: {problem['msg']}, not {problem['input']!r}") from error
