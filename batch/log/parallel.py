"""Runs tasks in several processes and merges their messages, so that all cores read partitions.

A task is a function that yields messages. A process sends its next message only after the reader has taken the earlier
ones, so only a few messages are in memory at any time.
"""

import os
import traceback
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.queues import Queue
from queue import Empty
from typing import Any, TypeVar

from batch.log.limits import WORK_LIMITS, WorkLimits
from sma.errors import SmaError

Task = TypeVar("Task")
Message = TypeVar("Message")

WAITING_MESSAGES = 4
_POLL_SECONDS = 1.0
_END_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class _Failed:
    """What went wrong in a process; `is_users` is whether the text is for a user."""

    text: str
    is_users: bool


class _Done:
    """A process has sent its last message."""


def each_message(
    work: Callable[[Task], Iterable[Message]], tasks: Sequence[Task], offsets: int, limits: WorkLimits = WORK_LIMITS
) -> Generator[tuple[int, Message]]:
    """Yield the messages of each task, with the task's index; tasks of one process take turns.

    Args:
        work: a function of a module, so that another process can find it.
        tasks: what it is called with.
        offsets: how many Kafka offsets they read together: `limits.process_offsets` or fewer are read in this process,
            more by a process for each core.
        limits: of the computation.

    Raises:
        SmaError: as the task raised it, or a process failed or was killed.
    """
    count = min(os.cpu_count() or 1, len(tasks)) if offsets > limits.process_offsets else 1
    if count <= 1:
        yield from _in_turn(work, list(enumerate(tasks)))
        return
    context = get_context("spawn")  # a fork would copy the locks of the running threads
    messages: Queue[Any] = context.Queue(WAITING_MESSAGES)
    started = [
        context.Process(target=_send_all, args=(messages, work, list(enumerate(tasks))[number::count]), daemon=True)
        for number in range(count)
    ]
    for process in started:
        process.start()
    try:
        done = 0
        while done < count:
            try:
                message = messages.get(timeout=_POLL_SECONDS)
            except Empty:
                _require_alive(started)
                continue
            if isinstance(message, _Failed):
                raise SmaError(message.text) if message.is_users else RuntimeError(message.text)
            if isinstance(message, _Done):
                done += 1
            else:
                yield message
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.join(_END_SECONDS)


def _require_alive(started: Sequence[Any]) -> None:
    for process in started:
        if process.exitcode:
            raise SmaError(
                f"a process that reads the log ended with exit code {process.exitcode}: was it killed, or is there too "
                "little memory?"
            )


def _send_all(messages: "Queue[Any]", work: Callable[[Any], Iterable[Any]], tasks: list[tuple[int, Any]]) -> None:
    try:
        for message in _in_turn(work, tasks):
            messages.put(message)
        messages.put(_Done())
    except SmaError as error:
        messages.put(_Failed(str(error), is_users=True))
    except Exception:  # the reader raises it, with this traceback
        messages.put(_Failed(traceback.format_exc(), is_users=False))


def _in_turn(work: Callable[[Task], Iterable[Message]], tasks: list[tuple[int, Task]]) -> Iterator[tuple[int, Message]]:
    waiting = [(index, iter(work(task))) for index, task in tasks]
    while waiting:
        left = []
        for index, messages in waiting:
            for message in messages:
                yield index, message
                left.append((index, messages))
                break
        waiting = left
