"""Writes served rows to a CSV or a Parquet file in bounded memory; the file appears whole or not at all.

Numbers are written exactly: in CSV as plain decimals, in Parquet as decimal128(38, 6) and decimal128(38, 9). Times are
UTC, in milliseconds.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from reader.served import SERVED_SCHEMA
from sma.errors import SmaError

_TIME_FORMAT = "%Y-%m-%dT%H:%M:%S%.3fZ"

Progress = Callable[[pl.DataFrame], None]
"""Is called with each block once it is written."""


def write_csv(blocks: Iterable[pl.DataFrame], to: BinaryIO, progress: Progress) -> int:
    """Write a header and the rows of blocks (`served` of `reader.served`) as CSV; return how many rows there are."""
    to.write(SERVED_SCHEMA.to_frame().write_csv().encode())
    row_count = 0
    for block in blocks:
        to.write(block.write_csv(include_header=False, datetime_format=_TIME_FORMAT).encode())
        row_count += block.height
        progress(block)
    return row_count


def write_parquet(blocks: Iterable[pl.DataFrame], to: BinaryIO, progress: Progress) -> int:
    """Write the rows of blocks (`served` of `reader.served`) as Parquet; return how many rows there are.

    `source` is text; a block is a row group.
    """
    row_count = 0
    with pq.ParquetWriter(to, _arrow(SERVED_SCHEMA.to_frame()).schema) as writer:
        for block in blocks:
            writer.write_table(_arrow(block))
            row_count += block.height
            progress(block)
    return row_count


WRITERS: dict[str, Callable[[Iterable[pl.DataFrame], BinaryIO, Progress], int]] = {
    ".csv": write_csv,
    ".parquet": write_parquet,
}


def writer_for(path: Path) -> Callable[[Iterable[pl.DataFrame], BinaryIO, Progress], int]:
    """Return what writes a file of this name.

    Raises:
        SmaError: its extension is neither .csv nor .parquet.
    """
    if path.suffix.lower() not in WRITERS:
        raise SmaError(
            f"{path}: its extension says neither CSV nor Parquet: name it {path.stem}.csv or {path.stem}.parquet"
        )
    return WRITERS[path.suffix.lower()]


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Open a file next to the one of this name, which it replaces at the end, once it is on the disk.

    Where the block fails, nothing of it stays. Where the process is killed, a hidden file `.NAME.PID.partial` does.

    Raises:
        SmaError: it cannot be written.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        raise SmaError(f"{path} cannot be written: {error.strerror or error}") from error
    finally:
        partial.unlink(missing_ok=True)


def _arrow(rows: pl.DataFrame) -> pa.Table:
    return rows.with_columns(pl.col("source").cast(pl.String)).to_arrow()
