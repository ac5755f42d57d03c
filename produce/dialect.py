"""Finds how a CSV file is separated and how its numbers are written, for the hint in an error.

A finding is never applied: the user says it with an option.
"""

import csv
import re

from produce.layout import DELIMITERS, SPACES, Layout

_COMMA_NUMBER = re.compile(r"[+-]?(?:[0-9]+|[0-9]{1,3}(?:[. '\u00a0\u202f][0-9]{3})+),[0-9]+")
_POINT_NUMBER = re.compile(r"[+-]?(?:[0-9]+|[0-9]{1,3}(?:[, '\u00a0\u202f][0-9]{3})+)\.[0-9]+")
_GROUPED = re.compile(r"[0-9]([., '\u00a0\u202f])[0-9]{3}(?![0-9])")
_LINES = 200
_SHOWN = {"\t": "tab"}
_NAMES = {".": "points", ",": "commas", " ": "spaces"}


def hint(sample: str, layout: Layout) -> str:
    """Return what the sample looks like and the options for it, as the end of an error; empty where they are given.

    Args:
        sample: the first lines of the file, the header included.
        layout: the options as given.
    """
    whole = sample[: sample.rfind("\n")]
    lines = [line for line in whole.splitlines() if line.strip()][:_LINES]
    delimiter = _delimiter(lines, layout.delimiter)
    cells = _cells(lines, delimiter)
    decimal = _decimal(cells, layout)
    thousands = _thousands(cells, decimal, layout)
    forms, options = [], []
    looks = "the numbers look written"
    if delimiter != layout.delimiter:
        shown = _SHOWN.get(delimiter, repr(delimiter))
        looks = f"the file looks separated by {shown}"
        options.append(f"--delimiter {shown}")
    if decimal != layout.decimal:
        forms.append(f"decimal {_NAMES[decimal]}")
        options.append(f"--decimal {decimal}")
    if thousands != layout.thousands and thousands:
        forms.append(f"{_NAMES.get(thousands, repr(thousands))} between thousands")
        options.append(f"--thousands {thousands if thousands in '.,' else repr(thousands)}")
    if not options:
        return ""
    form = f" with {' and '.join(forms)}" if forms else ""
    return f": {looks}{form}: try {' '.join(options)}"


def _delimiter(lines: list[str], given: str) -> str:
    """Return the given one if each line has it equally often; else the most frequent of which this is so."""
    counts = {each: {len(cells) for cells in _rows(lines, each)} for each in DELIMITERS}
    regular = {each: min(widths) for each, widths in counts.items() if len(widths) == 1 and min(widths) > 1}
    return given if given in regular else max(regular, key=lambda each: regular[each], default=given)


def _rows(lines: list[str], delimiter: str) -> list[list[str]]:
    return list(csv.reader(lines, delimiter=delimiter))


def _cells(lines: list[str], delimiter: str) -> list[str]:
    return [cell.strip() for row in _rows(lines, delimiter) for cell in row]


def _decimal(cells: list[str], layout: Layout) -> str:
    commas = sum(1 for cell in cells if _COMMA_NUMBER.fullmatch(cell))
    points = sum(1 for cell in cells if _POINT_NUMBER.fullmatch(cell))
    if commas == points:
        return layout.decimal
    return "," if commas > points else "."


def _thousands(cells: list[str], decimal: str, layout: Layout) -> str:
    number = _COMMA_NUMBER if decimal == "," else _POINT_NUMBER
    for cell in cells:
        grouped = _GROUPED.search(cell) if number.fullmatch(cell) else None
        if grouped and grouped[1] != decimal:
            return " " if grouped[1] in SPACES else grouped[1]
    return layout.thousands
