"""A moving sum over one window of one series: an oracle that costs the same whatever the window.

`MovingSum` is a first-in-first-out queue with an incremental sum: n events cost at most 2n additions and subtractions.
Neither layer computes its rows this way, so it can be compared with both. Putting events in order, and choosing the
grid points, belongs to the caller.
"""

from collections import deque
from fractions import Fraction

from sma.window import CountWindow, DurationWindow


class MovingSum:
    """The exact sum and count of the events in one window of one series.

    >>> queue = MovingSum(DurationWindow(10))
    >>> queue.add(event_time_ms=3, value_micros=500_000)
    >>> queue.add(event_time_ms=9, value_micros=250_000)
    >>> queue.advance_to(as_of_ms=14)
    >>> queue.value_sum_micros, queue.event_count
    (250000, 1)
    """

    def __init__(self, window: CountWindow | DurationWindow) -> None:
        """Start empty; the window is fixed from here on.

        Raises:
            ValueError: the window would hold nothing.
        """
        size = window.event_count if isinstance(window, CountWindow) else window.duration_ms
        if size < 1:
            raise ValueError(f"a window holds at least 1 event or 1 millisecond, not {size}")
        self._window = window
        self._queue: deque[tuple[int, int]] = deque()
        self._sum_micros = 0

    @property
    def value_sum_micros(self) -> int:
        """The sum of the values in the window, in micro-units."""
        return self._sum_micros

    @property
    def event_count(self) -> int:
        """How many events are in the window."""
        return len(self._queue)

    @property
    def is_full(self) -> bool:
        """Whether a count window holds all the events it can; always true for a duration window."""
        return isinstance(self._window, DurationWindow) or len(self._queue) == self._window.event_count

    def add(self, event_time_ms: int, value_micros: int) -> None:
        """Add the next event; a count window evicts the oldest one once it is full. O(1).

        Raises:
            ValueError: the event is older than the newest one in the queue.
        """
        if self._queue and event_time_ms < self._queue[-1][0]:
            raise ValueError(f"events come in event-time order: {event_time_ms} after {self._queue[-1][0]}")
        self._queue.append((event_time_ms, value_micros))
        self._sum_micros += value_micros
        if isinstance(self._window, CountWindow) and len(self._queue) > self._window.event_count:
            self._evict()

    def advance_to(self, as_of_ms: int) -> None:
        """Evict what no longer belongs to the window at grid point `as_of_ms`. O(1) amortised.

        Add the events before `as_of_ms` first, and none from it on: the window ends there.
        """
        if isinstance(self._window, DurationWindow):
            while self._queue and self._queue[0][0] < as_of_ms - self._window.duration_ms:
                self._evict()

    def average_micros(self) -> Fraction:
        """Return the exact average of the values in the window, in micro-units.

        Raises:
            ZeroDivisionError: the window is empty.
        """
        return Fraction(self._sum_micros, len(self._queue))

    def _evict(self) -> None:
        _, value_micros = self._queue.popleft()
        self._sum_micros -= value_micros
