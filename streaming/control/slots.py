"""Decides how many tasks a job gets, by the topic's partitions and the task slots that Flink has."""

import time
from collections.abc import Callable

from clients.flink import POLL_S, FlinkRest
from sma.errors import SmaError
from sma.settings import StreamingSettings

SLOTS_TIMEOUT_S = 30.0
FEW_SLOTS_S = 10.0  # in which TaskManagers that start together have all registered
MAX_PARALLELISM = 128  # as PartitionKey.java


def parallelism_of(
    settings: StreamingSettings,
    partition_count: Callable[[], int],
    *,
    is_secondary: bool,
    few_slots_s: float = FEW_SLOTS_S,
    timeout_s: float = SLOTS_TIMEOUT_S,
) -> int:
    """Wait for task slots, and return how many a job is to take.

    Without SMA_PARALLELISM that is one for each partition of `events`. Where Flink has fewer altogether, it is half of
    them: a replay or an upgrade needs the others. A secondary job, next to the running one, takes those that are free.

    Args:
        settings: where Flink is, and SMA_PARALLELISM.
        partition_count: gives the number of partitions of `events`.
        is_secondary: whether the job is a secondary one.
        few_slots_s: after so many seconds, Flink has no more slots than it shows.
        timeout_s: how long to wait for slots that others use.

    Raises:
        SmaError: too few are free, and none become so.
    """
    rest = FlinkRest(settings.flink_url)
    wanted = settings.parallelism or min(partition_count(), MAX_PARALLELISM)
    if not is_secondary and not settings.parallelism and not _await_free(rest, wanted, few_slots_s):
        slots = rest.slots()
        wanted = wanted if wanted <= slots else max(1, slots // 2)
    required = 1 if is_secondary else wanted
    if not _await_free(rest, required, timeout_s):
        raise SmaError(
            f"Flink at {settings.flink_url} does not have the {required} free task slots that the job requires: add a "
            "TaskManager, or set SMA_PARALLELISM lower"
        )
    return min(wanted, max(required, rest.free_slots()))


def _await_free(rest: FlinkRest, slots: int, timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while rest.free_slots() < slots:
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_S)
    return True
