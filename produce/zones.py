"""Local times of a time zone as UTC, with the hour that is skipped in spring and the one that is repeated in autumn.

Which pass of a repeated hour is meant is not decided here: see produce/repeated_hour.py.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from produce.digits import Ints
from sma.durations import DAY_MS
from sma.errors import SmaError

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - local
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class LocalTimes:
    """Local times as UTC.

    utc_ms: int64; of a repeated time, the first pass.
    repeated_ms: int64; how much later the second pass of a repeated time is, 0 for all others.
    is_skipped: bool; no clock of the zone showed this time, and `utc_ms` is undefined.
    """

    utc_ms: Ints
    repeated_ms: Ints
    is_skipped: NDArray[np.bool_]


def load_zone(name: str) -> ZoneInfo:
    """Return a time zone by its name in the tz database.

    Raises:
        SmaError: there is none of this name.
    """
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise SmaError(f"--time-zone: {name!r} is no time zone: give a name such as Europe/Berlin or UTC") from error


def to_utc(local_ms: Ints, zone: ZoneInfo) -> LocalTimes:
    """Convert local times, in milliseconds of a clock that reads 0 at 1970-01-01 00:00; years 1 to 8999."""
    days, day_of = np.unique(local_ms // DAY_MS, return_inverse=True)
    of_days = [_offsets_of_day(zone, int(day)) for day in days]
    first = np.array([offset or 0 for offset in of_days], np.int64)[day_of]
    second = first.copy()
    is_mixed = np.array([offset is None for offset in of_days], np.bool_)[day_of]
    if is_mixed.any():
        seconds, second_of = np.unique(local_ms[is_mixed] // 1000, return_inverse=True)
        pairs = np.array([_offsets_at(zone, int(each)) for each in seconds], np.int64)
        first[is_mixed], second[is_mixed] = pairs[second_of, 0], pairs[second_of, 1]
    return LocalTimes(local_ms - first, np.maximum(first - second, 0), first < second)


@lru_cache(maxsize=100_000)
def _offsets_of_day(zone: ZoneInfo, day: int) -> int | None:
    """Return the offset from UTC of a whole local day, in milliseconds; None where it changes in that day."""
    seconds = day * DAY_MS // 1000, (day + 1) * DAY_MS // 1000
    offsets = {offset for second in seconds for offset in _offsets_at(zone, second)}
    return offsets.pop() if len(offsets) == 1 else None


@lru_cache(maxsize=100_000)
def _offsets_at(zone: ZoneInfo, second: int) -> tuple[int, int]:
    """Return the offsets from UTC that a local time has, in milliseconds: of its first pass and of its second.

    They are equal for most times. The first is smaller where the time is skipped.

    Source: PEP 495.
    """
    local = _EPOCH + timedelta(seconds=second)
    first, second_pass = (local.replace(tzinfo=zone, fold=fold).utcoffset() or timedelta(0) for fold in (0, 1))
    return first // _MILLISECOND, second_pass // _MILLISECOND
