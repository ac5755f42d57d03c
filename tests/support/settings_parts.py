"""The classes of settings, each of one part."""

from sma.settings import (
    DagsterSettings,
    DatabaseSettings,
    FlinkSettings,
    KafkaSettings,
    MonitoringSettings,
    PowerBiSettings,
    ReconciliationSettings,
    SplunkSettings,
)
from sma.settings.part import Part

PARTS = (
    Part,
    KafkaSettings,
    DatabaseSettings,
    FlinkSettings,
    ReconciliationSettings,
    DagsterSettings,
    MonitoringSettings,
    PowerBiSettings,
    SplunkSettings,
)
