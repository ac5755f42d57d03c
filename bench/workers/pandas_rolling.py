"""pandas: last 20 and last 2,000 events by `groupby().rolling()`, an hour and a day by `rolling` over minutes.

Sums are floats. The events of a minute enter and leave a duration window together, so minutes are summed up first; the
windows stay in a table of minutes by series.
"""

from collections.abc import Iterable

import pandas as pd
import pyarrow.compute as pc
from confluent_kafka import Consumer
from frames import DAY_MS, HOUR_MS, MINUTE_MS, read
from worker import Answer, Done, main

_COUNTS = {"last_20": 20, "last_2000": 2_000}
_DURATIONS = {"hour": HOUR_MS, "day": DAY_MS}
_SERIES = ["customer", "metric"]


def work(consumer: Consumer, events: int) -> Done:
    """Read so many events and compute all windows."""
    table = read(consumer, events)
    table = table.set_column(3, "value", pc.cast(table["value"], "float64"))
    frame = table.to_pandas(strings_to_categorical=True).sort_values([*_SERIES, "event_time"], kind="stable")
    frame["minute"] = frame["event_time"] // MINUTE_MS * MINUTE_MS
    last = count_windows(frame)
    durations = duration_windows(frame)
    return Done(len(frame), lambda: answers(last, durations))


def count_windows(frame: pd.DataFrame) -> pd.DataFrame:
    """Return sum and count of the last N events at the last event of each minute."""
    series = frame.groupby(_SERIES, observed=True, sort=True)
    place = series.cumcount() + 1
    for name, event_count in _COUNTS.items():
        frame[name] = series["value"].rolling(event_count, min_periods=1).sum().to_numpy()
        frame[f"{name}_count"] = place.clip(upper=event_count)
    return frame[~frame.duplicated([*_SERIES, "minute"], keep="last")]


def duration_windows(frame: pd.DataFrame) -> dict[str, tuple[pd.DataFrame, pd.DataFrame]]:
    """Return sums and counts of each duration window: by the minute that ends it, and by series."""
    minutes = frame.groupby([*_SERIES, "minute"], observed=True)["value"].agg(["sum", "count"])
    grid = range(int(frame["minute"].min()), int(frame["minute"].max()) + DAY_MS, MINUTE_MS)
    sums, counts = (minutes[column].unstack(_SERIES).reindex(grid).fillna(0) for column in ("sum", "count"))
    lengths = {name: duration_ms // MINUTE_MS for name, duration_ms in _DURATIONS.items()}
    return {
        name: tuple(table.rolling(length, min_periods=1).sum() for table in (sums, counts))
        for name, length in lengths.items()
    }


def answers(last: pd.DataFrame, durations: dict[str, tuple[pd.DataFrame, pd.DataFrame]]) -> Iterable[Answer]:
    """Yield all windows one by one."""
    for name in _COUNTS:
        for row in last[[*_SERIES, "minute", name, f"{name}_count"]].itertuples(index=False):
            yield name, row[0], row[1], int(row[2]) + MINUTE_MS, repr(float(row[3])), int(row[4])
    for name, (sums, counts) in durations.items():
        for (customer, metric), of_series in counts.items():
            there = of_series[of_series > 0]
            value_sums = sums[customer, metric][there.index]
            for (minute, event_count), value_sum in zip(there.items(), value_sums, strict=True):
                yield name, customer, metric, int(minute) + MINUTE_MS, repr(float(value_sum)), int(event_count)


if __name__ == "__main__":
    main(work)
