"""Builds the Flink options of a job, under Flink's own keys, and finds its jar; nothing here connects to Flink."""

from pathlib import Path
from urllib.parse import urlsplit

from sma.errors import SmaError
from sma.settings import StreamingSettings


def job_options(
    settings: StreamingSettings, parallelism: int, lineage_uri: str | None, snapshot: str | None
) -> dict[str, str]:
    """Return the options of a job, however it is submitted.

    Args:
        settings: where everything is.
        parallelism: of every task of the job.
        lineage_uri: the folder under which it keeps its checkpoints and savepoints; None for a job without any, which
            starts over after a failure.
        snapshot: the savepoint or checkpoint from which it resumes; None to start empty.
    """
    options = {
        "pipeline.name": settings.job_name,
        "parallelism.default": str(parallelism),
        "execution.runtime-mode": "STREAMING",
        "restart-strategy.type": "exponential-delay",
        "restart-strategy.exponential-delay.initial-backoff": "1 s",
        "restart-strategy.exponential-delay.max-backoff": "30 s",
        "execution.buffer-timeout.interval": "0 ms",  # the operator sends blocks of records, which have waited already
        "state.backend.type": settings.state_backend,
    }
    if lineage_uri is not None:
        options |= {
            "execution.checkpointing.interval": f"{settings.checkpoint_interval_ms} ms",
            "execution.checkpointing.mode": "EXACTLY_ONCE",
            "execution.checkpointing.externalized-checkpoint-retention": "RETAIN_ON_CANCELLATION",
            "execution.checkpointing.storage": "filesystem",
            "execution.checkpointing.dir": f"{lineage_uri}/checkpoints",
            "execution.checkpointing.savepoint-dir": f"{lineage_uri}/savepoints",
            "execution.checkpointing.incremental": str(settings.state_backend == "rocksdb").lower(),
        }
    if snapshot is not None:
        options["execution.state-recovery.path"] = snapshot
        # a sink that has been switched off leaves its state in the snapshot
        options["execution.state-recovery.ignore-unclaimed-state"] = "true"
    return options


def client_options(settings: StreamingSettings) -> dict[str, str]:
    """Return what only Flink's own client reads: where the cluster is, and which jars the job brings along.

    A job that is run through REST must not have them: there Flink sets the jar, and the target is the cluster itself.
    """
    host, port = rest_address(settings.flink_url)
    return {
        "execution.target": "remote",
        "execution.attached": "false",
        "rest.address": host,
        "rest.port": str(port),
        "pipeline.jars": ";".join(path.as_uri() for path in jars(settings.flink_jars)),
    }


def rest_address(flink_url: str) -> tuple[str, int]:
    """Return host and port of Flink's REST address.

    Raises:
        SmaError: it is not an http URL.
    """
    try:
        parts = urlsplit(flink_url)
        port = parts.port or 80
    except ValueError:
        parts, port = urlsplit(""), 0
    if parts.scheme != "http" or not parts.hostname:
        raise SmaError(f"SMA_FLINK_URL: must be http://host:port, not {flink_url!r}")
    return parts.hostname, port


def jars(folder: Path) -> list[Path]:
    """Return the jars in a folder.

    Raises:
        SmaError: there are none.
    """
    paths = sorted(folder.resolve().glob("*.jar")) if folder.is_dir() else []
    if not paths:
        raise SmaError(f"{folder}: no jars there: `make` builds them, or SMA_FLINK_JARS must name their folder")
    return paths


def the_jar(folder: Path) -> Path:
    """Return the one jar in a folder, which is all that Flink's REST API runs a job from.

    Raises:
        SmaError: there is none, or more than one.
    """
    paths = jars(folder)
    if len(paths) > 1:
        raise SmaError(
            f"{folder}: has {len(paths)} jars, and Flink's REST API runs a job from one: leave only the one that "
            "`make setup` builds, or set SMA_FLINK_SUBMIT=client, which sends them all"
        )
    return paths[0]
