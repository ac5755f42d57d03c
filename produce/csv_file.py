"""Reads a CSV file as events, and names the cell that is wrong by file, line and column.

Nothing here knows Kafka. The file is read once, a block at a time, into a temporary file of checked events: a mistake
in its last row is found before its first event is sent, and what was checked is what is sent.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Self, TypeVar

import numpy as np
import polars as pl

from produce.dialect import hint
from produce.digits import Ints
from produce.errors import BadCell
from produce.layout import ALL_COLUMNS, Layout
from produce.lines import Block, CsvLines
from produce.repeated_hour import UnknownPass, choose_passes
from produce.series import Records, SeriesTable
from produce.spool import Spool
from produce.times import TimeReader
from produce.values import ValueReader
from produce.zones import load_zone
from sma.errors import SmaError

STANDARD_INPUT = Path("-")
PLAIN_COLUMNS = ("series", "event_time_ms", "value")

_SORTED_EVENTS = 500_000  # of a frame

Read = TypeVar("Read")


@dataclass(slots=True)
class FileEvents:
    """The checked events of a file.

    spool: at least series UInt32, event_time_ms Int64, value String; in file order, those of a wide row by column.
    missing: how many values are missing and skipped.
    rounded: how many values lose digits when they are rounded to 6 decimals.
    is_sorted: whether they are sorted by event time instead.
    """

    spool: Spool
    series: SeriesTable
    missing: int = 0
    rounded: int = 0
    is_sorted: bool = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.spool.close()

    def records(self) -> Iterator[Records]:
        """Yield the records in order, some at a time."""
        for events in self.spool.frames():
            yield from self.series.records(events)

    def sort(self) -> None:
        """Sort all events by event time, those of equal time in file order; holds all of them in memory."""
        events = pl.concat(self.spool.frames()).sort("event_time_ms", maintain_order=True)
        self.spool.close()
        self.spool = Spool()
        for block in events.iter_slices(_SORTED_EVENTS):
            self.spool.add(block)
        self.is_sorted = True


def read_file(path: Path, layout: Layout, progress: Callable[[int], None] | None = None) -> FileEvents:
    """Read and check a whole file; `-` is the standard input.

    Args:
        path: the file; it may be a pipe.
        layout: its columns and how its cells are written.
        progress: gets how many bytes are read so far.

    Raises:
        SmaError: a cell, a line or the file cannot be read; the text names the file, the line, the column and the fix.
    """
    with _open(path) as file:
        reader = _Reader(path, layout, CsvLines(file, str(path), layout.delimiter, layout.multiline))
        return reader.read(progress)


@contextmanager
def _open(path: Path) -> Iterator[BinaryIO]:
    try:
        if path == STANDARD_INPUT:
            yield sys.stdin.buffer
        else:
            with path.open("rb") as file:
                yield file
    except OSError as error:
        raise SmaError(f"{path}: {error.strerror}") from error


class _Reader:
    """Reads the blocks of one file."""

    def __init__(self, path: Path, layout: Layout, lines: CsvLines) -> None:
        self._path = path
        self._layout = layout
        self._lines = lines
        self._time_reader = TimeReader(layout)
        self._value_reader = ValueReader(layout)
        self._is_local = layout.time_zone != "UTC"
        self._time_at = self._position(layout.time_column)
        self._customer_at = self._position(layout.customer_column) if layout.customer_column is not None else None
        self._metric_at = self._position(layout.metric_column) if layout.metric_column is not None else None
        self._value_columns = self._find_value_columns()
        self._value_ats = [self._position(column) for column in self._value_columns]
        self._series = SeriesTable()
        self._missing = self._rounded = 0
        self._check_given_names()

    def read(self, progress: Callable[[int], None] | None) -> FileEvents:
        """Read all blocks."""
        height, is_repeated = 0, False
        with ExitStack() as opened:
            spool = opened.enter_context(Spool())
            for block in self._lines.blocks(progress):
                events = self._read_block(block)
                if events.is_empty():
                    continue
                height += events.height
                is_repeated = is_repeated or bool((events["repeated_ms"] != 0).any())
                spool.add(events if self._is_local else events.select(PLAIN_COLUMNS))
            if not height:
                raise SmaError(f"{self._path}: holds no event")
            if is_repeated:
                spool = opened.enter_context(self._choose_passes(spool))
            opened.pop_all()  # the caller closes it
        return FileEvents(spool, self._series, missing=self._missing, rounded=self._rounded)

    def _choose_passes(self, spool: Spool) -> Spool:
        try:
            return choose_passes(spool, load_zone(self._layout.time_zone))
        except UnknownPass as unknown:
            where = f"{self._path}: line {unknown.line}: {self._layout.time_column}"
            raise SmaError(f"{where}: {unknown}") from None

    def _find_value_columns(self) -> tuple[str, ...]:
        if ALL_COLUMNS not in self._layout.value_columns:
            return self._layout.value_columns
        others = {self._layout.time_column, self._layout.customer_column, self._layout.metric_column}
        columns = tuple(column for column in self._lines.header if column not in others)
        if not columns:
            raise SmaError(f"{self._path}: line 1: no column but those of the time and the customer: none has values")
        return columns

    def _position(self, column: str) -> int:
        header = self._lines.header
        if header.count(column) != 1:
            problem = "no column" if column not in header else "more than one column"
            columns = f"the columns are {', '.join(header) or '(none)'}"
            found = hint(self._lines.sample, self._layout) if column not in header else ""
            raise SmaError(f"{self._path}: line 1: {problem} {column!r}: {columns}{found}")
        return header.index(column)

    def _check_given_names(self) -> None:
        given = [("--customer", self._layout.customer), ("--metric", self._layout.metric)]
        if self._layout.is_wide:
            given += [("a column of values", column) for column in self._value_columns]
        for option, name in given:
            if name is not None:
                try:
                    self._series.check_names(pl.Series([name]))
                except BadCell as bad:
                    raise SmaError(f"{self._path}: {option}: {bad.problem}") from None

    def _read_block(self, block: Block) -> pl.DataFrame:
        """Return the events of a block as `_read_rows` does.

        Raises:
            SmaError: for the first row that has a bad cell.
        """
        cells = self._cells(block)
        first: _BadColumn | None = None
        height = len(block.lines)
        while first is None or height:
            try:
                read = self._read_rows({at: column.head(height) for at, column in cells.items()}, block.lines[:height])
            except _BadColumn as bad:  # an earlier row may have a bad cell in another column
                first, height = bad, bad.row
                continue
            if first is None:
                return read
            break
        raise self._refusal(first, int(block.lines[first.row]))

    def _refusal(self, bad: "_BadColumn", line: int) -> SmaError:
        found = hint(self._lines.sample, self._layout) if bad.at in self._value_ats else ""
        return SmaError(f"{self._path}: line {line}: {self._lines.header[bad.at]}: {bad.problem}{found}")

    def _cells(self, block: Block) -> dict[int, pl.Series]:
        """Return the columns that are needed, by their position: String without nulls, without white space around."""
        names = [f"column_{at}" for at in range(len(self._lines.header))]
        named = (at for at in (self._customer_at, self._metric_at) if at is not None)
        ats = sorted({self._time_at, *self._value_ats, *named})
        frame = pl.read_csv(
            BytesIO(block.text),
            has_header=False,
            schema=dict.fromkeys(names, pl.String),
            columns=[names[at] for at in ats],
            separator=self._layout.delimiter,
            quote_char='"' if block.has_quotes else None,
            empty_string_is_null=False,
        )
        if frame.height != len(block.lines):
            raise AssertionError(f"{frame.height} rows read of {len(block.lines)} records")
        return {at: frame[names[at]].str.strip_chars() for at in ats}

    def _read_rows(self, cells: dict[int, pl.Series], lines: Ints) -> pl.DataFrame:
        """Return the events of some rows.

        Returns:
            series UInt32, event_time_ms Int64, value String, repeated_ms Int64, line Int64; in file order.

        Raises:
            _BadColumn: for the first bad cell of a column.
        """
        read = [_in_column(at, cells[at], self._value_reader.read) for at in self._value_ats]
        has_value = np.column_stack([values.text.is_not_null().to_numpy() for values in read])
        rows = np.flatnonzero(has_value.any(axis=1))
        kept = {at: column if len(rows) == len(lines) else column.gather(rows) for at, column in cells.items()}
        times = _in_column(self._time_at, kept[self._time_at], self._time_reader.read, rows)
        for at in (self._customer_at, self._metric_at):
            if at is not None:
                _in_column(at, kept[at], self._series.check_names, rows)
        width = len(read)
        # one entry for each event: its row among `rows`, and the column of its value
        row, column = np.divmod(np.flatnonzero(has_value[rows].ravel()), width)
        texts = pl.concat([values.text for values in read]).gather(rows[row] + column * len(lines))
        events = pl.DataFrame(
            {
                "series": self._series_of(kept, len(rows)).gather(row * width + column),
                "event_time_ms": times.event_time_ms[row],
                "value": texts,
                "repeated_ms": times.repeated_ms[row],
                "line": lines[rows[row]],
            }
        )
        self._rounded += sum(values.rounded for values in read)
        self._missing += has_value.size - events.height
        return events

    def _series_of(self, cells: dict[int, pl.Series], height: int) -> pl.Series:
        """Return the series of each value of each row, row by row."""
        series = self._series
        customers = pl.Series([self._layout.customer]) if self._customer_at is None else cells[self._customer_at]
        if self._metric_at is not None:
            return series.numbers(customers, cells[self._metric_at], height)
        metrics = [self._layout.metric] if self._layout.metric is not None else self._value_columns
        numbers = [series.numbers(customers, pl.Series([metric]), height) for metric in metrics]
        return pl.Series(np.column_stack(numbers).ravel()) if len(numbers) > 1 else numbers[0]


class _BadColumn(BadCell):
    """A bad cell in the column at a position."""

    def __init__(self, row: int, problem: str, at: int) -> None:
        super().__init__(row, problem)
        self.at = at


def _in_column(at: int, cells: pl.Series, read: Callable[[pl.Series], Read], rows: Ints | None = None) -> Read:
    """Read the column at a position; `rows` is where its cells are in the block, if not all are there."""
    try:
        return read(cells)
    except BadCell as bad:
        row = bad.row if rows is None else int(rows[bad.row])
        raise _BadColumn(row, bad.problem, at) from None
