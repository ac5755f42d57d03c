"""Combines what the database and the log hold of one window, and decides which case it is.

Pure. The cases are worded in `batch.explain.wording`; the inputs are read in `batch.explain.trace`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum

from batch.explain.layer_checks import LayerCheck, Verdict, Window, check_batch, check_stream
from batch.explain.stored_records import WindowRecords
from batch.windows.window_events import SeriesEvent, by_time
from sma.averages import Average
from sma.days import day_of
from sma.window import DurationWindow


class Case(StrEnum):
    """What a reader who asks for the window gets, and why."""

    FINAL = "final"
    NOT_FINAL = "not final"
    STREAM_ONLY = "streamed row only"
    NOT_SERVED = "not served"
    NO_ROW = "no row"
    NOT_YET = "no row yet"
    NOT_KEPT = "no longer kept"
    LOST_ROW = "a row is missing"
    UNKNOWN = "no row, cause unknown"


@dataclass(frozen=True, slots=True)
class LogReading:
    """What was read of the log.

    partitions: of the series: one, unless producers have put its events into more; none where it has no event.
    events: of the series, all that the window can hold; where some are lost, those that the index and the tail hold.
    lost: partition, and the required Kafka offsets, first and last, that Kafka no longer has.
    watermark_ms: the lowest watermark of those partitions at the log's end; None where one has none.
    committed: the Kafka offsets, by partition, that the stream has committed.
    is_committed: whether the stream has committed the log to its end.
    unindexed: how many Kafka offsets of those partitions are not in the offset index yet; they were read too.
    """

    partitions: tuple[int, ...]
    events: tuple[SeriesEvent, ...]
    lost: tuple[int, int, int] | None
    watermark_ms: int | None
    committed: Mapping[int, int]
    is_committed: bool
    unindexed: int = 0
    offsets_read: int = 0

    def is_closed(self, as_of_ms: int) -> bool:
        """Tell whether the watermark at the log's end has passed the window before `as_of_ms`."""
        return self.watermark_ms is not None and self.watermark_ms >= as_of_ms - 1


@dataclass(frozen=True, slots=True)
class DayState:
    """Why the window's day is to be reconciled, or is not.

    reasons: as `batch.schedule.stale_days` names them; none where the day is not stale.
    late_since: since when late events wait for its reconciliation; None where none do.
    first_day: days before it are not reconciled by schedule.
    first_kept: rows of days before it are dropped; None where all are kept.
    low_watermark_ms: of all partitions, as far as the log is indexed; None where none has a watermark.
    held_back_by: the partitions whose watermark has not passed the window, as far as the log is indexed.
    """

    reasons: frozenset[str]
    late_since: datetime | None
    first_day: date
    first_kept: date | None
    low_watermark_ms: int | None = None
    held_back_by: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """All that is known of the window of an average before `as_of_ms`."""

    customer: str
    metric: str
    average: Average
    as_of_ms: int
    case: Case
    records: WindowRecords
    stream: LayerCheck
    batch: LayerCheck
    log: LogReading
    day_state: DayState

    @property
    def day(self) -> date:
        """The day that owns the window."""
        return day_of(self.as_of_ms)

    @property
    def is_wrong(self) -> bool:
        """Whether the row of a layer, or its absence, is a defect or a loss."""
        return self.stream.is_wrong or self.batch.is_wrong

    @property
    def from_ms(self) -> int | None:
        """Where the window begins: for one of N events its oldest event, None where that is not known."""
        if isinstance(self.average.window, DurationWindow):
            return self.as_of_ms - self.average.window.duration_ms
        window = self.batch.window or self.stream.window
        return window[0].event_time_ms if window else None

    @property
    def events(self) -> tuple[SeriesEvent, ...]:
        """The events in either layer's window, and those that arrived since; by time."""
        if self.log.lost is not None:
            is_duration = isinstance(self.average.window, DurationWindow)
            return tuple(by_time(self.log.events)) if is_duration else ()
        events = {
            event.position: event for check in (self.stream, self.batch) for event in (*check.window, *check.new_events)
        }
        return tuple(by_time(list(events.values())))

    @property
    def late_events(self) -> tuple[SeriesEvent, ...]:
        """Those of `events` that are late."""
        return tuple(event for event in self.events if event.is_late)

    def positions_by_layer(self) -> dict[str, frozenset[tuple[int, int]]]:
        """Return the positions in the log of the events in the row of each layer, `stream` and `batch`.

        A layer without a row has none, whatever its window will contain.
        """
        checks = {"stream": self.stream, "batch": self.batch}
        return {
            name: frozenset(event.position for event in check.window if check.row is not None)
            for name, check in checks.items()
        }

    @property
    def reconciled_at(self) -> datetime | None:
        """When the day was last reconciled for the average; None where it never was."""
        return self.records.reconciliations[0].reconciled_at if self.records.reconciliations else None


def explain_window(
    customer: str,
    metric: str,
    average: Average,
    as_of_ms: int,
    records: WindowRecords,
    log: LogReading,
    day_state: DayState,
) -> Explanation:
    """Check the rows of both layers and decide which case it is.

    Args:
        customer: of the series.
        metric: of the series.
        average: whose window it is.
        as_of_ms: a point of its grid.
        records: from the database, in one snapshot.
        log: read after that moment, except for the committed offsets, which were read before it.
        day_state: why the day is to be reconciled.
    """
    window = Window(average, as_of_ms, None if log.lost is not None else log.events)
    is_closed = log.is_closed(as_of_ms) if log.is_committed else None
    stream = check_stream(window, records.streamed, log.committed, is_closed)
    batch = check_batch(window, records.computed, records.result)
    is_kept = day_state.first_kept is None or day_of(as_of_ms) >= day_state.first_kept
    if not is_kept:
        stream, batch = _as_dropped(stream), _as_dropped(batch)
    case = _case(records, log, as_of_ms, stream, batch, is_kept=is_kept)
    return Explanation(customer, metric, average, as_of_ms, case, records, stream, batch, log, day_state)


def _as_dropped(check: LayerCheck) -> LayerCheck:
    """Return the check for a day whose rows are being dropped: a missing row is no fault."""
    return check if check.row is not None else replace(check, verdict=Verdict.NOT_KEPT)


def _case(
    records: WindowRecords, log: LogReading, as_of_ms: int, stream: LayerCheck, batch: LayerCheck, *, is_kept: bool
) -> Case:
    if records.served is not None:
        if records.served.source == "stream":
            return Case.STREAM_ONLY
        return Case.FINAL if records.served.is_final else Case.NOT_FINAL
    if records.streamed is not None:
        return Case.NOT_SERVED
    if not is_kept:
        return Case.NOT_KEPT
    if log.lost is not None:
        return Case.UNKNOWN
    if stream.is_wrong or batch.is_wrong:
        return Case.LOST_ROW
    if log.is_closed(as_of_ms) and {stream.verdict, batch.verdict} == {Verdict.NO_ROW}:
        return Case.NO_ROW
    return Case.NOT_YET
