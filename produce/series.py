"""Numbers the series of a file, and makes the key and the JSON of each event from its series, time and value."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from produce.errors import BadCell
from sma.event import name_fault

BATCH_EVENTS = 50_000


@dataclass(frozen=True, slots=True)
class Records:
    """Records of the topic `events`, one entry each: what is sent to Kafka."""

    keys: list[bytes]
    values: list[bytes]
    timestamps_ms: list[int]  # the event time, or 0 where that is earlier


class SeriesTable:
    """The series of a file; their numbers count from 0 in the order in which they were first seen."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._keys: list[bytes] = []
        self._heads: list[str] = []
        self._good_names: set[str] = set()

    def check_names(self, names: pl.Series) -> None:
        """Check a column of names of customers or metrics.

        Raises:
            BadCell: for the first that cannot be a name.
        """
        faults = {
            name: fault
            for name in names.unique().to_list()
            if name not in self._good_names and (fault := name_fault(name)) is not None
        }
        if not faults:
            self._good_names.update(names.unique().to_list())
            return
        row = int(names.is_in(list(faults)).arg_true()[0])
        raise BadCell(row, f"{names[row]!r}: {faults[names[row]]}")

    def numbers(self, customers: pl.Series, metrics: pl.Series, height: int) -> pl.Series:
        """Return the number of the series of each event as UInt32.

        Args:
            customers: checked names, so without a '/'; one for each event, or one for all.
            metrics: the same.
            height: how many events.
        """
        keys = pl.select(pl.concat_str([customers, metrics], separator="/")).to_series()
        unique = keys.unique(maintain_order=True).to_list()
        for key in unique:
            if key not in self._numbers:
                self._add(key)
        if len(unique) < 2 or not height:
            number = self._numbers[unique[0]] if unique else 0
            return pl.Series(np.full(height, number, np.uint32))
        return keys.replace_strict(unique, [self._numbers[key] for key in unique], return_dtype=pl.UInt32)

    def key(self, number: int) -> bytes:
        """Return the key of a series: `customer/metric` in UTF-8."""
        return self._keys[number]

    def records(self, events: pl.DataFrame) -> Iterator[Records]:
        """Yield the records of events in their order, some at a time.

        Args:
            events: series UInt32, event_time_ms Int64, value String; no nulls.
        """
        heads = pl.Series(self._heads)
        for batch in events.iter_slices(BATCH_EVENTS):
            head = heads.gather(batch["series"])
            columns = [
                head,
                batch["event_time_ms"].cast(pl.String),
                pl.lit(', "value": "'),
                batch["value"],
                pl.lit('"}'),
            ]
            values = pl.select(pl.concat_str(columns).cast(pl.Binary)).to_series().to_list()
            keys = [self._keys[number] for number in batch["series"].to_list()]
            yield Records(keys, values, batch["event_time_ms"].clip(lower_bound=0).to_list())

    def _add(self, key: str) -> None:
        self._numbers[key] = len(self._keys)
        self._keys.append(key.encode())
        customer, _, metric = key.partition("/")
        fields = json.dumps({"customer": customer, "metric": metric}, ensure_ascii=False)
        self._heads.append(f'{fields[:-1]}, "event_time": ')
