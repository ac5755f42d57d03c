"""Checks the quotes of CSV text strictly: a quoted cell is quoted from its first character to its last.

Within quotes a quote is written twice. So every other quote opens, counted from the start of the text, and the one
after it closes: whether a character is inside quotes depends on nothing but the number of quotes before it.

Source: RFC 4180, section 2, rules 5 to 7.
"""

import numpy as np
from numpy.typing import NDArray

_QUOTE, _LF, _CR = ord('"'), ord("\n"), ord("\r")


class BadQuote(ValueError):
    """The quote at byte `at`, in the cell with the number `cell` of its record, breaks the rule; the text says how."""

    def __init__(self, at: int, cell: int, problem: str) -> None:
        super().__init__(problem)
        self.at = at
        self.cell = cell


def check_quotes(text: bytes, delimiter: str, multiline: bool) -> None:
    """Check whole records, the last of which ends with a line feed.

    Raises:
        BadQuote: for the first quote that is inside an unquoted cell, has text behind it, or is never closed; without
            `multiline` also for a quoted cell that contains a line break.
    """
    if b'"' not in text:
        return
    codes = np.frombuffer(text, np.uint8)
    quotes = np.flatnonzero(codes == _QUOTE)
    opening, closing = quotes[::2], quotes[1::2]
    separators = np.array([ord(delimiter), _LF], np.uint8)
    before = np.concatenate(([_LF], codes))[opening]  # the character before each
    behind = codes[closing + 1]  # a line feed ends the text, so there is one
    found: list[tuple[int, str]] = []
    stray = opening[~np.isin(before, [*separators, _QUOTE])]
    if len(stray):
        problem = 'a quote inside an unquoted cell: put the whole cell in quotes and write "" for the quote'
        found.append((int(stray[0]), problem))
    text_behind = closing[~np.isin(behind, [*separators, _QUOTE])]
    if len(text_behind):
        found.append((int(text_behind[0]), 'text behind a closing quote: write "" for a quote within quotes'))
    found += _breaks(codes, quotes, opening, multiline)
    if found:
        at, problem = min(found, key=lambda each: each[0])  # of two at one place, the first
        raise BadQuote(at, _cell(codes, quotes, at, delimiter), problem)


def _breaks(
    codes: NDArray[np.uint8], quotes: NDArray[np.int64], opening: NDArray[np.int64], multiline: bool
) -> list[tuple[int, str]]:
    """Return where a quote is left open, and the problem; at most one."""
    if not multiline:
        breaks = np.flatnonzero((codes == _LF) | (codes == _CR))
        open_quotes = np.searchsorted(quotes, breaks)
        inside = open_quotes[open_quotes % 2 == 1]
        if len(inside):
            # a quote within quotes closes and opens: the cell's own first quote is further back
            at = _first_quote(quotes, int(inside[0]) - 1)
            problem = "a quote is opened and not closed in this line: close it, or allow line breaks with --multiline"
            return [(at, problem)]
    if len(quotes) % 2:
        at = _first_quote(quotes, len(quotes) - 1)
        return [(at, "a quote is opened and never closed: close it or remove it")]
    return []


def _first_quote(quotes: NDArray[np.int64], number: int) -> int:
    while number >= 2 and quotes[number] == quotes[number - 1] + 1:
        number -= 2
    return int(quotes[number])


def _cell(codes: NDArray[np.uint8], quotes: NDArray[np.int64], at: int, delimiter: str) -> int:
    """Return the number of the cell at a byte, from 0, within its record."""
    outside = np.searchsorted(quotes, np.arange(at)) % 2 == 0
    ends = np.flatnonzero((codes[:at] == _LF) & outside)
    start = int(ends[-1]) + 1 if len(ends) else 0
    return int(((codes[start:at] == ord(delimiter)) & outside[start:]).sum())
