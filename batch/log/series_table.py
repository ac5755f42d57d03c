"""Numbers the series of a log while it is read.

Numbers count from 0 in the order in which series are first seen, and mean nothing outside of one table.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from batch.log.compiled import WORD_BYTES, compiled, inlined, load_byte, load_word
from sma.limits import MAX_NAME_CHARACTERS

Bytes = npt.NDArray[np.uint8]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]

_SERIES = 1_024  # that fit a new table
_NAME_BYTES = 64 * 1_024
_LONGEST_NAME_BYTES = 2 * 4 * MAX_NAME_CHARACTERS + 1  # of `customer/metric` in UTF-8
_FACTOR = np.uint64(0x9E37_79B9_7F4A_7C15)
_ONE, _HALF = np.uint64(1), np.uint64(32)


@dataclass(slots=True)
class SeriesTable:
    """An open hash table from `customer/metric` in UTF-8 to a series' number.

    slots: int32, a power of two of them: a series' number, or -1 where free. At most half are taken.
    hashes: uint64; of each series.
    name_ends: int64; the name of series n is in `names` from name_ends[n] to name_ends[n + 1].
    names: uint8; the names one after the other, `/` between customer and metric.
    used: int64, one value: how many series there are.
    """

    slots: Int32s = field(default_factory=lambda: np.full(2 * _SERIES, -1, np.int32))
    hashes: Hashes = field(default_factory=lambda: np.zeros(_SERIES, np.uint64))
    name_ends: Int64s = field(default_factory=lambda: np.zeros(_SERIES + 1, np.int64))
    names: Bytes = field(default_factory=lambda: np.zeros(_NAME_BYTES, np.uint8))
    used: Int64s = field(default_factory=lambda: np.zeros(1, np.int64))

    @classmethod
    def of_size(cls, series: int, name_bytes: int) -> "SeriesTable":
        """Return an empty table that has room for so many series, a power of two, before it grows."""
        return cls(
            np.full(2 * series, -1, np.int32),
            np.zeros(series, np.uint64),
            np.zeros(series + 1, np.int64),
            np.zeros(name_bytes, np.uint8),
        )

    def __len__(self) -> int:
        return int(self.used[0])

    def __getitem__(self, series_id: int) -> tuple[str, str]:
        """Return the customer and the metric of a series."""
        if not 0 <= series_id < len(self):
            raise IndexError(series_id)
        name = self.names[self.name_ends[series_id] : self.name_ends[series_id + 1]].tobytes().decode("utf-8")
        customer, _, metric = name.partition("/")
        return customer, metric

    def number(self, customer: str, metric: str) -> int:
        """Return the number of a series, which may be new.

        Raises:
            ValueError: the names are longer than those of an event may be.
        """
        name = f"{customer}/{metric}".encode()
        if len(name) > _LONGEST_NAME_BYTES:
            raise ValueError(f"a series' name of {len(name)} bytes")
        text = np.frombuffer(bytearray(name.ljust(len(name) + WORD_BYTES)), np.uint8)
        start, length = np.zeros(1, np.int64), np.array([len(name)], np.int64)
        return int(self.number_all(text, start, length, np.ones(1, np.uint8), 1)[0])

    def number_all(self, text: Bytes, starts: Int64s, lengths: Int64s, kinds: Bytes, wanted: int) -> Int32s:
        """Return the number of each series, some of which may be new; undefined for kinds that are not wanted.

        Args:
            text: UTF-8 with the names, and `WORD_BYTES` more; uint8.
            starts: int64; where each name, `customer/metric` as of an event, begins in `text`.
            lengths: int64; of each name, in bytes.
            kinds: uint8; the kind of each.
            wanted: the kind whose numbers are wanted.
        """
        ids = np.empty(len(kinds), np.int32)
        done = 0
        while done < len(ids):
            self._make_room()
            done = _number(
                text,
                starts,
                lengths,
                kinds,
                wanted,
                done,
                self.slots,
                self.hashes,
                self.name_ends,
                self.names,
                self.used,
                ids,
            )
        return ids

    def _make_room(self) -> None:
        """Double what has no room for another series of the longest name; numbers stay the same."""
        if len(self) == len(self.hashes):
            self.name_ends = np.concatenate([self.name_ends, np.zeros(len(self), np.int64)])
            self.hashes = np.concatenate([self.hashes, np.zeros(len(self), np.uint64)])
            self.slots = np.full(2 * len(self.slots), -1, np.int32)
            _fill_slots(self.hashes, len(self), self.slots)
        if self.name_ends[len(self)] + _LONGEST_NAME_BYTES + WORD_BYTES > len(self.names):
            self.names = np.concatenate([self.names, np.zeros(len(self.names), np.uint8)])


@inlined
def _word(at: int, end: int) -> Any:
    """The eight bytes at an address, or as many as there are before the end."""
    word = load_word(at)
    return word if end - at >= WORD_BYTES else word & ((_ONE << np.uint64(8 * (end - at))) - _ONE)


@inlined
def _hash(at: int, end: int) -> Any:
    """The length is hashed too, so that names that differ in zeros at their end do."""
    hashed = np.uint64(end - at) * _FACTOR
    while at < end:
        hashed = (hashed ^ _word(at, end)) * _FACTOR
        hashed ^= hashed >> _HALF
        at += WORD_BYTES
    return hashed


@inlined
def _equal(at: int, end: int, other: int) -> bool:
    other_end = other + end - at
    while at < end and _word(at, end) == _word(other, other_end):
        at += WORD_BYTES
        other += WORD_BYTES
    return at >= end


@compiled("void(uint64[::1], int64, int32[::1])")
def _fill_slots(hashes: Hashes, count: int, slots: Int32s) -> None:
    mask = len(slots) - 1
    for series_id in range(count):
        slot: Any = np.int64(hashes[series_id] & np.uint64(mask))
        while slots[slot] >= 0:
            slot = (slot + 1) & mask
        slots[slot] = series_id


@compiled(
    "int64(uint8[::1], int64[::1], int64[::1], uint8[::1], int64, int64, "
    "int32[::1], uint64[::1], int64[::1], uint8[::1], int64[::1], int32[::1])"
)
def _number(
    text: Bytes,
    starts: Int64s,
    lengths: Int64s,
    kinds: Bytes,
    wanted: int,
    done: int,
    slots: Int32s,
    hashes: Hashes,
    name_ends: Int64s,
    names: Bytes,
    used: Int64s,
    ids: Int32s,
) -> int:
    """Fill `ids` from `done` on; return how many are done, fewer than all where there is no room for a new series."""
    base: Any = np.int64(text.ctypes.data)
    names_base: Any = np.int64(names.ctypes.data)
    mask = len(slots) - 1
    for row in range(done, len(ids)):
        if kinds[row] != wanted:
            continue
        name, length = base + starts[row], lengths[row]
        hashed = _hash(name, name + length)
        slot: Any = np.int64(hashed & np.uint64(mask))
        while slots[slot] >= 0:
            series_id = slots[slot]
            at = name_ends[series_id]
            if (
                hashes[series_id] == hashed
                and name_ends[series_id + 1] - at == length
                and _equal(name, name + length, names_base + at)
            ):
                break
            slot = (slot + 1) & mask
        if slots[slot] < 0:
            series_id = np.int32(used[0])
            at = name_ends[series_id]
            if series_id == len(hashes) or at + length + WORD_BYTES > len(names):
                return row
            for index in range(length):
                names[at + index] = load_byte(name + index)
            name_ends[series_id + 1] = at + length
            hashes[series_id] = hashed
            slots[slot] = series_id
            used[0] = series_id + 1
        ids[row] = slots[slot]
    return len(ids)
