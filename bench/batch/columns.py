"""Events as columns in memory, without Kafka, and what polars does with them: window arithmetic and nothing else."""

import time
from dataclasses import dataclass
from functools import cache

import numpy as np
import polars as pl
from numpy.typing import NDArray

from bench.batch.setting import HOUR_MS
from bench.events import MONTH, SEED, Timeline
from sma.durations import DAY_MS


@dataclass(frozen=True, slots=True)
class Columns:
    """Events sorted by series and event time; columns of one length.

    series: customer and metric of each `series_id`.
    series_id: int32. event_time_ms, value_micros: int64.
    """

    series: tuple[tuple[str, str], ...]
    series_id: NDArray[np.int32]
    event_time_ms: NDArray[np.int64]
    value_micros: NDArray[np.int64]


@cache
def columns(number: int, timeline: Timeline = MONTH) -> Columns:
    """Return so many events laid out in time as those of the log."""
    draw = np.random.default_rng(SEED)
    places = np.arange(number, dtype=np.int64)
    series_id = (places % timeline.series_count).astype(np.int32)
    behind = (draw.random(number) * timeline.disorder_ms).astype(np.int64)
    event_time_ms = timeline.first_ms + places * timeline.between_ms - behind
    value_micros = draw.integers(-(10**9), 10**9, number) * 1_000
    order = np.lexsort((event_time_ms, series_id))
    return Columns(timeline.series, series_id[order], event_time_ms[order], value_micros[order])


def rolling(held: Columns) -> tuple[float, pl.DataFrame]:
    """Compute the four sums at each event as polars does, in Int64; return the seconds and a column for each."""
    events = pl.DataFrame(
        {"series": held.series_id, "event_time_ms": held.event_time_ms, "value_micros": held.value_micros}
    )
    value = pl.col("value_micros")
    began = time.monotonic()
    sums = events.select(
        value.rolling_sum(20, min_samples=1).over("series").alias("last_20"),
        value.rolling_sum(2_000, min_samples=1).over("series").alias("last_2000"),
        value.rolling_sum_by("event_time_ms", f"{HOUR_MS}i").over("series").alias("hour"),
        value.rolling_sum_by("event_time_ms", f"{DAY_MS}i").over("series").alias("day"),
    )
    return time.monotonic() - began, sums
