"""Finds what the job resumes from: the newest complete savepoint or checkpoint of its state lineage.

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
from streaming.control.job_config import Definition

_DEFINITION = "definition.json"
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
    """What the job of `settings` has left in its storage."""

    def __init__(self, settings: StreamingSettings) -> None:
        """Look nowhere yet.

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

    def history_uri(self) -> str:
        """Return the newest history, or a new one where there is none."""
        histories = self._histories()
        return histories[-1].as_uri() if histories else self.new_history_uri()

    def new_history_uri(self) -> str:
        """Begin a history: from now on no older one is resumed from."""
        path = self._folder / _history_name()
        path.mkdir(parents=True)
        return path.as_uri()

    def adopt(self, other: "Snapshots") -> None:
        """Make the newest history of another job the newest one of this job, at once or not at all.

        Its savepoints can be moved; checkpoints cannot, and are left out.
        """
        history = other._histories()[-1]
        shutil.rmtree(history / "checkpoints", ignore_errors=True)
        history.rename(self._folder / _history_name())

    def newest(self) -> Snapshot | None:
        """Return the newest complete snapshot of the newest history."""
        histories = self._histories()
        if not histories:
            return None
        found = [
            Snapshot(kind, metadata.parent.as_uri(), metadata.stat().st_mtime_ns)
            for kind, pattern in _METADATA.items()
            for metadata in histories[-1].glob(pattern)
        ]
        return max(found, key=lambda snapshot: snapshot.taken_ns, default=None)

    def save_definition(self, definition: Definition) -> None:
        """Keep, with the newest history, what its state follows from."""
        text = json.dumps(definition.as_json(), indent=2)
        (self._histories()[-1] / _DEFINITION).write_text(text + "\n", encoding="utf-8")

    def definition(self) -> Definition:
        """Return what the state of the newest history follows from.

        Raises:
            SmaError: there is none that can be read.
        """
        histories = self._histories()
        if not histories:
            raise SmaError(f"{self._folder}: holds no history of the job yet: run `sma stream start`")
        path = histories[-1] / _DEFINITION
        try:
            return Definition(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise SmaError(
                f"{path}: cannot be read, so nobody knows by which averages.yaml the state was computed: "
                "`sma stream start --fresh` computes everything anew"
            ) from error

    def _histories(self) -> list[Path]:
        return sorted(path for path in self._folder.glob("*Z") if path.is_dir())


def _history_name() -> str:
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
