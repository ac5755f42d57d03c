"""Formats Kafka's data folder, which KRaft needs once before the broker's first start."""

import base64
import os
import subprocess
import uuid

from deploy.local.environment import Environment
from deploy.local.services.java_logs import SERVICE
from deploy.local.services.programs import kafka_java
from sma.errors import SmaError


def format_storage(environment: Environment) -> None:
    """Format Kafka's data folder unless it is formatted already.

    Raises:
        SmaError: the tool fails; its last line.
    """
    if (environment.state_dir / "kafka" / "data" / "meta.properties").exists():
        return
    properties = f"{environment.state_dir}/kafka/server.properties"
    arguments = ("kafka.tools.StorageTool", "format", "--cluster-id", _cluster_id(), "--config", properties)
    command = kafka_java(environment, *arguments, "--ignore-formatted", heap="64m")
    result = subprocess.run(
        command, check=False, capture_output=True, text=True, env=os.environ | {SERVICE: "kafka-storage"}
    )
    if result.returncode != 0:
        lines = (result.stderr + result.stdout).strip().splitlines()
        raise SmaError(f"kafka: cannot format its data folder: {lines[-1] if lines else 'no reason given'}")


def _cluster_id() -> str:
    text = base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()
    return text if not text.startswith("-") else _cluster_id()  # the tool would take it for an option
