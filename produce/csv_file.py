"""Reads a CSV file as records of the topic `events`, and names the row that is wrong.

Nothing here knows Kafka. A file is read twice, once to check every row and once to publish it, so that a mistake in its
last row is found before its first one is sent, in the memory of one row.
"""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sma.errors import SmaError
from sma.event import Event, Rejected, read_record

_MISSING = {"", "na", "n/a", "nan", "null", "none"}


@dataclass(frozen=True, slots=True)
class Layout:
    """Which column has which field; the customer and the metric are either given or come from a column."""

    time_column: str
    value_column: str
    customer: str | None = None
    customer_column: str | None = None
    metric: str | None = None
    metric_column: str | None = None
    time_format: str | None = None
    skip_missing: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """What is sent to Kafka for one row."""

    key: bytes
    value: bytes
    event_time_ms: int


@dataclass(frozen=True, slots=True)
class Summary:
    """A checked file: how many rows are events, how many have no value, and the maximum event time."""

    events: int
    missing: int
    newest_event_time_ms: int


def check_file(path: Path, layout: Layout) -> Summary:
    """Read every row without publishing anything.

    Raises:
        SmaError: the file, a column or a cell cannot be read; the text names the row.
    """
    events = missing = 0
    max_event_time_ms: int | None = None
    for record in read_records(path, layout):
        if record is None:
            missing += 1
            continue
        events += 1
        at_ms = record.event_time_ms
        max_event_time_ms = at_ms if max_event_time_ms is None else max(max_event_time_ms, at_ms)
    if max_event_time_ms is None:
        raise SmaError(f"{path}: holds no event")
    return Summary(events=events, missing=missing, newest_event_time_ms=max_event_time_ms)


def read_records(path: Path, layout: Layout) -> Iterator[Record | None]:
    """Yield the record of each row, in file order; None for a row without a value, where such rows are skipped."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from _read_rows(csv.reader(file), path, layout)
    except OSError as error:
        raise SmaError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SmaError(f"{path}: not UTF-8 text: {error.reason} at byte {error.start}") from error
    except csv.Error as error:
        raise SmaError(f"{path}: not CSV: {error}") from error


def _read_rows(rows: Iterator[list[str]], path: Path, layout: Layout) -> Iterator[Record | None]:
    header = [name.strip() for name in next(rows, [])]
    time_at = _position(path, header, layout.time_column)
    value_at = _position(path, header, layout.value_column)
    customer_at = _position(path, header, layout.customer_column) if layout.customer_column else None
    metric_at = _position(path, header, layout.metric_column) if layout.metric_column else None
    for row_number, row in enumerate(rows, start=2):
        if not row:
            continue
        where = f"{path}: row {row_number}"
        if len(row) != len(header):
            raise SmaError(f"{where}: has {len(row)} cells where the header has {len(header)}")
        value = row[value_at].strip()
        if value.lower() in _MISSING:
            if not layout.skip_missing:
                raise SmaError(
                    f"{where}: {layout.value_column}: {value!r} is no number: --skip-missing skips such rows"
                )
            yield None
            continue
        yield _record(
            where,
            layout,
            customer=row[customer_at].strip() if customer_at is not None else layout.customer or "",
            metric=row[metric_at].strip() if metric_at is not None else layout.metric or "",
            event_time_ms=_event_time_ms(where, layout, row[time_at].strip()),
            value=value,
        )


def _position(path: Path, header: list[str], column: str) -> int:
    if header.count(column) != 1:
        problem = "no column" if column not in header else "more than one column"
        raise SmaError(f"{path}: {problem} {column!r}: the columns are {', '.join(header) or '(none)'}")
    return header.index(column)


def _record(where: str, layout: Layout, *, customer: str, metric: str, event_time_ms: int, value: str) -> Record:
    encoded = json.dumps(
        {"customer": customer, "metric": metric, "event_time": event_time_ms, "value": value}, ensure_ascii=False
    ).encode("utf-8", errors="surrogatepass")
    # the readers' own rule decides, so that nothing is published that they would reject
    key = f"{customer}/{metric}".encode("utf-8", errors="surrogatepass")
    read = read_record(key, encoded, event_time_ms, max_ahead_ms=0)
    if isinstance(read, Rejected):
        raise SmaError(f"{where}: {_in_words(read, layout, customer, metric, value)}")
    assert isinstance(read, Event)  # noqa: S101
    return Record(key=key, value=encoded, event_time_ms=event_time_ms)


def _in_words(rejected: Rejected, layout: Layout, customer: str, metric: str, value: str) -> str:
    field, _, problem = rejected.reason.partition(": ")
    cells = {
        "customer": (layout.customer_column or "--customer", customer),
        "metric": (layout.metric_column or "--metric", metric),
        "event_time": (layout.time_column, None),
        "value": (layout.value_column, value),
    }
    if field not in cells:
        return rejected.reason
    name, cell = cells[field]
    return f"{name}: {problem}" if cell is None else f"{name}: {cell!r}: {problem}"


def _event_time_ms(where: str, layout: Layout, text: str) -> int:
    """Return a time in whole milliseconds, what is finer cut off; a time without a zone is UTC."""
    try:
        if layout.time_format in ("epoch_ms", "epoch_s"):
            return int(text) * (1 if layout.time_format == "epoch_ms" else 1000)
        parsed = (
            datetime.strptime(text, layout.time_format) if layout.time_format else datetime.fromisoformat(text)  # noqa: DTZ007
        )
    except ValueError:
        time_format = layout.time_format or "ISO 8601, e.g. 2024-05-01T12:00:00Z; see --time-format"
        raise SmaError(f"{where}: {layout.time_column}: {text!r} is no time in the format {time_format}") from None
    zoned = parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    since_epoch = zoned - datetime(1970, 1, 1, tzinfo=UTC)
    return since_epoch.days * 86_400_000 + since_epoch.seconds * 1000 + since_epoch.microseconds // 1000
