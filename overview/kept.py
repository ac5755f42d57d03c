"""Keeps answers for some seconds, so that many readers of the page cost the services no more than one."""

import time
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, TypeVar

Answer = TypeVar("Answer")
_MOST_KEPT = 256


class Kept:
    """The newest answers by key. One caller asks at a time for a key; those who wait for it get the same answer."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Keep nothing yet; an answer is given again for `seconds`."""
        self._seconds = seconds
        self._clock = clock
        self._answers: dict[Hashable, tuple[float, Any]] = {}
        self._asking: dict[Hashable, Lock] = {}
        self._lock = Lock()

    def get(self, key: Hashable, ask: Callable[[], Answer]) -> Answer:
        """Return the kept answer to `key`, or ask; what `ask` raises is raised and not kept."""
        with self._lock:
            asking = self._asking.setdefault(key, Lock())
        with asking:
            kept = self._answers.get(key)
            if kept is not None and self._clock() - kept[0] < self._seconds:
                answer: Answer = kept[1]
                return answer
            try:
                fresh = ask()
            except BaseException:
                with self._lock:  # or keys that have no answer would stay for ever
                    self._asking.pop(key, None)
                raise
            self._keep(key, fresh)
            return fresh

    def _keep(self, key: Hashable, answer: Any) -> None:
        with self._lock:
            self._answers[key] = (self._clock(), answer)
            if len(self._answers) > _MOST_KEPT:
                oldest = min(self._answers, key=lambda each: self._answers[each][0])
                del self._answers[oldest]
                self._asking.pop(oldest, None)
