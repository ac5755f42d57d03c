"""Which savepoint or checkpoint a start resumes from: never one older than the newest complete one of its lineage."""

import os
from pathlib import Path
from urllib.parse import unquote

import pytest

from sma.errors import SmaError
from sma.settings import Settings
from streaming.control.snapshots import Snapshots


@pytest.fixture
def snapshots(tmp_path: Path) -> Snapshots:
    return Snapshots(Settings(flink_storage=tmp_path.as_uri(), job_name="moving averages/1"))


def folder(uri: str) -> Path:
    return Path(unquote(uri.removeprefix("file://")))


def complete(lineage_uri: str, name: str, taken_s: int) -> None:
    metadata = folder(lineage_uri) / name / "_metadata"
    metadata.parent.mkdir(parents=True)
    metadata.touch()
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
