"""Decodes PostgreSQL's binary arrays, from `array_send`, into columns of times, counts and sums.

One array holds as many values as a series has rows, so a message costs once per series. No digit is lost: a numeric is
read in groups of four decimal digits, into whole micro-units.

Source: PostgreSQL, array_send, numeric_send.
"""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import polars as pl

from sma.errors import SmaError
from sma.limits import VALUE_SCALE

Int64s = npt.NDArray[np.int64]


class UnreadableRow(SmaError):
    """A stored row has a value that no layer writes."""


_HEADER_BYTES = 20  # dimensions, whether there are nulls, type, length, first index
_INTEGER = np.dtype([("bytes", ">i4"), ("value", ">i8")])

# in units of two bytes, from the beginning of a numeric: its length takes two of them
_LENGTH, _GROUP_COUNT, _WEIGHT, _SIGN, _SCALE, _FIRST_GROUP = 1, 2, 3, 4, 5, 6
_MAX_GROUPS = 10  # of numeric(38, 6)
_NEGATIVE = 0x4000
# place 0 is the group whose last digit is 10^-8
_GROUPS_AFTER_POINT = 2
_LANE_GROUPS = 4  # are added up in 64 bits


def decode_integers(arrays: Iterable[bytes]) -> Int64s:
    """Return the values of arrays of bigint or timestamptz (microseconds since 2000-01-01), one after the other."""
    return np.frombuffer(_elements(arrays), _INTEGER)["value"].astype(np.int64)


def decode_micros(arrays: Iterable[bytes], value_count: int) -> pl.Series:
    """Return the values of arrays of numeric(38, 6), one after the other, in micro-units as Int128.

    Args:
        arrays: as `array_send` gives them, without nulls.
        value_count: how many values they have together.

    Raises:
        UnreadableRow: one is not a number.
    """
    elements = _elements(arrays)
    units = np.frombuffer(elements, ">u2").astype(np.uint16)
    starts = _starts(elements, units, value_count)
    sign = units[starts + _SIGN]
    if not np.isin(sign, (0, _NEGATIVE)).all():
        raise UnreadableRow("value_sum: NaN or infinite, which no layer writes")
    lanes = _lanes(units, starts)
    micros = pl.col("lane_0").cast(pl.Int128) // 100
    for index in range(1, len(lanes)):
        micros += pl.col(f"lane_{index}").cast(pl.Int128) * pl.lit(10_000 ** (_LANE_GROUPS * index) // 100, pl.Int128)
    # times -1: polars 2.1 cannot negate an Int128
    signed = pl.when("is_negative").then(micros * -1).otherwise(micros)
    columns = {f"lane_{index}": lane for index, lane in enumerate(lanes)}
    return pl.DataFrame({**columns, "is_negative": sign == _NEGATIVE}).select(value_sum_micros=signed).to_series()


def _elements(arrays: Iterable[bytes]) -> bytes:
    return b"".join(memoryview(array)[_HEADER_BYTES:] for array in arrays)


def _starts(elements: bytes, units: npt.NDArray[np.uint16], value_count: int) -> Int64s:
    """Return the unit at which each numeric begins.

    Every beginning has this pattern. If no more units have it than there are values, they are the beginnings. Otherwise
    the numerics are walked one by one, which takes far longer.
    """
    last = max(len(units) - _FIRST_GROUP + 1, 0)
    has_pattern = units[:last] == 0
    has_pattern &= units[_SCALE : last + _SCALE] == VALUE_SCALE
    at = np.flatnonzero(has_pattern)
    at = at[(units[at + _LENGTH] == 2 * units[at + _GROUP_COUNT] + 8) & (units[at + _GROUP_COUNT] <= _MAX_GROUPS)]
    return at if len(at) == value_count else _walk(elements)


def _walk(elements: bytes) -> Int64s:
    starts, at, end = [], 0, len(elements)
    while at < end:
        starts.append(at // 2)
        at += 4 + elements[at + 3]  # a numeric has less than 256 bytes
    return np.array(starts, np.int64)


def _lanes(units: npt.NDArray[np.uint16], starts: Int64s) -> list[Int64s]:
    """Return the numerics' sizes, times 10^8, in lanes of four groups, the lowest first; at least one lane."""
    group_count = units[starts + _GROUP_COUNT]
    first_place = units[starts + _WEIGHT].astype(np.int16).astype(np.int64) + _GROUPS_AFTER_POINT
    lane_count = int(first_place.max(initial=0)) // _LANE_GROUPS + 1
    lanes = [np.zeros(len(starts), np.int64) for _ in range(lane_count)]
    unit_of_place = 10_000 ** np.arange(_LANE_GROUPS, dtype=np.int64)
    for index in range(int(group_count.max(initial=0))):
        rows = np.flatnonzero(group_count > index)
        place = first_place[rows] - index
        size = units[starts[rows] + _FIRST_GROUP + index] * unit_of_place[place % _LANE_GROUPS]
        for number, lane in enumerate(lanes):
            lane[rows] += np.where(place // _LANE_GROUPS == number, size, 0)
    return lanes
