"""The rule of lateness: an event is late iff it is further behind its series than `allowed_lateness`.

It is compared with the max log time of its series before it in the log. The log time of an event is its time, or the
timestamp of its record where that is earlier, so a clock that is ahead makes no other event late. Lateness.java in the
operator is the same rule; tests/vectors/lateness.json checks both.
"""

from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

NO_EVENT_MS = -(1 << 62)
"""The max log time of a series without an event: before every event time, so its first event is not late."""


@overload
def is_late(event_time_ms: int, max_log_time_ms: int, allowed_lateness_ms: int) -> bool: ...
@overload
def is_late(
    event_time_ms: NDArray[np.int64], max_log_time_ms: NDArray[np.int64], allowed_lateness_ms: int
) -> NDArray[np.bool_]: ...
def is_late(event_time_ms: Any, max_log_time_ms: Any, allowed_lateness_ms: int) -> Any:
    """Return whether an event is late; of arrays, which events are."""
    return event_time_ms < max_log_time_ms - allowed_lateness_ms
