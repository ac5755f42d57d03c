"""Reads Flink's settings: its address and storage, and how the streaming job is submitted and runs."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from sma.durations import parse_duration
from sma.settings.part import CHECKOUT, Part


class FlinkSettings(Part):
    """Where Flink is, and how the streaming job runs there."""

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
        0,
        ge=0,
        description="parallelism of the Flink job; 0 for one task a partition of `events`, or half of Flink's task "
        "slots where there are fewer",
    )
    checkpoint_interval: str = Field("5 seconds", description="time between two checkpoints of the Flink job")
    state_backend: Literal["hashmap", "rocksdb"] = Field(
        "hashmap", description="where the Flink job keeps its state: on the heap, or in RocksDB on the local disk"
    )
    taskmanager_memory: str = Field(
        "2048m",
        pattern=r"^[1-9][0-9]*[mg]$",
        description="memory of the local Flink's TaskManager, in MiB (`m`) or GiB (`g`); a record takes its "
        "decompressed size once",
    )
    publish_averages: bool = Field(
        True, description="whether the Flink job also writes each row to the topic `moving_averages`, exactly once"
    )

    @property
    def checkpoint_interval_ms(self) -> int:
        """`checkpoint_interval` in milliseconds."""
        return parse_duration(self.checkpoint_interval)

    @property
    def flink_storage_uri(self) -> str:
        """`flink_storage`, or its default, as a URI."""
        return self.flink_storage or (self.state_dir / "flink" / "storage").as_uri()
