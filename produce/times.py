"""Reads a column of times as whole milliseconds since the Unix epoch, UTC; what is finer is cut off.

Cells of the usual shapes are read by their digits, all at once; any other cell by Python's `datetime`, one by one. No
float takes part. A time without a zone is one of `--time-zone`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from produce.digits import Ints, Shape, shapes
from produce.errors import BadCell
from produce.layout import Layout
from produce.time_format import EPOCH_BY_DIGITS, EPOCH_SHIFTS, MONTHS, check_time_format, pattern_of
from produce.zones import load_zone, to_utc
from sma.durations import DAY_MS
from sma.limits import EARLIEST_EVENT_TIME_MS, LATEST_EVENT_TIME_MS

_UNREAD, _UTC, _LOCAL, _BAD = range(4)
_LEAP = 8  # added to one of them: the second 60
_NO_HOUR = 99
_MOST_DIGITS = 18  # as many fit in 64 bits
_MONTH_DAYS = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31], np.int64)
_NUMBER = re.compile(r"[+-]?([0-9]+)(?:[.,][0-9]*)?", re.ASCII)
# what datetime.fromisoformat reads beyond this is no time to a person: digits are taken for a date of the year 1758
_ISO_LIKE = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{8}|[0-9]{4}-?W[0-9]{2}(-?[0-9])?)([T ].+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Times:
    """The times of a column.

    event_time_ms: int64; of a local time that is repeated in autumn, its first pass.
    repeated_ms: int64; how much later the second pass is, 0 where the time is not repeated.
    """

    event_time_ms: Ints
    repeated_ms: Ints


class TimeReader:
    """Reads times as the options of a layout say."""

    def __init__(self, layout: Layout) -> None:
        """Look at the options.

        Raises:
            SmaError: the format or the time zone cannot be used.
        """
        check_time_format(layout.time_format)
        self._format = layout.time_format
        self._zone_name = layout.time_zone
        self._zone = load_zone(layout.time_zone)
        self._pattern = pattern_of(layout.time_format, layout.decimal)
        self._shape_ms: Callable[[Shape], tuple[Ints, NDArray[np.uint8]]] = _calendar_ms
        if self._format in EPOCH_SHIFTS:
            shift = EPOCH_SHIFTS[self._format]
            self._shape_ms = lambda shape: _epoch_ms(shape, shift)

    def read(self, cells: pl.Series) -> Times:
        """Return the times of a column of String without nulls and without white space around.

        Raises:
            BadCell: for the first cell that is not a time, is out of range, or is skipped by the time zone.
        """
        times_ms = np.zeros(len(cells), np.int64)
        kinds = np.full(len(cells), _UNREAD, np.uint8)
        for shape in shapes(cells, self._pattern) if self._pattern else ():
            times_ms[shape.rows], kinds[shape.rows] = self._shape_ms(shape)
        self._read_one_by_one(cells, times_ms, kinds)
        repeated_ms, is_skipped = self._to_utc(times_ms, kinds)
        # a leap second is the instant after 23:59:59 UTC
        kinds[(kinds >= _LEAP) & (times_ms % DAY_MS >= 1000)] = _BAD
        is_outside = (times_ms < EARLIEST_EVENT_TIME_MS) | (times_ms >= LATEST_EVENT_TIME_MS)
        faults = np.flatnonzero((kinds == _BAD) | is_skipped | is_outside)
        if len(faults):
            row = int(faults[0])
            text = str(cells[row])
            if kinds[row] == _BAD:
                raise BadCell(row, self._problem(text))
            if is_outside[row]:
                raise BadCell(row, f"{text!r} is out of range: years 1 to 8999{self._unit_hint(text)}")
            raise BadCell(
                row,
                f"{text!r} does not exist in {self._zone_name}, where clocks go forward over it: "
                "give another --time-zone, or times with an offset",
            )
        return Times(times_ms, repeated_ms)

    def _to_utc(self, times_ms: Ints, kinds: NDArray[np.uint8]) -> tuple[Ints, NDArray[np.bool_]]:
        """Convert local times in place; return by how much each is repeated, and which are skipped."""
        repeated_ms, is_skipped = np.zeros(len(times_ms), np.int64), np.zeros(len(times_ms), np.bool_)
        if self._zone_name == "UTC":
            return repeated_ms, is_skipped
        is_inside = (times_ms >= EARLIEST_EVENT_TIME_MS) & (times_ms < LATEST_EVENT_TIME_MS)
        rows = np.flatnonzero((kinds % _LEAP == _LOCAL) & is_inside)
        local = to_utc(times_ms[rows], self._zone)
        times_ms[rows], repeated_ms[rows], is_skipped[rows] = local.utc_ms, local.repeated_ms, local.is_skipped
        return repeated_ms, is_skipped

    def _read_one_by_one(self, cells: pl.Series, times_ms: Ints, kinds: NDArray[np.uint8]) -> None:
        """Read what is not of a usual shape; a format with epoch in its name has no other."""
        rows = np.flatnonzero(kinds == _UNREAD)
        if self._format in EPOCH_SHIFTS:
            kinds[rows] = _BAD
            return
        for row, text in zip(rows.tolist(), cells.gather(rows).to_list(), strict=True):
            parsed = self._parse(text)
            if parsed is None:
                kinds[row] = _BAD
                return  # the first bad cell is the error
            times_ms[row] = _milliseconds(parsed)
            kinds[row] = _UTC if parsed.tzinfo else _LOCAL

    def _parse(self, text: str) -> datetime | None:
        try:
            if self._format:
                return datetime.strptime(text, self._format)  # noqa: DTZ007 - a zone is given where there is one
            return datetime.fromisoformat(text) if _ISO_LIKE.fullmatch(text) else None
        except ValueError:
            return None

    def _problem(self, text: str) -> str:
        time_format = self._format or "ISO 8601, e.g. 2024-05-01T12:00:00Z"
        return f"{text!r} is no time in the format {time_format}{self._unit_hint(text) or ': see --time-format'}"

    def _unit_hint(self, text: str) -> str:
        number = _NUMBER.fullmatch(text)
        unit = EPOCH_BY_DIGITS.get(len(number[1])) if number else None
        return f": try --time-format {unit}" if unit and unit != self._format else ""


def _calendar_ms(shape: Shape) -> tuple[Ints, NDArray[np.uint8]]:
    """Return the times of a shape with year, month and day, and what they are."""
    year, month, day = _year(shape), _month(shape), shape.number("day")
    hour, minute, second = _hour(shape), shape.number("minute"), shape.number("second")
    is_leap_year = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    month_days = _MONTH_DAYS[np.where(month <= 12, month, 0)] + (is_leap_year & (month == 2))
    fraction = shape.places("fraction")
    millisecond = shape.digits(list(fraction[:3])) * 10 ** (3 - len(fraction[:3]))
    within_hour = (minute * 60 + second) * 1000 + millisecond
    is_real = (day >= 1) & (day <= month_days) & (minute <= 59) & (second <= 60)
    # 24:00 is the midnight that ends the day
    is_real &= (hour <= 23) | ((hour == 24) & (within_hour == 0) & ~_has_digit(shape, list(fraction[3:])))
    times_ms = _day_number(year, month, day) * DAY_MS + hour * 3_600_000 + within_hour
    if not shape.has("zone"):
        kinds = np.where(is_real, _LOCAL, _BAD)
    else:
        zone_hour, zone_minute = shape.number("zone_hour"), shape.number("zone_minute")
        is_real &= (zone_hour <= 23) & (zone_minute <= 59)
        offset_ms = (zone_hour * 60 + zone_minute) * 60_000
        times_ms -= -offset_ms if shape.match["zone"].startswith("-") else offset_ms
        kinds = np.where(is_real, _UTC, _BAD)
    kinds = np.where((second == 60) & is_real, kinds + _LEAP, kinds)
    return times_ms, kinds.astype(np.uint8)


def _year(shape: Shape) -> Ints:
    if not shape.has("short_year"):
        return shape.number("year")
    short = shape.number("short_year")
    short += np.where(short >= 69, 1900, 2000)  # as POSIX and strptime have it
    return short


def _month(shape: Shape) -> Ints:
    if not shape.has("month_name"):
        return shape.number("month")
    return np.full(len(shape.rows), MONTHS.get(shape.match["month_name"].capitalize(), 0), np.int64)


def _hour(shape: Shape) -> Ints:
    if not shape.has("half_hour"):
        return shape.number("hour")
    hour = shape.number("half_hour")
    is_real = (hour >= 1) & (hour <= 12)
    return np.where(is_real, hour % 12 + (12 if shape.match["half"] == "PM" else 0), _NO_HOUR)


def _has_digit(shape: Shape, places: list[int]) -> NDArray[np.bool_]:
    """Return whether any of the digits at these places is not 0."""
    is_one: NDArray[np.bool_] = (shape.codes[places] != ord("0")).any(axis=0)
    return is_one


def _day_number(year: Ints, month: Ints, day: Ints) -> Ints:
    """Return days since 1970-01-01 in the Gregorian calendar.

    Source: Howard Hinnant, chrono-compatible low-level date algorithms, days_from_civil.
    """
    year = year - (month <= 2)
    era = year // 400
    year_of_era = year - era * 400
    day_of_year = (153 * (month + np.where(month > 2, -3, 9)) + 2) // 5 + day - 1
    number: Ints = era * 146_097 + year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year - 719_468
    return number


def _epoch_ms(shape: Shape, shift: int) -> tuple[Ints, NDArray[np.uint8]]:
    """Return numbers as milliseconds, whose decimal point is `shift` digits further right, rounded down."""
    places = [*shape.places("whole"), *shape.places("fraction")]
    point = len(shape.places("whole")) + shift
    kept = places[: max(point, 0)]
    leading, kept = kept[:-_MOST_DIGITS], kept[-_MOST_DIGITS:]
    zeros = max(point - len(places), 0)
    is_real = ~_has_digit(shape, leading) if leading else np.ones(len(shape.rows), np.bool_)
    digits = shape.digits(kept)
    is_real &= digits < 10 ** (_MOST_DIGITS - zeros)
    times_ms = np.where(is_real, digits, 0) * 10**zeros
    if shape.match[0].startswith("-"):
        times_ms = -times_ms - _has_digit(shape, places[max(point, 0) :])
    return times_ms, np.where(is_real, _UTC, _BAD).astype(np.uint8)


def _milliseconds(parsed: datetime) -> int:
    since_epoch = (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)) - datetime(1970, 1, 1, tzinfo=UTC)
    return since_epoch // timedelta(milliseconds=1)
