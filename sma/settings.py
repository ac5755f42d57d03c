"""Reads the settings: each address, credential and limit, from the environment.

A value comes from the environment variable `SMA_<NAME>`, else from the file `sma.env` in the state folder (written by
`sma up` for the local stack), else from the default here. docs/settings.md has the table; a test compares it with this
class.
"""

import os
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from sma.durations import parse_duration
from sma.errors import SmaError

CHECKOUT = Path(__file__).resolve().parent.parent


class Settings(BaseSettings):
    """All settings; a database URL carries its role's credential and so is never printed."""

    model_config = SettingsConfigDict(env_prefix="SMA_", extra="ignore", frozen=True)

    state_dir: Path = Field(CHECKOUT / ".local", description="folder of everything that the local stack writes")
    averages: Path = Field(CHECKOUT / "averages.yaml", description="the averages file")

    kafka_bootstrap: str = Field("127.0.0.1:19000", description="Kafka's bootstrap servers")
    topic_prefix: str = Field("", description="put before the name of each topic and of the consumer group")
    partitions: int = Field(4, ge=1, description="partitions of the topic `events`, when it is created")
    retention_bytes: int = Field(-1, description="bytes that each partition of `events` retains; -1 for all")
    log_reader: Literal["auto", "fast", "plain"] = Field(
        "auto",
        description="how the batch layer reads Kafka: `fast` decodes record batches itself, `plain` uses Kafka's "
        "ordinary consumer, `auto` is `fast` and, where Kafka cannot be read so, `plain`",
    )

    database_url: SecretStr = Field(SecretStr(""), description="PostgreSQL URL of a role that may read every table")
    owner_database_url: SecretStr = Field(SecretStr(""), description="... of the role that owns the schemas")
    streaming_database_url: SecretStr = Field(SecretStr(""), description="... of the streaming layer's role")
    batch_database_url: SecretStr = Field(SecretStr(""), description="... of the batch layer's role")
    dagster_database_url: SecretStr = Field(SecretStr(""), description="... of Dagster's own storage")

    flink_url: str = Field("http://127.0.0.1:19003", description="Flink's REST address")
    flink_storage: str = Field(
        "", description="URI under which Flink keeps checkpoints and savepoints; empty for a folder in the state folder"
    )
    flink_jars: Path = Field(
        CHECKOUT / ".local" / "install" / "flink-jars",
        description="folder of the jar that the Flink jobs run from",
    )
    flink_submit: Literal["rest", "client"] = Field(
        "rest",
        description="how a job is submitted: `rest` uploads its jar to Flink, `client` runs Flink's own client in a "
        "JVM here, as a cluster with `web.submit.enable: false` needs",
    )
    job_name: str = Field("moving-averages", description="name of the Flink job")
    parallelism: int = Field(
        0, ge=0, description="parallelism of the Flink job; 0 for one task a partition of `events`"
    )
    checkpoint_interval: str = Field("5 seconds", description="time between two checkpoints of the Flink job")
    state_backend: Literal["hashmap", "rocksdb"] = Field(
        "hashmap", description="where the Flink job keeps its state: on the heap, or in RocksDB on the local disk"
    )
    publish_averages: bool = Field(
        True, description="whether the Flink job also writes each row to the topic `moving_averages`, exactly once"
    )

    dagster_url: str = Field("http://127.0.0.1:19005", description="address of Dagster's webserver")
    first_day: str = Field("1970-01-01", description="first daily partition, as YYYY-MM-DD")
    reconcile_timeout: str = Field(
        "2 minutes", description="how long a reconciliation waits for the stream to confirm what the batch layer read"
    )
    batch_max_age: str = Field(
        "1 hour", description="how long a streamed row may be without a batch answer before a check warns"
    )
    keep_days: int = Field(
        0, ge=0, description="days before today (UTC) whose averages, differences and corrections are kept; 0 for all"
    )
    automation: bool = Field(True, description="whether Dagster's schedules and sensors are switched on at first")

    prometheus_url: str = Field("http://127.0.0.1:19006", description="address of Prometheus")
    alertmanager_url: str = Field("http://127.0.0.1:19007", description="address of Alertmanager")
    exporter_url: str = Field("http://127.0.0.1:19008", description="address of the exporter, which Prometheus asks")
    alert_webhook_url: SecretStr = Field(
        SecretStr(""), description="where Alertmanager sends alerts, as its webhook; empty: they are only shown"
    )
    dead_mans_switch_url: SecretStr = Field(
        SecretStr(""),
        description="posted to every minute while Prometheus and Alertmanager work, so silence tells",
    )

    powerbi_tenant_id: str = Field("", description="tenant of the service principal that refreshes the Power BI model")
    powerbi_client_id: str = Field("", description="... its application (client) id")
    powerbi_client_secret: SecretStr = Field(SecretStr(""), description="... its secret")
    powerbi_workspace_id: str = Field("", description="workspace (group) of the Power BI model")
    powerbi_dataset_id: str = Field("", description="id of the Power BI model; unset with the four above: no refresh")
    powerbi_url: str = Field("https://api.powerbi.com/v1.0/myorg", description="Power BI's REST address")
    powerbi_login_url: str = Field("https://login.microsoftonline.com", description="where tokens come from")
    powerbi_enhanced: bool = Field(
        False, description="whether the capacity allows enhanced refreshes: Premium, Fabric or Embedded, not shared"
    )
    powerbi_partitioned_tables: str = Field(
        "Moving averages, Differences",
        description="the model's tables with a refresh policy, whose changed days are refreshed; empty for the whole",
    )
    powerbi_other_tables: str = Field(
        "Access, Averages, Calendar, Customers, Data age, Reconciliation, Series",
        description="the model's other imported tables, refreshed with them",
    )
    powerbi_granularity: Literal["day", "month", "quarter", "year"] = Field(
        "day", description="incrementalGranularity of that refresh policy"
    )
    powerbi_periods: int = Field(35, ge=1, description="incrementalPeriods of that refresh policy")
    powerbi_max_parallelism: int = Field(10, ge=1, description="maxParallelism of an enhanced refresh")
    powerbi_timeout: str = Field("20 minutes", description="how long a refresh may run before it is cancelled")
    powerbi_per_day: int = Field(
        8, ge=0, description="refreshes a day of shared capacity, spread evenly; 0 to leave the quota to Power BI"
    )
    powerbi_refresh_every: str = Field(
        "15 minutes", description="a refresh is asked for at least so often, reconciled or not"
    )

    splunk_url: str = Field(
        "",
        description="Splunk's HTTP Event Collector, where errors are shipped to, as `https://splunk:8088`; empty: none",
    )
    splunk_token: SecretStr = Field(SecretStr(""), description="... its token")
    splunk_index: str = Field("", description="... the index to write to; empty for the token's own")
    splunk_level: Literal["INFO", "WARNING", "ERROR"] = Field("WARNING", description="... from which level on")
    splunk_ca_file: str = Field(
        "", description="... PEM file of the CA that its certificate is of; empty for public ones"
    )

    @property
    def events_topic(self) -> str:
        """The topic of events, heartbeats and whatever else is sent to it."""
        return f"{self.topic_prefix}events"

    @property
    def late_events_topic(self) -> str:
        """The topic to which the stream diverts late events."""
        return f"{self.topic_prefix}late_events"

    @property
    def rejected_events_topic(self) -> str:
        """The topic to which the stream diverts what it cannot read as an event."""
        return f"{self.topic_prefix}rejected_events"

    @property
    def moving_averages_topic(self) -> str:
        """The topic of the stream's rows, for subscribers."""
        return f"{self.topic_prefix}moving_averages"

    @property
    def consumer_group(self) -> str:
        """The group under which the stream commits the offsets that a completed checkpoint covers."""
        return f"{self.topic_prefix}streaming"

    @property
    def checkpoint_interval_ms(self) -> int:
        """`checkpoint_interval` in milliseconds."""
        return parse_duration(self.checkpoint_interval)

    @property
    def flink_storage_uri(self) -> str:
        """`flink_storage`, or its default, as a URI."""
        return self.flink_storage or (self.state_dir / "flink" / "storage").as_uri()


@cache
def load_settings() -> Settings:
    """Return the settings of this process.

    Raises:
        SmaError: a variable cannot be read as what it should be.
    """
    state_dir = Path(os.environ.get("SMA_STATE_DIR") or CHECKOUT / ".local").absolute()
    try:
        return Settings(_env_file=state_dir / "sma.env", state_dir=state_dir)  # type: ignore[call-arg]
    except ValidationError as error:
        problem = error.errors()[0]
        name = "_".join(str(part) for part in problem["loc"])
        raise SmaError(f"SMA_{name.upper()}: {problem['msg']}, not {problem['input']!r}") from error
