"""Cuts a CSV file into blocks of whole records, and checks quotes, line ends and cell counts strictly.

A reader of CSV that is lenient about a stray quote swallows rows without a word. Here the bytes are checked first, a
whole block at a time, so that what is read afterwards has one meaning. What the cells say is not looked at here.
"""

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from produce.quotes import BadQuote, check_quotes
from sma.errors import SmaError

BLOCK_BYTES = 8 * 1024 * 1024
"""How much is read at once; a record is at most as long."""

_SAMPLE_BYTES = 64 * 1024
_BOM = b"\xef\xbb\xbf"
_LF = ord("\n")


@dataclass(frozen=True, slots=True)
class Block:
    """Whole records of a file in file order, without blank lines and without the header.

    text: CSV; each record ends with one line feed.
    lines: int64; the line of the file in which each record begins, from 1.
    has_quotes: whether any cell is quoted.
    """

    text: bytes
    lines: NDArray[np.int64]
    has_quotes: bool


class CsvLines:
    """A CSV file, read once from its beginning to its end, so it may be a pipe."""

    def __init__(self, file: BinaryIO, name: str, delimiter: str, multiline: bool) -> None:
        """Read the header.

        Args:
            file: the bytes.
            name: names the file in errors.
            delimiter: separates cells; one ASCII character.
            multiline: whether a quoted cell may contain line breaks.

        Raises:
            SmaError: the first records break a rule of `blocks`.
        """
        self._file = file
        self._name = name
        self._delimiter = delimiter
        self._multiline = multiline
        self._line = 1
        self._rest = b""
        self._is_read = False
        self.header: tuple[str, ...] = ()
        self._next = self._take(is_first=True)
        self.sample = self._next[:_SAMPLE_BYTES].decode("utf-8", errors="replace")
        self._read_header()

    def blocks(self, progress: Callable[[int], None] | None = None) -> Iterator[Block]:
        """Yield the records behind the header; `progress` gets the bytes read so far.

        Raises:
            SmaError: a quote, a line end or a count of cells is wrong, or the file is not UTF-8; names the line.
        """
        done = 0
        while self._next:
            block = self._check(self._next)
            if len(block.lines):
                yield block
            done += len(self._next)
            if progress:
                progress(done)
            self._next = self._take()

    def _take(self, is_first: bool = False) -> bytes:
        """Return the next whole records as UTF-8 with line feeds; empty at the end of the file."""
        while not self._is_read:
            chunk = self._file.read(BLOCK_BYTES)
            self._is_read = not chunk
            text = self._rest + chunk
            if is_first and text.startswith((b"\xff\xfe", b"\xfe\xff")):
                raise SmaError(f"{self._name}: is UTF-16 text: save it as UTF-8")
            if self._is_read:
                self._rest = b""
                whole = text if not text or text.endswith(b"\n") else text + b"\n"
            else:
                end = self._end_of_records(text)
                if not end and len(text) > BLOCK_BYTES:
                    raise self._refuse(self._line, self._endless(text))
                whole, self._rest = text[:end], text[end:]
            if whole:
                return self._normalized(whole.removeprefix(_BOM) if is_first else whole)
        return b""

    def _end_of_records(self, text: bytes) -> int:
        if not self._multiline or b'"' not in text:
            return text.rfind(b"\n") + 1
        codes = np.frombuffer(text, np.uint8)
        ends = _outside(np.flatnonzero(codes == _LF), np.flatnonzero(codes == ord('"')))
        return int(ends[-1]) + 1 if len(ends) else 0

    def _endless(self, text: bytes) -> str:
        what = "a quote that is opened here is never closed" if b'"' in text else "the line is longer"
        return f"{what} within {BLOCK_BYTES // 1024**2} MB: close the quote, or check that this is a CSV file"

    def _normalized(self, text: bytes) -> bytes:
        if not text.isascii():
            try:
                text.decode("utf-8")
            except UnicodeDecodeError as error:
                line = self._line + text.count(b"\n", 0, error.start)
                raise self._refuse(line, f"not UTF-8 text: {error.reason}: save the file as UTF-8") from error
        if b"\r" in text:
            text = text.replace(b"\r\n", b"\n")
            at = -1 if self._multiline and b'"' in text else text.find(b"\r")
            if at >= 0:
                line = self._line + text.count(b"\n", 0, at)
                raise self._refuse(line, "a carriage return without a line feed: end each line with LF or CR LF")
        return text

    def _read_header(self) -> None:
        codes = np.frombuffer(self._next, np.uint8)
        ends = np.flatnonzero(codes == _LF)
        quotes = np.flatnonzero(codes == ord('"'))
        if not len(ends):
            return
        ends = _outside(ends, quotes) if self._multiline else ends
        end = int(ends[0]) + 1 if len(ends) else len(self._next)
        head = self._next[:end]
        self._refuse_bad_quotes(head)
        cells = next(csv.reader([head.decode("utf-8")], delimiter=self._delimiter, strict=True), [])
        self.header = tuple(cell.strip() for cell in cells)
        self._next = self._next[end:]
        self._line += head.count(b"\n")
        if not self._next:
            self._next = self._take()

    def _check(self, text: bytes) -> Block:
        codes = np.frombuffer(text, np.uint8)
        all_ends = np.flatnonzero(codes == _LF)
        delimiters = np.flatnonzero(codes == ord(self._delimiter))
        has_quotes = b'"' in text
        ends = all_ends
        if has_quotes:
            self._refuse_bad_quotes(text)
            quotes = np.flatnonzero(codes == ord('"'))
            ends, delimiters = _outside(all_ends, quotes), _outside(delimiters, quotes)
        starts = np.concatenate(([0], ends[:-1] + 1))
        lines = self._line + (np.searchsorted(all_ends, starts) if len(ends) < len(all_ends) else np.arange(len(ends)))
        self._line += len(all_ends)
        blank = starts == ends
        cells = np.diff(np.searchsorted(delimiters, ends), prepend=0) + 1
        wrong = np.flatnonzero((cells != len(self.header)) & ~blank)
        if len(wrong):
            row = wrong[0]
            raise self._refuse(
                int(lines[row]),
                f"has {cells[row]} cells where the header has {len(self.header)}: "
                f"put a cell that contains {self._delimiter!r} in quotes",
            )
        if blank.any():
            text = np.delete(codes, ends[blank]).tobytes()
            lines = lines[~blank]
        return Block(text, lines.astype(np.int64), has_quotes)

    def _refuse_bad_quotes(self, text: bytes) -> None:
        try:
            check_quotes(text, self._delimiter, self._multiline)
        except BadQuote as bad:
            line = self._line + text.count(b"\n", 0, bad.at)
            column = f"{self.header[bad.cell]}: " if bad.cell < len(self.header) else ""
            raise self._refuse(line, f"{column}{bad}") from None

    def _refuse(self, line: int, problem: str) -> SmaError:
        return SmaError(f"{self._name}: line {line}: {problem}")


def _outside(places: NDArray[np.int64], quotes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the places that are outside quotes: an even number of quotes is before them."""
    return places[np.searchsorted(quotes, places) % 2 == 0] if len(quotes) else places
