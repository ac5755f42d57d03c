"""How many tasks a job gets; a small server of the test's own stands for Flink."""

from collections.abc import Iterator

import pytest

from sma.errors import SmaError
from sma.settings import Settings
from streaming.control.slots import parallelism_of
from tests.support.fake_flink import Flink


@pytest.fixture
def flink() -> Iterator[Flink]:
    server = Flink()
    yield server
    server.close()


def tasks(flink: Flink, partitions: int, total: int, free: int, wanted: int = 0, *, is_secondary: bool = False) -> int:
    flink.answers["/overview"] = {"slots-total": total, "slots-available": free}
    settings = Settings(flink_url=flink.url, parallelism=wanted)
    return parallelism_of(settings, lambda: partitions, is_secondary=is_secondary, few_slots_s=0.0, timeout_s=0.0)


def test_a_job_has_a_task_for_each_partition(flink: Flink) -> None:
    assert tasks(flink, partitions=4, total=8, free=8) == 4
    assert tasks(flink, partitions=8, total=8, free=8) == 8


def test_a_topic_of_more_partitions_than_slots_leaves_half_of_them_to_replays(flink: Flink) -> None:
    assert tasks(flink, partitions=64, total=8, free=8) == 4
    assert tasks(flink, partitions=64, total=1, free=1) == 1


def test_flink_takes_no_more_tasks_than_there_are_keys(flink: Flink) -> None:
    assert tasks(flink, partitions=500, total=500, free=500) == 128


def test_what_is_set_is_not_lowered(flink: Flink) -> None:
    assert tasks(flink, partitions=64, total=8, free=8, wanted=6) == 6
    with pytest.raises(SmaError, match="does not have the 9 free task slots .*: add a TaskManager, or set SMA_PARALL"):
        tasks(flink, partitions=64, total=8, free=8, wanted=9)


def test_slots_that_others_use_are_waited_for_and_not_done_without(flink: Flink) -> None:
    with pytest.raises(SmaError, match="does not have the 4 free task slots"):
        tasks(flink, partitions=4, total=8, free=3)
    with pytest.raises(SmaError, match="does not have the 4 free task slots"):
        tasks(flink, partitions=64, total=8, free=3)
    with pytest.raises(SmaError, match="does not have the 1 free task slots"):
        tasks(flink, partitions=4, total=0, free=0)


def test_a_second_job_takes_what_is_free(flink: Flink) -> None:
    assert tasks(flink, partitions=64, total=8, free=4, is_secondary=True) == 4
    assert tasks(flink, partitions=4, total=8, free=1, is_secondary=True) == 1
    assert tasks(flink, partitions=4, total=8, free=8, is_secondary=True) == 4
