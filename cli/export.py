"""`sma export`: writes averages to a file."""

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, closing, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from cli.console import counting, err, out, print_json, quiet_when_the_pipe_closes
from sma.instants import format_instant, milliseconds

if TYPE_CHECKING:
    import polars as pl

_STDOUT = Path("-")


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True))
@click.option("--customer", help="rows of this customer only")
@click.option("--metric", help="rows of this metric only")
@click.option("--average", metavar="NAME", help="rows of this average only")
@click.option("--start", metavar="TIME", help="first as_of, e.g. 2013-01-05 or 2013-01-05T06:00; UTC unless zoned")
@click.option("--end", metavar="TIME", help="where to end: rows with as_of before it")
@click.option("--final", is_flag=True, help="only rows of days that are reconciled")
@click.option("--json", "as_json", is_flag=True, help="print what was written as JSON")
def export(
    file: Path,
    *,
    customer: str | None,
    metric: str | None,
    average: str | None,
    start: str | None,
    end: str | None,
    final: bool,
    as_json: bool,
) -> None:
    """Write the averages that readers see to FILE: CSV or Parquet by its extension; - is CSV on standard output.

    Numbers are exact: plain decimals in CSV, decimal128 in Parquet. Rows are sorted by as_of, customer, metric and
    average, and are those of one moment. The file appears once it is complete.

    \b
    Examples:
      sma export averages.parquet
      sma export january.csv --customer AA --average hour --start 2013-01-01 --end 2013-02-01 --final
      sma export - --customer AA | head
      python -c 'import polars; print(polars.read_parquet("averages.parquet"))'
    """
    from reader.export import whole_file, write_csv, writer_for
    from reader.selection import select
    from reader.served import served_blocks
    from reader.session import session
    from sma.settings import load_settings

    if as_json and file == _STDOUT:
        raise click.UsageError("--json needs a file: standard output has the rows")
    selection = select(customer, metric, average, start, end, final=final)
    write = write_csv if file == _STDOUT else writer_for(file)
    target: AbstractContextManager[BinaryIO] = nullcontext(sys.stdout.buffer) if file == _STDOUT else whole_file(file)
    with (
        quiet_when_the_pipe_closes(),
        session(load_settings().database_url, "SMA_DATABASE_URL") as connection,
        closing(served_blocks(connection, selection)) as blocks,
        target as to,
        counting("exporting") as show,
    ):
        rows = write(blocks, to, _progress(show))
    if as_json:
        print_json({"file": str(file), "rows": rows})
    elif file == _STDOUT:
        err.print(f"{rows:,} rows written")
    else:
        out.print(f"{rows:,} rows written to {file}", soft_wrap=True)


def _progress(show: Callable[[str], None]) -> Callable[["pl.DataFrame"], None]:
    """Return what shows how many rows are written, and up to which time, after each block."""
    written = 0

    def add(block: "pl.DataFrame") -> None:
        nonlocal written
        written += block.height
        show(f"{written:,} rows, up to {format_instant(milliseconds(block['as_of'][-1]))}")

    return add
