"""Reads the settings of monitoring: addresses, and where alerts are sent."""

from pydantic import Field, SecretStr

from sma.settings.part import Part


class MonitoringSettings(Part):
    """Where Prometheus, Alertmanager, the exporter and the overview page are, and who gets alerts."""

    prometheus_url: str = Field("http://127.0.0.1:19006", description="address of Prometheus")
    alertmanager_url: str = Field("http://127.0.0.1:19007", description="address of Alertmanager")
    exporter_url: str = Field("http://127.0.0.1:19008", description="address of the exporter, which Prometheus asks")
    overview_url: str = Field("http://127.0.0.1:19012", description="address of the overview page")
    alert_webhook_url: SecretStr = Field(
        SecretStr(""), description="where Alertmanager sends alerts, as its webhook; empty: they are only shown"
    )
    dead_mans_switch_url: SecretStr = Field(
        SecretStr(""),
        description="posted to every minute while Prometheus and Alertmanager work, so silence is an alert",
    )
