"""Classifies the corrections of batch results: explained by events that the log has gained since, or a damaged row.

A stored row must equal its window over all events of the range of the log that its result was computed from. So a
correction is explained iff that window, recomputed from the same range, equals the row before to the last digit.
Anything else was changed, deleted or added by something that is no batch run.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import polars as pl

from batch.index.log_index import LogIndex, read_index, require_whole
from batch.log.limits import WORK_LIMITS, WorkLimits
from batch.log.offsets import Progress, retained_ranges
from batch.reconciliation.recomputed import is_whole
from batch.schedule.required_offsets import is_gone, required_offsets
from batch.store.database import AS_OF, Connection, connect, copy_in, snapshot
from batch.windows.day_rows import SpanRows
from batch.windows.partition_windows import EventFilter
from batch.windows.recompute import RowRequest, recompute_days
from clients.statements import load_statements
from sma.averages import Averages
from sma.days import day_start_ms
from sma.durations import DAY_MS
from sma.instants import instant, milliseconds
from sma.settings import BatchSettings

LISTED_WINDOWS = 3  # of each day and average, as examples

_LOG = logging.getLogger(__name__)
_BEFORE = "before"
_WINDOW = ["customer", "metric", "as_of_ms"]
_PAIR = {"value_sum_micros": pl.Int128, "event_count": pl.Int64}
_CORRECTIONS_SCHEMA = {"customer": pl.String, "metric": pl.String, "as_of_ms": pl.Int64, **_PAIR}

_SQL = load_statements(__file__)


@dataclass(frozen=True, slots=True)
class CorrectedDay:
    """How many rows of a result a run corrected, and how much of the log the result before was computed from.

    `windows`: customer, metric and `as_of` in ms of unexplained corrections; some, not all. `unexplained` is None until
    it is classified.
    """

    run_id: str
    day: date
    average: str
    read_to: Mapping[int, int]
    low_watermark_ms: int
    corrections: int
    unexplained: int | None = None
    windows: tuple[tuple[str, str, int], ...] = ()


def classify_corrections(
    settings: BatchSettings, averages: Averages, progress: Progress, limits: WorkLimits = WORK_LIMITS
) -> tuple[CorrectedDay, ...]:
    """Classify all corrections that are not classified yet, those of a run that was killed included.

    Where Kafka no longer has the events, no event is known to explain a correction, so none is explained.

    Args:
        settings: where Kafka and the database are.
        averages: all of averages.yaml.
        progress: takes a line where the log is read.
        limits: of the computation.

    Raises:
        SmaError: a service does not answer, or the index is not whole.
    """
    with connect(settings.batch_database_url, "SMA_BATCH_DATABASE_URL") as connection:
        names = [average.name for average in averages.averages]
        with snapshot(connection):
            waiting = _read_unclassified(connection, names)
            if not waiting:
                return ()
            index = read_index(connection)
            for each in waiting:
                require_whole(connection, index, averages, each.read_to)
            required = required_offsets(connection, averages, sorted({each.day for each in waiting}))
        retained = retained_ranges(settings, settings.events_topic)
        lost = [each for each in waiting if is_gone(required.get(each.day, {}), retained)]
        classified = [_without_the_log(connection, each) for each in lost]
        for group in _by_range([each for each in waiting if each not in lost]):
            classified += _classify_group(settings, averages, connection, index, group, progress, limits)
    return tuple(each for each in classified if each is not None)


def _read_unclassified(connection: Connection, averages: Sequence[str]) -> list[CorrectedDay]:
    return [
        CorrectedDay(
            run_id,
            day,
            average,
            {int(partition): offset for partition, offset in read_to.items()},
            milliseconds(low_watermark),
            corrections,
        )
        for run_id, day, average, read_to, low_watermark, corrections in connection.execute(
            _SQL["read_unclassified"], {"averages": list(averages)}
        )
    ]


def _by_range(days: Iterable[CorrectedDay]) -> list[list[CorrectedDay]]:
    """Return the days in groups that were computed from the same range of the log, each day and average once."""
    groups: dict[object, list[CorrectedDay]] = defaultdict(list)
    seen: dict[object, int] = defaultdict(int)
    for each in days:
        place = seen[each.day, each.average]
        seen[each.day, each.average] += 1
        groups[tuple(sorted(each.read_to.items())), each.low_watermark_ms, place].append(each)
    return list(groups.values())


def _classify_group(
    settings: BatchSettings,
    averages: Averages,
    connection: Connection,
    index: LogIndex,
    group: Sequence[CorrectedDay],
    progress: Progress,
    limits: WorkLimits,
) -> list[CorrectedDay | None]:
    by_result = {(each.day, each.average): each for each in group}
    names: dict[date, list[str]] = defaultdict(list)
    for each in group:
        names[each.day].append(each.average)
    read_to = group[0].read_to
    event_filter = EventFilter(None if is_whole(read_to, index.read_to) else read_to)
    request = RowRequest(dict(names), {_BEFORE: event_filter}, group[0].low_watermark_ms + 1)
    with snapshot(connection):
        recomputation = recompute_days(settings, averages, connection, index, [request], limits)
    corrections = sum(each.corrections for each in group)
    progress(f"{corrections:,} rows were corrected; reading {recomputation.offsets:,} offsets to see why")
    classified = []
    for recomputed in recomputation:
        for average in recomputed.averages:
            each = by_result[recomputed.day, average]
            classified.append(_classify(connection, each, recomputed.spans))
    return classified


def _classify(connection: Connection, corrected: CorrectedDay, spans: Sequence[SpanRows]) -> CorrectedDay | None:
    """Find the corrected windows whose row before is not what its range of the log makes."""
    before = _read_before(connection, corrected)
    right = [pl.DataFrame(schema=_CORRECTIONS_SCHEMA)]
    for span in spans:
        # only the windows that were corrected are kept of each frame, before the next one is read
        for _, rows in span.frames(corrected.average):
            right.append(rows.select(_CORRECTIONS_SCHEMA.keys()).join(before, on=_WINDOW, how="semi"))
    compared = before.join(pl.concat(right), on=_WINDOW, how="left", suffix="_right")
    is_right = pl.all_horizontal(pl.col(column).eq_missing(pl.col(f"{column}_right")) for column in _PAIR)
    return _record(connection, corrected, before, compared.filter(~is_right))


def _without_the_log(connection: Connection, corrected: CorrectedDay) -> CorrectedDay | None:
    """Take all corrections for unexplained: no event is known that explains one."""
    before = _read_before(connection, corrected)
    return _record(connection, corrected, before, before)


def _read_before(connection: Connection, corrected: CorrectedDay) -> pl.DataFrame:
    """Return the rows before of corrections that are not classified: `_CORRECTIONS_SCHEMA`, null where none was."""
    rows = [
        (customer, metric, as_of_ms, None if micros is None else int(micros), event_count)
        for customer, metric, as_of_ms, micros, event_count in connection.execute(
            _SQL["read_before"], _bounds(corrected)
        )
    ]
    return pl.DataFrame(rows, _CORRECTIONS_SCHEMA, orient="row")


def _record(
    connection: Connection, corrected: CorrectedDay, before: pl.DataFrame, wrong: pl.DataFrame
) -> CorrectedDay | None:
    """Record which corrections are unexplained, in one transaction; return None where another run has done so.

    Args:
        connection: to the database.
        corrected: the result.
        before: what `_read_before` returned.
        wrong: those of them that are unexplained.
    """
    windows = wrong.select(_WINDOW).sort(_WINDOW)
    unexplained = windows.height + corrected.corrections - before.height
    bound = _bounds(corrected) | {"day": corrected.day, "unexplained": unexplained}
    with connection.transaction():
        if not connection.execute(_SQL["classify_day"], bound).rowcount:
            return None
        connection.execute(_SQL["create_unexplained"])
        copy_in(connection, _SQL["copy_unexplained"], windows.with_columns(AS_OF))
        connection.execute(_SQL["classify_corrections"], bound)
    return replace(corrected, unexplained=unexplained, windows=tuple(windows.head(LISTED_WINDOWS).rows()))


def _bounds(corrected: CorrectedDay) -> dict[str, object]:
    start = day_start_ms(corrected.day)
    return {
        "run_id": corrected.run_id,
        "average": corrected.average,
        "from_time": instant(start),
        "until_time": instant(start + DAY_MS),
    }


def log_unexplained(classified: Sequence[CorrectedDay]) -> None:
    """Log each day of which stored rows were wrong."""
    for each in classified:
        if each.unexplained:
            _LOG.error(
                "%d stored rows were wrong, and no new event explains it: see the table sma.corrections",
                each.unexplained,
                extra={"day": each.day, "average": each.average},
            )
