"""Formats the data folder of each of Kafka's brokers, which KRaft needs once before its first start.

SCRAM's users are made by it too: without them nobody could log in to make them.
"""

import base64
import os
import subprocess
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from dotenv import dotenv_values

from clients.files import write_whole
from deploy.local.environment import Environment
from deploy.local.kafka_layout import SASL_SSL, broker_file, broker_programs, data_folder, protocol_of
from deploy.local.services.java_logs import SERVICE
from deploy.local.services.kafka_java import kafka_java
from sma.errors import SmaError
from sma.settings.kafka_parts import KAFKA_PARTS


def format_storage(environment: Environment) -> None:
    """Format the data folders that are not formatted already, all for one cluster.

    Raises:
        SmaError: the tool fails; its last line.
    """
    state_dir = environment.state_dir
    programs = broker_programs(environment.values)
    formatted = {each: data_folder(state_dir, each) / "meta.properties" for each in programs}
    known = [str(dotenv_values(path)["cluster.id"]) for path in formatted.values() if path.exists()]
    cluster_id = known[0] if known else _new_cluster_id()
    missing = [each for each, path in formatted.items() if not path.exists()]
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda program: _format(environment, program, cluster_id), missing))


def _format(environment: Environment, program: str, cluster_id: str) -> None:
    arguments = ["--cluster-id", cluster_id, "--config", str(broker_file(environment.state_dir, program))]
    arguments += ["--ignore-formatted", *_users(environment)]
    file = environment.state_dir / "kafka" / f"{program}.format"  # passwords are in no process list
    write_whole(file, "".join(f"{argument}\n" for argument in arguments), mode=0o600)
    command = kafka_java(environment, "kafka.tools.StorageTool", "format", f"@{file}", heap="64m")
    try:
        result = subprocess.run(
            command, check=False, capture_output=True, text=True, env=os.environ | {SERVICE: "kafka-storage"}
        )
    finally:
        file.unlink()
    if result.returncode != 0:
        lines = (result.stderr + result.stdout).strip().splitlines()
        raise SmaError(f"kafka: cannot format its data folder: {lines[-1] if lines else 'no reason given'}")


def _users(environment: Environment) -> Iterator[str]:
    if protocol_of(environment.values) != SASL_SSL:
        return
    for part in KAFKA_PARTS:
        user, password = (environment.values[f"SMA_KAFKA_{part.upper()}_{name}"] for name in ("USERNAME", "PASSWORD"))
        for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512"):
            yield "--add-scram"
            yield f"{mechanism}=[name={user},password={password}]"


def _new_cluster_id() -> str:
    text = base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()
    return text if not text.startswith("-") else _new_cluster_id()  # the tool would take it for an option
