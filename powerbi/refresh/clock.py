"""The clock that waits are measured with; tests replace it with their own."""

import time
from typing import Protocol


class Clock(Protocol):
    """Gives the time and waits."""

    def now(self) -> float:
        """Return the seconds since the Unix epoch."""

    def sleep(self, seconds: float) -> None:
        """Return when so many seconds have passed."""


class SystemClock:
    """The machine's own."""

    def now(self) -> float:
        """Return the seconds since the Unix epoch."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Return when so many seconds have passed."""
        time.sleep(seconds)
