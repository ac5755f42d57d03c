"""Finds the snapshot that the job resumes from: the newest complete savepoint or checkpoint of its state lineage.

The newest is that with the largest checkpoint id, which Flink continues in each job that resumes; files may have been
copied since.

A lineage is a folder `<flink_storage>/<job name>/<when it started>`: all snapshots of one start with empty state and of
the starts that resumed from it, and the job config of that state. The storage itself is the only record, and outlives
the cluster. A snapshot is complete once its `_metadata` is there: Flink writes that file last, and moves it into place.
"""

import json
import shutil
import struct
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from clients.files import write_whole
from sma.errors import SmaError
from sma.settings import StreamingSettings
from streaming.control.job_config import JobConfig

_JOB_CONFIG = "definition.json"
_MARK, _HEAD = 0x4960672D, struct.Struct(">iiq")  # Source: Flink, class Checkpoints
_METADATA = {"savepoint": "savepoints/*/_metadata", "checkpoint": "checkpoints/*/chk-*/_metadata"}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A complete savepoint or checkpoint; its checkpoint id is -1 where its file does not begin as Flink writes it."""

    kind: str
    uri: str
    taken_ns: int
    checkpoint_id: int

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
        """Return the newest complete snapshot of the newest lineage.

        Raises:
            SmaError: one that may be the newest is damaged; the text offers the one before.
        """
        snapshots = self.all()
        for damaged in snapshots:
            if damaged.checkpoint_id < 0 and damaged.taken_ns == max(each.taken_ns for each in snapshots):
                raise SmaError(f"the {damaged.kind} {damaged.uri} is damaged{self.in_place_of(damaged)}")
        return next(iter(snapshots), None)

    def all(self) -> list[Snapshot]:
        """Return the complete snapshots of the newest lineage, the newest first."""
        lineages = self._lineages()
        complete = [
            Snapshot(kind, metadata.parent.as_uri(), metadata.stat().st_mtime_ns, _checkpoint_id(metadata))
            for kind, pattern in _METADATA.items()
            for metadata in (lineages[-1].glob(pattern) if lineages else ())
        ]
        return sorted(complete, key=lambda snapshot: (-snapshot.checkpoint_id, -snapshot.taken_ns))

    def in_place_of(self, unusable: Snapshot) -> str:
        """Return the end of an error about a snapshot that cannot be used: from which other one to start instead."""
        others = [each for each in self.all() if each.uri != unusable.uri and each.checkpoint_id >= 0]
        if unusable.checkpoint_id >= 0:
            others = [each for each in others if each.checkpoint_id <= unusable.checkpoint_id]
        if not others:
            return "; there is no other one: `sma stream start --fresh` computes everything again from the log"
        return (
            f"; the one before is the {others[0].kind} of {others[0].taken_at}: `sma stream start --from "
            f"{others[0].uri}` resumes from it, and loses nothing while Kafka has the records since"
        )

    def select(self, uri: str) -> Snapshot:
        """Return a snapshot of the newest lineage, and set newer ones aside, so that later starts do not find them.

        Raises:
            SmaError: there is no such snapshot.
        """
        snapshots = self.all()
        wanted = next((each for each in snapshots if each.uri.rstrip("/") == uri.rstrip("/")), None)
        if wanted is None:
            known = ", ".join(each.uri for each in snapshots) or "none"
            raise SmaError(f"{uri} is no snapshot of the newest state of the job: there are {known}")
        aside = self._lineages()[-1] / "set_aside"
        for other in snapshots:
            if other != wanted and not 0 <= other.checkpoint_id <= wanted.checkpoint_id:
                folder = Path(unquote(urlsplit(other.uri).path))
                aside.mkdir(exist_ok=True)
                folder.rename(aside / folder.name)
        return wanted

    def save_job_config(self, config: JobConfig) -> None:
        """Store the job config with the newest state lineage; the one before stays until it is written whole.

        Raises:
            SmaError: it cannot be written.
        """
        path = self._lineages()[-1] / _JOB_CONFIG
        try:
            write_whole(path, json.dumps(config.as_json(), indent=2) + "\n")
        except OSError as error:
            raise SmaError(f"{path}: {error.strerror}: nothing was changed") from error

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
            return JobConfig.from_json(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise SmaError(
                f"{path}: cannot be read, so it is unknown which averages.yaml the state was computed with: "
                "`sma stream start --fresh` computes everything again"
            ) from error

    def generation(self) -> int:
        """Return the generation of the newest state lineage; 0 where none can be read."""
        try:
            return self.job_config().generation
        except SmaError:
            return 0

    def _lineages(self) -> list[Path]:
        return sorted(path for path in self._folder.glob("*Z") if path.is_dir())


def _checkpoint_id(metadata: Path) -> int:
    """Return the id that Flink writes after its mark and the format's number; -1 where they are not there."""
    with metadata.open("rb") as file:
        head = file.read(_HEAD.size)
    mark, _, checkpoint_id = _HEAD.unpack(head) if len(head) == _HEAD.size else (0, 0, -1)
    return int(checkpoint_id) if mark == _MARK else -1


def _lineage_name() -> str:
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
