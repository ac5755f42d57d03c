"""Finds how a CSV file is separated and how its numbers are written, for the hint in an error.

A finding is never applied: the user says it with an option.
"""

import csv
import re

from produce.layout import DELIMITERS, Layout

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
    looks, options = [], []
    if delimiter != layout.delimiter:
        looks.append(f"separated by {_SHOWN.get(delimiter, repr(delimiter))}")
        options.append(f"--delimiter {_SHOWN.get(delimiter, repr(delimiter))}")
    if decimal != layout.decimal:
        looks.append(f"with decimal {_NAMES[decimal]}")
        options.append(f"--decimal {decimal}")
    if thousands != layout.thousands and thousands:
        looks.append(f"with {_NAMES.get(thousands, repr(thousands))} between thousands")
        options.append(f"--thousands {thousands if thousands in '.,' else repr(thousands)}")
    if not options:
        return ""
    return f": the file looks {' '.join(looks)}: try {' '.join(options)}"


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
            return grouped[1]
    return layout.thousands
