"""Reads a column of values as the text of decimal numbers, by the rule of `sma.value`.

Plain numbers are recognized all at once by their form; any other cell is read by `sma.value` itself. The text is
published as it is, apart from the decimal character and the separators between thousands.
"""

import re
from dataclasses import dataclass
from decimal import Decimal

import polars as pl

from produce.errors import BadCell
from produce.layout import SPACES, Layout
from sma.limits import VALUE_INTEGER_DIGITS, VALUE_SCALE
from sma.value import NotANumber, OutOfRange, parse_value_micros

MISSING = frozenset(("", "-", "--", "na", "n/a", "#n/a", "#na", "<na>", "nan", "-nan", "null", "none", "nil", r"\n"))
"""Cells without a value, in lower case."""

_WHOLE = rf"[+-]?[0-9]{{1,{VALUE_INTEGER_DIGITS}}}"
_EXACT = rf"^{_WHOLE}(?:\.[0-9]{{0,{VALUE_SCALE}}})?$"
_LONG = rf"^{_WHOLE}\.[0-9]{{{VALUE_SCALE + 1},}}$"
_ROUNDED = rf"^{_WHOLE}\.[0-9]{{{VALUE_SCALE}}}[0-9]*[1-9]"


@dataclass(frozen=True, slots=True)
class Values:
    """The values of a column.

    text: String; decimal numbers as `sma.value` reads them, null where the value is missing.
    rounded: how many of them lose digits when they are rounded to 6 decimals.
    """

    text: pl.Series
    rounded: int


class ValueReader:
    """Reads values as the options of a layout say."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._missing = MISSING | {text.strip().lower() for text in layout.missing}
        self._is_plain = layout.decimal == "." and not layout.thousands
        decimal = re.escape(layout.decimal)
        self._thousands = f"[{SPACES}]" if layout.thousands == " " else re.escape(layout.thousands)
        grouped = rf"[0-9]{{1,3}}(?:{self._thousands}[0-9]{{3}})+" if layout.thousands else "[0-9]+"
        self._form = rf"^[+-]?(?:(?:[0-9]+|{grouped})(?:{decimal}[0-9]*)?|{decimal}[0-9]+)(?:[eE][+-]?[0-9]+)?$"

    def read(self, cells: pl.Series) -> Values:
        """Return the values of a column of String without nulls and without white space around.

        Raises:
            BadCell: for the first cell that is no number, is out of range, or is missing where that is not allowed.
        """
        is_missing = self._is_missing(cells)
        if is_missing.any() and not self._layout.skip_missing:
            row = int(is_missing.arg_true()[0])
            self._read(cells.head(row), is_missing.head(row))  # an earlier cell may be bad
            raise BadCell(row, f"{cells[row]!r} is no number: --skip-missing skips such rows")
        return self._read(cells, is_missing)

    def _read(self, cells: pl.Series, is_missing: pl.Series) -> Values:
        text = cells if self._is_plain else self._with_points(cells, is_missing)
        is_exact = text.str.contains(_EXACT) | is_missing
        rounded = 0
        if not is_exact.all():
            is_long = text.str.contains(_LONG) & ~is_missing
            rounded = int((is_long & text.str.contains(_ROUNDED)).sum())
            rounded += self._count_rounded(cells, text, (~is_exact & ~is_long).arg_true())
        return Values(text.set(is_missing, None) if is_missing.any() else text, rounded)

    def _count_rounded(self, cells: pl.Series, text: pl.Series, rows: pl.Series) -> int:
        """Read some numbers one by one; return how many of them lose digits."""
        rounded = 0
        known: dict[str, bool] = {}
        for row, cell, number in zip(rows, cells.gather(rows), text.gather(rows), strict=True):
            if number not in known:
                known[number] = _is_rounded(row, cell, number)
            rounded += known[number]
        return rounded

    def _is_missing(self, cells: pl.Series) -> pl.Series:
        """Return which cells have no value; a word of the user's may look like a number, such as -999."""
        return cells.str.to_lowercase().is_in(list(self._missing))

    def _with_points(self, cells: pl.Series, is_missing: pl.Series) -> pl.Series:
        """Return numbers with a decimal point and without separators."""
        is_wrong = ~(cells.str.contains(self._form) | is_missing)
        if is_wrong.any():
            row = int(is_wrong.arg_true()[0])
            raise BadCell(
                row, f"{cells[row]!r}: not a number with --decimal {self._layout.decimal}{self._separators()}"
            )
        if self._layout.thousands:
            cells = cells.str.replace_all(self._thousands, "")
        return cells.str.replace(self._layout.decimal, ".", literal=True) if self._layout.decimal != "." else cells

    def _separators(self) -> str:
        return f" --thousands {self._layout.thousands!r}" if self._layout.thousands else ""


def _is_rounded(row: int, cell: str, number: str) -> bool:
    """Return whether a number loses digits.

    Raises:
        BadCell: it is no number, or out of range.
    """
    try:
        micros = parse_value_micros(number)
    except NotANumber:
        raise BadCell(row, f"{cell!r}: not a number") from None
    except OutOfRange:
        raise BadCell(
            row, f"{cell!r}: out of range: the magnitude of a value is below 10^{VALUE_INTEGER_DIGITS}"
        ) from None
    if micros == 0:
        return any(digit in "123456789" for digit in re.split("[eE]", number)[0])
    return Decimal(number) != Decimal(micros).scaleb(-VALUE_SCALE)
