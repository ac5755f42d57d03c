"""Keeps checked events in a temporary file until they are published, so that what is published is what was checked.

The file is compressed, has no name, and is gone when it is closed or the process ends.
"""

import os
import tempfile
from collections.abc import Iterator
from io import BytesIO
from types import TracebackType
from typing import Self

import polars as pl

from sma.errors import SmaError

_IN_MEMORY_BYTES = 32 * 1024 * 1024


class Spool:
    """Frames of events in the order in which they were added; each can be read again and again."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES)  # noqa: SIM115 - closed by __exit__
        self._ranges: list[tuple[int, int]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def add(self, frame: pl.DataFrame) -> None:
        """Keep a frame.

        Raises:
            SmaError: there is no room for temporary files.
        """
        written = BytesIO()
        frame.write_ipc_stream(written, compression="lz4")
        try:
            start = self._file.seek(0, os.SEEK_END)
            self._file.write(written.getbuffer())
        except OSError as error:
            raise SmaError(
                f"temporary files in {tempfile.gettempdir()}: {error.strerror}: make room, or set TMPDIR"
            ) from error
        self._ranges.append((start, len(written.getbuffer())))

    def frames(self) -> Iterator[pl.DataFrame]:
        """Yield the frames in the order in which they were added."""
        for start, length in self._ranges:
            self._file.seek(start)
            yield pl.read_ipc_stream(BytesIO(self._file.read(length)))

    def close(self) -> None:
        """Delete the file."""
        self._file.close()
