"""Chooses which pass of the repeated hour of autumn each local time belongs to, by the order of the file.

```
file order   01:30   02:00   02:30   02:00   02:30   03:00
                     first pass      second pass            one step back: the clock went back there
```
The rows of a series must go forward apart from that one step; otherwise nothing is chosen.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import polars as pl

from produce.spool import Spool
from sma.durations import DAY_MS


class UnknownPass(ValueError):
    """Which pass of the repeated hour the time in a line belongs to cannot be told; the text says what to do."""

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(problem)
        self.line = line


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of one series: its place in the file, its time (of a repeated one, the first pass), and its line."""

    number: int
    time_ms: int
    repeated_ms: int
    line: int


def choose_passes(spool: Spool, zone: ZoneInfo) -> Spool:
    """Return the events with the time of the right pass, in a new spool; the old one is closed.

    Args:
        spool: columns series, event_time_ms, value, repeated_ms and line; in file order.
        zone: the time zone, for the text of an error.

    Raises:
        UnknownPass: for the first line of a run of repeated times that has no one step back.
    """
    second = {}
    unknown: list[_Row] = []
    with spool:
        for rows in _rows_by_series(spool):
            for start, end in _runs(rows):
                step = _step_back(rows, start, end)
                if step is None:
                    unknown.append(rows[start])
                else:
                    second.update({row.number: row.repeated_ms for row in rows[step:end]})
        if unknown:
            first = min(unknown, key=lambda row: row.number)
            raise UnknownPass(first.line, _problem(first, zone))
        return _moved(spool, second)


def _rows_by_series(spool: Spool) -> Iterator[list[_Row]]:
    """Yield, for each series with repeated times, these and their neighbours, in file order.

    The first and the last row of a series in each frame are there too: they may be neighbours across frames.
    """
    frames, height = [], 0
    for frame in spool.frames():
        is_repeated = pl.col("repeated_ms") != 0
        is_near = is_repeated | is_repeated.shift(1).over("series") | is_repeated.shift(-1).over("series")
        place = pl.int_range(pl.len()).over("series")
        is_edge = (place == 0) | (place == pl.len().over("series") - 1)
        rows = frame.select("series", "event_time_ms", "repeated_ms", "line").with_row_index("number", offset=height)
        frames.append(rows.filter(is_near.fill_null(value=False) | is_edge))
        height += frame.height
    rows = pl.concat(frames)
    repeated = rows.filter(pl.col("repeated_ms") != 0)["series"].unique()
    wanted = rows.filter(pl.col("series").is_in(repeated.implode()))
    for group in wanted.partition_by("series", maintain_order=True):
        yield [_Row(*row) for row in group.select("number", "event_time_ms", "repeated_ms", "line").iter_rows()]


def _runs(rows: list[_Row]) -> Iterator[tuple[int, int]]:
    """Yield the ranges of rows that are in one repeated hour."""
    start = None
    for index, row in enumerate(rows):
        if start is not None and (not row.repeated_ms or abs(row.time_ms - rows[index - 1].time_ms) > DAY_MS):
            yield start, index
            start = None
        if start is None and row.repeated_ms:
            start = index
    if start is not None:
        yield start, len(rows)


def _step_back(rows: list[_Row], start: int, end: int) -> int | None:
    """Return where the second pass of a run begins; None where the rows do not say."""
    run = rows[start:end]
    steps = [later.time_ms - earlier.time_ms for earlier, later in pairwise(run)]
    backward = [index for index, step in enumerate(steps, start=1) if step < 0]
    if not backward and steps == [0]:
        backward = [1]  # one row in each pass
    before = rows[start - 1] if start else None
    behind = rows[end] if end < len(rows) else None
    is_forward = (before is None or before.time_ms <= run[0].time_ms) and (
        behind is None or behind.time_ms >= run[-1].time_ms + run[-1].repeated_ms
    )
    is_known = before is not None or behind is not None or any(step > 0 for step in steps)
    return start + backward[0] if len(backward) == 1 and is_forward and is_known else None


def _problem(row: _Row, zone: ZoneInfo) -> str:
    local, later = (
        (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=time_ms)).astimezone(zone)
        for time_ms in (row.time_ms, row.time_ms + row.repeated_ms)
    )
    return (
        f"{local:%Y-%m-%d %H:%M:%S} is twice in {zone.key}, where clocks go back, and the order of the rows does not "
        f"say which is meant: sort each series by time, or give offsets ({_offset(local)} or {_offset(later)})"
    )


def _offset(at: datetime) -> str:
    return at.isoformat()[-6:]


def _moved(spool: Spool, second: dict[int, int]) -> Spool:
    """Return the events with some times moved; `second` is by how much, in milliseconds, by the number of the row."""
    numbers = pl.DataFrame(
        {"number": list(second), "later_ms": list(second.values())}, {"number": pl.UInt32, "later_ms": pl.Int64}
    )
    moved, height = Spool(), 0
    for frame in spool.frames():
        joined = frame.with_row_index("number", offset=height).join(
            numbers, on="number", how="left", maintain_order="left"
        )
        time = pl.col("event_time_ms") + pl.col("later_ms").fill_null(0)
        moved.add(joined.select("series", time.alias("event_time_ms"), "value"))
        height += frame.height
    return moved
