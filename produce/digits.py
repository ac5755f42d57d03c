"""Reads numbers from cells that are alike but for their digits: `2024-06-03` and `1999-12-31` have one shape.

A column of times has few shapes. A regular expression looks at one cell of each shape, and the digits of all of them
are added up together, in whole numbers.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

Ints = NDArray[np.int64]

MAX_SHAPES = 64
"""Of one length within a block; cells of further shapes are left to slower readers."""

_ZERO = ord("0")
_LONGEST = 64


@dataclass(frozen=True, slots=True)
class Shape:
    """The cells of one shape.

    rows: int64; where they are in their column.
    match: of the first of them; its groups are at the same places in the others.
    codes: uint8, one row for each place in the cell and one column for each cell; ASCII.
    """

    rows: Ints
    match: re.Match[str]
    codes: NDArray[np.uint8]

    def has(self, group: str) -> bool:
        """Return whether the cells have this group."""
        return group in self.match.re.groupindex and self.match[group] is not None

    def number(self, group: str) -> Ints:
        """Return the whole number that a group of digits is; 0 where the cells do not have it."""
        return self.digits(list(self.places(group)))

    def places(self, group: str) -> range:
        """Return the places of a group in the cell; empty where the cells do not have it."""
        return range(*self.match.span(group)) if self.has(group) else range(0)

    def digits(self, places: list[int]) -> Ints:
        """Return the whole number that the digits at these places are, the first place counting most."""
        number = np.zeros(len(self.rows), np.int64)
        for place in places:
            number *= 10
            number += self.codes[place]
            number -= _ZERO
        return number


def shapes(cells: pl.Series, pattern: re.Pattern[str]) -> Iterator[Shape]:
    """Yield the cells that match a pattern whose groups are digits, by their shape; no cell is in two.

    Args:
        cells: String without nulls.
        pattern: whether it matches a cell does not depend on which digits the cell has.
    """
    lengths = cells.str.len_bytes().to_numpy()
    for length in np.unique(lengths):
        if not 0 < length <= _LONGEST:
            continue
        rows = np.flatnonzero(lengths == length)
        alike = cells if len(rows) == len(cells) else cells.gather(rows)
        text = alike.str.join("").item().encode()
        codes = np.frombuffer(text, np.uint8).reshape(-1, int(length))
        yield from _of_one_length(rows, codes, pattern)


def _of_one_length(rows: Ints, codes: NDArray[np.uint8], pattern: re.Pattern[str]) -> Iterator[Shape]:
    for _ in range(MAX_SHAPES):
        if not len(rows):
            return
        shape = np.where((codes >= _ZERO) & (codes <= _ZERO + 9), _ZERO, codes)
        same = (shape == shape[0]).all(axis=1)
        match = pattern.fullmatch(codes[0].tobytes().decode("latin-1"))
        if match:
            yield Shape(rows[same], match, np.ascontiguousarray(codes[same].T))
        rows, codes = rows[~same], codes[~same]
