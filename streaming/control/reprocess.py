"""Derives a coarser average from stored rows of a finer one, for times that Kafka no longer holds.

A job that ends reads the served rows of the finer average, and sums their pairs: a 7-day average from hourly pairs, for
example. The rows it writes have no source offset, so they never replace a row that was computed from the log.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from clients import postgres
from sma.averages import Average, Averages
from sma.errors import SmaError
from sma.instants import milliseconds
from sma.settings import StreamingSettings
from sma.window import DurationWindow
from streaming.control.job_starts import present_generation
from streaming.control.kafka_log import KafkaLog
from streaming.control.lifecycle import run_to_end
from streaming.submit.plan import reprocessing_plan
from streaming.submit.submission import REPROCESSING


@dataclass(frozen=True, slots=True)
class Reprocessed:
    """What a reprocessing did, or would do; first_as_of and last_as_of in ms since the epoch, None without rows."""

    average: str
    finer: str
    rows_read: int
    rows_stated: int
    first_as_of: int | None
    last_as_of: int | None
    is_dry: bool
    seconds: float


def reprocess(
    settings: StreamingSettings,
    averages: Averages,
    name: str,
    finer_name: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    is_dry: bool = False,
    progress: Callable[[str], None] = lambda text: None,
) -> Reprocessed:
    """Derive the rows of an average from the served rows of a finer one, and return once they are stored.

    Args:
        settings: where everything is.
        averages: those of averages.yaml.
        name: the average that is derived.
        finer_name: the average whose rows are read; the longest that fits, unless given.
        start: stored rows are complete from here on, so no window begins before; that of the first row, unless given.
        end: they are complete up to here, so no window ends after; that of the last row, unless given.
        is_dry: only count the rows.
        progress: takes a line now and then.

    Raises:
        SmaError: the average cannot be derived from it, it has no stored rows, or the job failed.
    """
    started = time.monotonic()
    known = averages.averages
    coarser = _named(known, name)
    finer = _named(known, finer_name) if finer_name else _longest_that_fits(known, coarser)
    require_fit(finer, coarser)
    first, last = _stored_as_ofs(settings, finer)
    start_ms = milliseconds(start) if start else first - _duration_ms(finer) - _duration_ms(coarser)
    end_ms = milliseconds(end) if end else last
    progress(f"deriving {coarser.name} from the stored rows of {finer.name}")
    splits = settings.parallelism or KafkaLog(settings).partition_count()
    plan = reprocessing_plan(settings, finer, coarser, present_generation(settings), start_ms, end_ms, splits, is_dry)
    own = settings.model_copy(update={"job_name": f"{settings.job_name}-reprocess"})
    counters = run_to_end(own, plan, REPROCESSING)
    rows = int(counters["rows_stated"])
    return Reprocessed(
        average=coarser.name,
        finer=finer.name,
        rows_read=int(counters["rows_read"]),
        rows_stated=rows,
        first_as_of=int(counters["first_as_of"]) if rows else None,
        last_as_of=int(counters["last_as_of"]) if rows else None,
        is_dry=is_dry,
        seconds=round(time.monotonic() - started, 3),
    )


def require_fit(finer: Average, coarser: Average) -> None:
    """Refuse a pair of averages if the coarser cannot be summed up from rows of the finer.

    Raises:
        SmaError: names them and what does not fit.
    """
    for average in (finer, coarser):
        if not isinstance(average.window, DurationWindow):
            raise SmaError(f"average {average.name}: has a count window: its events are unknown from stored rows")
    if not fits(finer, coarser):
        raise SmaError(
            f"average {coarser.name} cannot be derived from {finer.name}: the window of {finer.name} must be shorter, "
            f"divide both the window and the `every` of {coarser.name}, and end where one of {coarser.name} begins"
        )


def fits(finer: Average, coarser: Average) -> bool:
    """Return whether every window of `coarser` is made of whole windows of `finer` that do not overlap."""
    if not (isinstance(finer.window, DurationWindow) and isinstance(coarser.window, DurationWindow)):
        return False
    finer_ms, coarser_ms = finer.window.duration_ms, coarser.window.duration_ms
    divides = coarser_ms % finer_ms == 0 and coarser.every_ms % finer_ms == 0
    return finer_ms < coarser_ms and divides and (coarser.offset_ms - finer.offset_ms) % finer.every_ms == 0


def _longest_that_fits(averages: Sequence[Average], coarser: Average) -> Average:
    fitting = [average for average in averages if fits(average, coarser)]
    if not fitting:
        raise SmaError(
            f"average {coarser.name}: averages.yaml has no duration average whose window divides both its window and "
            "its `every`, so it cannot be derived from stored rows"
        )
    return max(fitting, key=_duration_ms)


def _duration_ms(average: Average) -> int:
    return average.window.duration_ms if isinstance(average.window, DurationWindow) else 0


def _named(averages: Sequence[Average], name: str) -> Average:
    for average in averages:
        if average.name == name:
            return average
    raise SmaError(f"no average {name} in averages.yaml: it has {', '.join(average.name for average in averages)}")


def _stored_as_ofs(settings: StreamingSettings, finer: Average) -> tuple[int, int]:
    """Return the first and the last `as_of` that readers see of an average, in milliseconds since the epoch."""
    query = "SELECT min(as_of), max(as_of) FROM serving.moving_averages WHERE average = %s"
    with postgres.session(settings.database_url, "SMA_DATABASE_URL", "streaming") as connection:
        first, last = connection.execute(query, [finer.name]).fetchone() or (None, None)
    if first is None or last is None:
        raise SmaError(f"no rows of {finer.name} are stored, so none can be derived from them")
    return milliseconds(first), milliseconds(last)
