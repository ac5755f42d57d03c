"""Which savepoint or checkpoint a start resumes from: never one older than the newest complete one of its lineage."""

import errno
import os
import struct
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import pytest

from sma.errors import SmaError
from sma.settings import Settings
from streaming.control.job_config import JobConfig
from streaming.control.snapshots import Snapshots

CONFIG = JobConfig(0, 0, 0, {}, 4)


@pytest.fixture
def snapshots(tmp_path: Path) -> Snapshots:
    return Snapshots(Settings(flink_storage=tmp_path.as_uri(), job_name="moving averages/1"))


def folder(uri: str) -> Path:
    return Path(unquote(uri.removeprefix("file://")))


def complete(lineage_uri: str, name: str, taken_s: int, checkpoint_id: int | None = None) -> None:
    metadata = folder(lineage_uri) / name / "_metadata"
    metadata.parent.mkdir(parents=True)
    number = taken_s if checkpoint_id is None else checkpoint_id
    metadata.write_bytes(struct.pack(">iiq", 0x4960672D, 6, number) + b"the rest")
    os.utime(metadata, (taken_s, taken_s))


def test_there_is_nothing_to_resume_from_at_first(snapshots: Snapshots) -> None:
    assert snapshots.newest() is None


@pytest.mark.parametrize(("savepoint_s", "checkpoint_s", "kind"), [(2, 1, "savepoint"), (1, 2, "checkpoint")])
def test_the_newest_of_savepoints_and_checkpoints_is_chosen(
    snapshots: Snapshots, savepoint_s: int, checkpoint_s: int, kind: str
) -> None:
    lineage = snapshots.new_lineage_uri()
    complete(lineage, "savepoints/savepoint-1", savepoint_s)
    complete(lineage, "checkpoints/job/chk-9", checkpoint_s)
    newest = snapshots.newest()
    assert newest is not None
    assert newest.kind == kind
    assert newest.taken_at == "1970-01-01T00:00:02+00:00"


def test_the_newest_goes_by_what_it_says_and_not_by_when_its_file_was_copied(snapshots: Snapshots) -> None:
    lineage = snapshots.new_lineage_uri()
    complete(lineage, "checkpoints/job/chk-8", 20, checkpoint_id=8)
    complete(lineage, "checkpoints/job/chk-9", 10, checkpoint_id=9)
    newest = snapshots.newest()
    assert newest is not None
    assert newest.uri.endswith("chk-9")


@pytest.mark.parametrize("content", [b"", b"\x49\x60\x67\x2d", b"something else, and long enough"])
def test_a_damaged_snapshot_is_named_and_the_one_before_is_offered(snapshots: Snapshots, content: bytes) -> None:
    lineage = snapshots.new_lineage_uri()
    complete(lineage, "checkpoints/job/chk-8", 8)
    complete(lineage, "savepoints/savepoint-2", 9)
    damaged = folder(lineage) / "savepoints/savepoint-2/_metadata"
    damaged.write_bytes(content)
    with pytest.raises(
        SmaError, match=r"the savepoint file:\S+/savepoint-2 is damaged; .*`sma stream start --from \S+8`"
    ):
        snapshots.newest()
    assert snapshots.select(f"{lineage}/checkpoints/job/chk-8").checkpoint_id == 8
    newest = snapshots.newest()
    assert newest is not None
    assert newest.uri.endswith("chk-8")
    assert (folder(lineage) / "set_aside/savepoint-2/_metadata").read_bytes() == content


def test_only_snapshots_of_the_newest_lineage_can_be_selected(snapshots: Snapshots) -> None:
    lineage = snapshots.new_lineage_uri()
    with pytest.raises(SmaError, match="is no snapshot of the newest state of the job: there are none"):
        snapshots.select(f"{lineage}/savepoints/savepoint-1")


def test_a_job_config_that_cannot_be_written_leaves_the_one_before(
    snapshots: Snapshots, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshots.new_lineage_uri()
    snapshots.save_job_config(CONFIG)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(SmaError, match=r"definition\.json: No space left on device: nothing was changed"):
            snapshots.save_job_config(replace(CONFIG, partitions=9))
    assert snapshots.job_config() == CONFIG


def test_an_incomplete_snapshot_is_passed_over(snapshots: Snapshots) -> None:
    lineage = snapshots.new_lineage_uri()
    complete(lineage, "checkpoints/job/chk-1", 1)
    (folder(lineage) / "checkpoints/job/chk-2").mkdir()
    newest = snapshots.newest()
    assert newest is not None
    assert newest.uri.endswith("chk-1")


def test_a_fresh_start_leaves_older_lineages_alone(snapshots: Snapshots) -> None:
    complete(snapshots.new_lineage_uri(), "savepoints/savepoint-1", 1)
    fresh = snapshots.new_lineage_uri()
    assert snapshots.newest() is None
    assert snapshots.lineage_uri() == fresh


def test_the_newest_lineage_of_another_job_is_taken_over_with_its_savepoints(
    tmp_path: Path, snapshots: Snapshots
) -> None:
    complete(snapshots.new_lineage_uri(), "savepoints/savepoint-1", 1)
    other = Snapshots(Settings(flink_storage=tmp_path.as_uri(), job_name="other"))
    lineage = other.new_lineage_uri()
    complete(lineage, "checkpoints/job/chk-1", 3)
    complete(lineage, "savepoints/savepoint-2", 2)
    snapshots.adopt(other)
    newest = snapshots.newest()
    assert newest is not None
    assert newest.uri.endswith("savepoint-2")
    assert other.newest() is None


def test_another_jobs_snapshots_are_not_seen(tmp_path: Path, snapshots: Snapshots) -> None:
    complete(snapshots.new_lineage_uri(), "savepoints/savepoint-1", 1)
    assert Snapshots(Settings(flink_storage=tmp_path.as_uri(), job_name="other")).newest() is None


def test_a_storage_that_cannot_be_looked_into_is_refused() -> None:
    with pytest.raises(SmaError, match="SMA_FLINK_STORAGE: must be file:///a/folder"):
        Snapshots(Settings(flink_storage="s3://bucket/flink"))
