"""Computes the measures that the report shows, from the rows of the model's tables.

It follows the DAX of the model, which only Power BI computes. Nothing here draws: see `powerbi.pictures.pages`.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from powerbi.checks.model import tables
from powerbi.checks.report import Field
from powerbi.pictures.rows import Row, holds_new_event

# Columns of these tables filter the rows of every table that leads to them.
_DIMENSIONS = ("Customers", "Series", "Averages", "Calendar")
_SOURCES = {
    (name, column.name): column.properties["sourceColumn"]
    for name, table in tables().items()
    for column in table.named("column").values()
}
# the column by whose values those of another are sorted
_SORTED_BY = {
    (name, column.name): _SOURCES[name, column.properties["sortByColumn"].strip("'")]
    for name, table in tables().items()
    for column in table.named("column").values()
    if "sortByColumn" in column.properties
}


def order(keys: list[tuple[str, str]], row: Row) -> tuple[Any, ...]:
    """Return what a row is sorted by, of some (table, column): a month by its number, not by its name."""
    return tuple(row.values[_SORTED_BY.get(key, _SOURCES[key])] for key in keys)


@dataclass(frozen=True)
class Selection:
    """The rows of each table that a visual, or one row of it, is about.

    `rows`: those of each table, oldest first. `chosen`: the value of each (table, column) that is selected; a column of
    Customers, Series, Averages or Calendar filters every table, any other its own.
    """

    rows: Mapping[str, list[Row]]
    chosen: Mapping[tuple[str, str], Any] = field(default_factory=dict)
    _found: dict[str, list[Row]] = field(default_factory=dict)

    def where(self, chosen: Mapping[tuple[str, str], Any]) -> "Selection":
        """Return the rows that have these values too."""
        return Selection(self.rows, {**self.chosen, **chosen})

    def without(self, dimension: str) -> "Selection":
        """Return the rows without the filters on one table."""
        chosen = {key: value for key, value in self.chosen.items() if key[0] != dimension}
        return self if chosen == self.chosen else Selection(self.rows, chosen)

    def of(self, table: str) -> list[Row]:
        """Return the selected rows of one table, oldest first."""
        if table not in self._found:
            wanted = {_SOURCES[key]: value for key, value in self.chosen.items() if key[0] in (table, *_DIMENSIONS)}
            self._found[table] = [
                row
                for row in self.rows[table]
                if all(row.values.get(name, value) == value for name, value in wanted.items())
            ]
        return self._found[table]

    def groups(self, columns: list[Field], table: str) -> Iterator["Selection"]:
        """Yield a selection for each combination of values of the columns that the rows of a table have, sorted."""
        keys = [(column.table, column.name) for column in columns]
        parts = {name: self._parts(name, keys) for name in self.rows}
        for values in sorted(parts[table][1], key=lambda values: order(keys, parts[table][1][values][0])):
            found = {
                name: rows.get(tuple(value for value, is_one in zip(values, filters, strict=True) if is_one), [])
                for name, (filters, rows) in parts.items()
            }
            yield Selection(self.rows, {**self.chosen, **dict(zip(keys, values, strict=True))}, found)

    def _parts(self, table: str, keys: list[tuple[str, str]]) -> tuple[list[bool], dict[tuple[Any, ...], list[Row]]]:
        """Which of the columns filter a table, and its selected rows by the values of these."""
        rows = self.of(table)
        filters = [key[0] in (table, *_DIMENSIONS) and bool(rows) and _SOURCES[key] in rows[0].values for key in keys]
        names = [_SOURCES[key] for key, is_one in zip(keys, filters, strict=True) if is_one]
        parts: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
        for row in rows:
            parts[tuple(row.values[name] for name in names)].append(row)
        return filters, dict(parts)


def _one(rows: list[Row]) -> bool:
    """Whether the rows are of one series and one average."""
    return len({(row.series_key, row.average) for row in rows}) == 1


def _current(selection: Selection) -> Row | None:
    rows = [row for row in selection.of("Moving averages") if holds_new_event(row)]
    return rows[-1] if rows and _one(rows) else None


def _previous(selection: Selection) -> Row | None:
    current = _current(selection)
    if current is None:
        return None
    earlier = [row for row in selection.without("Calendar").of("Moving averages") if row.as_of < current.as_of]
    return earlier[-1] if earlier else None


def _newest(selection: Selection) -> Row | None:
    rows = selection.of("Moving averages")
    return rows[-1] if rows and _one(rows) else None


def _now(selection: Selection) -> Row | None:
    rows = selection.without("Calendar").of("Moving averages live")
    return rows[-1] if rows and _one(rows) else None


def _change(selection: Selection) -> Decimal | None:
    current, before = _current(selection), _previous(selection)
    return current.sma - before.sma if current and before else None


def _change_share(selection: Selection) -> Decimal | None:
    change, before = _change(selection), _previous(selection)
    return change / abs(before.sma) if change is not None and before and before.sma else None


def _stream_sma(selection: Selection) -> Decimal | None:
    row = _newest(selection)
    if row is None:
        return None
    key = (row.series_key, row.average, row.as_of)
    differing = [one for one in selection.of("Differences") if (one.series_key, one.average, one.as_of) == key]
    stream_sma: Decimal | None = differing[0].stream_sma if differing else row.sma
    return stream_sma


def _batch_sma(selection: Selection) -> Decimal | None:
    row = _newest(selection)
    return row.sma if row and row.source == "batch" else None


def _stream_less_batch(selection: Selection) -> Decimal | None:
    stream, batch = _stream_sma(selection), _batch_sma(selection)
    return None if stream is None or batch is None else stream - batch


def _current_as_of(selection: Selection) -> datetime | None:
    return max((row.as_of for row in selection.of("Moving averages") if holds_new_event(row)), default=None)


def _share_final(selection: Selection) -> float | None:
    rows = selection.of("Moving averages")
    return sum(row.is_final for row in rows) / len(rows) if rows else None


def _of(row: Callable[[Selection], Row | None], column: str) -> Callable[[Selection], Any]:
    def value(selection: Selection) -> Any:
        found = row(selection)
        return found and found.values[column]

    return value


def _only(column: str) -> Callable[[Selection], Any]:
    def value(selection: Selection) -> Any:
        rows = selection.of("Differences")
        return rows[0].values[column] if len(rows) == 1 else None

    return value


def _newest_age(column: str) -> Callable[[Selection], datetime | None]:
    def value(selection: Selection) -> datetime | None:
        return max((row.values[column] for row in selection.of("Data age") if row.values[column]), default=None)

    return value


def _age(column: str) -> Callable[[Selection], int | None]:
    def value(selection: Selection) -> int | None:
        newest = _newest_age(column)(selection)
        now = datetime.now(UTC).replace(tzinfo=None)  # as the views' times: UTC, without a zone
        return None if newest is None else int((now - newest).total_seconds())

    return value


def _total(*columns: str) -> Callable[[Selection], int | None]:
    def value(selection: Selection) -> int | None:
        rows = selection.of("Reconciliation")
        return sum(row.values[column] for row in rows for column in columns) if rows else None

    return value


def _count(table: str) -> Callable[[Selection], int | None]:
    return lambda selection: len(selection.of(table)) or None


MEASURES: dict[str, Callable[[Selection], Any]] = {
    "Current SMA": _of(_current, "sma"),
    "Current as of (UTC)": _current_as_of,
    "Current events": _of(_current, "event_count"),
    "Change": _change,
    "Change %": _change_share,
    "Stream SMA": _stream_sma,
    "Batch SMA": _batch_sma,
    "Stream less batch": _stream_less_batch,
    "Events in window": _of(_newest, "event_count"),
    "Rows": _count("Moving averages"),
    "Share final": _share_final,
    "SMA now": _of(_now, "sma"),
    "As of now (UTC)": lambda selection: max(
        (row.as_of for row in selection.without("Calendar").of("Moving averages live")), default=None
    ),
    "Differing windows": _count("Differences"),
    "Differing stream SMA": _only("stream_sma"),
    "Differing batch SMA": _only("batch_sma"),
    "Changed windows": _total("changed"),
    "Missing windows": _total("missing_in_stream"),
    "Extra windows": _total("extra_in_stream"),
    "Explained windows": _total("explained"),
    "Unexplained windows": _total("unexplained"),
    "Differences found": _total("changed", "missing_in_stream", "extra_in_stream"),
    "Days reconciled": lambda selection: len({row.date for row in selection.of("Reconciliation")}) or None,
    "Reconciled at (UTC)": lambda selection: max(
        (row.reconciled_at for row in selection.of("Reconciliation")), default=None
    ),
    "Newest window closed (UTC)": _newest_age("newest_window_closed"),
    "Newest streamed (UTC)": _newest_age("newest_streamed"),
    "Newest reconciled (UTC)": _newest_age("newest_reconciled"),
    "Age of closed windows": _age("newest_window_closed"),
    "Age of stream": _age("newest_streamed"),
    "Age of reconciliation": _age("newest_reconciled"),
}
