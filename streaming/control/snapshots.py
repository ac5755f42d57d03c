"""Finds the snapshot that the job resumes from: the newest complete savepoint or checkpoint of its state lineage.

A lineage is a folder `<flink_storage>/<job name>/<when it started>`: all snapshots of one start with empty state and of
the starts that resumed from it, and the job config of that state. The storage itself is the only record, and outlives
the cluster. A snapshot is complete once its `_metadata` is there: Flink writes that file last, and moves it into place.
"""

import json
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from sma.errors import SmaError
from sma.settings import StreamingSettings
from streaming.control.job_config import JobConfig

_JOB_CONFIG = "definition.json"
_METADATA = {"savepoint": "savepoints/*/_metadata", "checkpoint": "checkpoints/*/chk-*/_metadata"}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A complete savepoint or checkpoint."""

    kind: str
    uri: str
    taken_ns: int

    @property
    def taken_at(self) -> str:
        """When it was completed, UTC."""
        return datetime.fromtimestamp(self.taken_ns // 10**9, UTC).isoformat()


class Snapshots:
    """The snapshots of the job of `settings` in its storage."""

    def __init__(self, settings: StreamingSettings) -> None:
        """Locate the storage; nothing is read yet.

        Raises:
            SmaError: the storage is not a folder of this machine.
        """
        parts = urlsplit(settings.flink_storage_uri)
        if parts.scheme != "file" or parts.netloc not in ("", "localhost"):
            raise SmaError(
                f"SMA_FLINK_STORAGE: must be file:///a/folder, also mounted here, not {settings.flink_storage_uri!r}:"
                " `sma stream start` looks there for the newest savepoint or checkpoint"
            )
        self._folder = Path(unquote(parts.path)) / quote(settings.job_name, safe="")

    def lineage_uri(self) -> str:
        """Return the newest state lineage, or a new one where there is none."""
        lineages = self._lineages()
        return lineages[-1].as_uri() if lineages else self.new_lineage_uri()

    def new_lineage_uri(self) -> str:
        """Begin a state lineage: the job no longer resumes from an older one."""
        path = self._folder / _lineage_name()
        path.mkdir(parents=True)
        return path.as_uri()

    def adopt(self, other: "Snapshots") -> None:
        """Make the newest lineage of another job the newest one of this job, in one rename.

        Its savepoints can be moved; checkpoints cannot, and are left out.
        """
        lineage = other._lineages()[-1]
        shutil.rmtree(lineage / "checkpoints", ignore_errors=True)
        lineage.rename(self._folder / _lineage_name())

    def newest(self) -> Snapshot | None:
        """Return the newest complete snapshot of the newest lineage."""
        lineages = self._lineages()
        if not lineages:
            return None
        complete = [
            Snapshot(kind, metadata.parent.as_uri(), metadata.stat().st_mtime_ns)
            for kind, pattern in _METADATA.items()
            for metadata in lineages[-1].glob(pattern)
        ]
        return max(complete, key=lambda snapshot: snapshot.taken_ns, default=None)

    def save_job_config(self, config: JobConfig) -> None:
        """Store the job config with the newest state lineage."""
        text = json.dumps(config.as_json(), indent=2)
        (self._lineages()[-1] / _JOB_CONFIG).write_text(text + "\n", encoding="utf-8")

    def job_config(self) -> JobConfig:
        """Return the job config of the newest state lineage.

        Raises:
            SmaError: there is none, or it cannot be read.
        """
        lineages = self._lineages()
        if not lineages:
            raise SmaError(f"{self._folder}: holds no state lineage of the job yet: run `sma stream start`")
        path = lineages[-1] / _JOB_CONFIG
        try:
            return JobConfig(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise SmaError(
                f"{path}: cannot be read, so it is unknown which averages.yaml the state was computed with: "
                "`sma stream start --fresh` computes everything again"
            ) from error

    def _lineages(self) -> list[Path]:
        return sorted(path for path in self._folder.glob("*Z") if path.is_dir())


def _lineage_name() -> str:
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
