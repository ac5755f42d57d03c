"""The log files of a process, read as if they were one: their end, and what is added, across rotations."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.logs import Log, log_files, programs_of
from deploy.local.parts import PARTS, PROGRAMS
from sma.errors import SmaError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "logs").mkdir()
    return tmp_path / "logs"


def write(folder: Path, name: str, text: str) -> None:
    with (folder / name).open("a") as file:
        file.write(text)


def rotate(folder: Path) -> None:
    """As supervisord does: the newest becomes kafka.log.1, where there is none yet."""
    (folder / "kafka.log").rename(folder / "kafka.log.1")
    (folder / "kafka.log").touch()


@pytest.fixture
def log(folder: Path) -> Iterator[Log]:
    with Log(folder.parent, "kafka") as opened:
        yield opened


def test_every_part_has_processes():
    assert tuple(PROGRAMS) == PARTS


def test_a_part_is_its_processes_and_a_process_is_itself():
    assert programs_of("flink") == ("flink-jobmanager", "flink-taskmanager")
    assert programs_of("prometheus") == ("exporter", "prometheus", "alertmanager")
    assert programs_of("alertmanager") == ("alertmanager",)


def test_an_unknown_part_is_an_error_with_the_names():
    with pytest.raises(SmaError, match="no part is called 'splunk': there are kafka, .* the processes postgres, "):
        programs_of("splunk")


def test_the_newest_file_is_the_first_and_others_are_left_out(folder: Path):
    for name in ("kafka.log.10", "kafka.log.2", "kafka.log", "kafka.log.1", "kafka.log.gz", "exporter.log"):
        write(folder, name, "x")
    names = [path.name for path in log_files(folder.parent, "kafka")]
    assert names == ["kafka.log", "kafka.log.1", "kafka.log.2", "kafka.log.10"]


@pytest.mark.parametrize(("count", "last"), [(0, []), (1, ["d"]), (3, ["b", "c", "d"]), (9, ["a", "b", "c", "d"])])
def test_the_last_lines_reach_into_rotated_files(folder: Path, log: Log, count: int, last: list[str]):
    write(folder, "kafka.log.2", "a\n")
    write(folder, "kafka.log.1", "b\nc\n")
    write(folder, "kafka.log", "d\n")
    assert log.last_lines(count) == last


def test_a_line_that_a_rotation_has_cut_is_whole(folder: Path, log: Log):
    write(folder, "kafka.log.1", "a\nthe begin")
    write(folder, "kafka.log", "ning\nb\n")
    assert log.last_lines(2) == ["the beginning", "b"]


def test_the_moment_before_a_new_file_is_made_shows_the_rotated_one(folder: Path, log: Log):
    write(folder, "kafka.log.1", "a\n")
    assert log.last_lines(5) == ["a"]


def test_without_a_file_there_is_no_line(folder: Path, log: Log):
    assert log.last_lines(5) == []


def test_an_unfinished_line_is_returned_apart_from_the_others(folder: Path, log: Log):
    write(folder, "kafka.log", "a\nPanic: ")
    assert (log.last_lines(5), log.unfinished_lines()) == (["a"], ["Panic: "])
    write(folder, "kafka.log", "disk full\n")
    assert (log.added_lines(), log.unfinished_lines()) == (["Panic: disk full"], [])


def test_lines_that_are_added_are_returned_once(folder: Path, log: Log):
    write(folder, "kafka.log", "a\n")
    assert log.last_lines(5) == ["a"]
    assert log.added_lines() == []
    write(folder, "kafka.log", "b\nc\n")
    assert log.added_lines() == ["b", "c"]
    assert log.added_lines() == []


def test_lines_before_and_after_a_rotation_are_returned_in_order(folder: Path, log: Log):
    write(folder, "kafka.log", "a\n")
    log.last_lines(0)
    write(folder, "kafka.log", "b\nc, and the ")
    rotate(folder)
    write(folder, "kafka.log", "rest\nd\n")
    assert log.added_lines() == ["b", "c, and the rest", "d"]
    write(folder, "kafka.log", "e\n")
    assert log.added_lines() == ["e"]


def test_a_file_that_comes_later_is_followed_from_its_beginning(folder: Path, log: Log):
    assert log.last_lines(5) == []
    assert log.added_lines() == []
    write(folder, "kafka.log", "a\n")
    assert log.added_lines() == ["a"]


def test_a_file_that_was_deleted_and_made_again_is_followed(folder: Path, log: Log):
    write(folder, "kafka.log", "a\n")
    log.last_lines(0)
    (folder / "kafka.log").unlink()
    assert log.added_lines() == []
    write(folder, "kafka.log", "b\n")
    assert log.added_lines() == ["b"]


def test_bytes_that_are_no_text_are_marked(folder: Path, log: Log):
    (folder / "kafka.log").write_bytes(b"caf\xe9\r\n")
    assert log.last_lines(1) == ["caf\ufffd"]
