"""Reads what the database holds of one window: the served value, both layers' rows, and its audit trail.

What the records mean is decided in `batch.explain.explanation`. Sums leave the database as whole micro-units.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, LiteralString

from batch.explain.layer_checks import Row, StoredResult
from batch.store.database import Connection
from batch.windows.window_events import Pair
from clients.statements import load_statements
from sma.days import day_of
from sma.instants import instant, milliseconds

_SQL = load_statements(__file__)


@dataclass(frozen=True, slots=True)
class Served:
    """A row as readers see it."""

    source: str
    is_final: bool
    sma: Decimal
    pair: Pair
    is_full: bool


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What a run found on the window's day, for its average."""

    run_id: str
    reconciled_at: datetime
    windows_compared: int
    equal: int
    changed: int
    missing_in_stream: int
    extra_in_stream: int
    explained: int
    unexplained: int


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference that a reconciliation found in the window, with the pair of each layer; None for no row."""

    run_id: str
    reconciled_at: datetime
    difference_class: str
    is_explained: bool
    late_event_count: int
    stream: Pair | None
    batch: Pair | None


@dataclass(frozen=True, slots=True)
class Correction:
    """A later run's change to the batch row of the window; None for no row."""

    run_id: str
    corrected_at: datetime
    before: Pair | None
    after: Pair | None


@dataclass(frozen=True, slots=True)
class WindowRecords:
    """All records of the window, as of one moment; lists newest first.

    `unsettled`: why the row is not final whatever a reconciliation finds, as `serving.unsettled` has it.
    """

    served: Served | None
    streamed: Row | None
    computed: Row | None
    result: StoredResult | None
    reconciliations: tuple[Reconciliation, ...]
    differences: tuple[Difference, ...]
    corrections: tuple[Correction, ...]
    unsettled: tuple[str, ...] = ()


def read_records(connection: Connection, customer: str, metric: str, average: str, as_of_ms: int) -> WindowRecords:
    """Return what is stored about the window before `as_of_ms`; call it in a `batch.store.database.snapshot`."""
    bound = {
        "customer": customer,
        "metric": metric,
        "average": average,
        "as_of": instant(as_of_ms),
        "day": day_of(as_of_ms),
    }

    def rows(query: LiteralString) -> list[tuple[Any, ...]]:
        return connection.execute(query, bound).fetchall()

    return WindowRecords(
        served=next((_served(*row) for row in rows(_SQL["read_served"])), None),
        streamed=next((Row(_stored_pair(*row[:2]), *row[2:]) for row in rows(_SQL["read_streamed"])), None),
        computed=next((Row(_stored_pair(*row[:2]), *row[2:]) for row in rows(_SQL["read_computed"])), None),
        result=next((_result(*row) for row in rows(_SQL["read_result"])), None),
        reconciliations=tuple(Reconciliation(*row) for row in rows(_SQL["read_reconciliations"])),
        differences=tuple(_difference(*row) for row in rows(_SQL["read_differences"])),
        corrections=tuple(_correction(*row) for row in rows(_SQL["read_corrections"])),
        unsettled=tuple(reason for (reason,) in rows(_SQL["read_unsettled"])),
    )


def _served(source: str, is_final: bool, sma: Decimal, value_sum: Decimal, event_count: int, is_full: bool) -> Served:
    return Served(source, is_final, sma, _stored_pair(value_sum, event_count), is_full)


def _result(
    read_to: Mapping[str, int], low_watermark: datetime, lagging: Mapping[str, int], run_id: str, written_at: datetime
) -> StoredResult:
    offsets, closed = ({int(number): value for number, value in each.items()} for each in (read_to, lagging))
    return StoredResult(offsets, milliseconds(low_watermark), run_id, written_at, closed)


def _difference(*row: Any) -> Difference:
    *columns, stream_sum, stream_count, batch_sum, batch_count = row
    run_id, reconciled_at, difference_class, is_explained, late_event_count = columns
    return Difference(
        run_id,
        reconciled_at,
        difference_class,
        is_explained,
        late_event_count,
        _pair(stream_sum, stream_count),
        _pair(batch_sum, batch_count),
    )


def _correction(*row: Any) -> Correction:
    run_id, corrected_at, sum_before, count_before, sum_after, count_after = row
    return Correction(run_id, corrected_at, _pair(sum_before, count_before), _pair(sum_after, count_after))


def _stored_pair(value_sum_micros: Decimal, event_count: int) -> Pair:
    return Pair(int(value_sum_micros), event_count)


def _pair(value_sum_micros: Decimal | None, event_count: int | None) -> Pair | None:
    return None if value_sum_micros is None or event_count is None else Pair(int(value_sum_micros), event_count)
