"""Prints progress and tables: progress on standard error, results on standard output.

Text is printed as it is. Names of customers and metrics come from events, so no console here reads markup or emoji
codes in what it prints: a metric `[red]x[/red]` has that name on the screen too.
"""

import json
import os
import select
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

_WIDTH_OF_A_FILE = 140
out = Console(highlight=False, markup=False, emoji=False)
err = Console(stderr=True, highlight=False, markup=False, emoji=False)
for console in (out, err):
    if not console.is_terminal:
        console.width = _WIDTH_OF_A_FILE


@contextmanager
def progress_bar(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show a bar while the block runs; yield the function to call with how many are done."""
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=not err.is_terminal) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.update(task, completed=done)
        bar.update(task, completed=total)


@contextmanager
def counting(what: str) -> Iterator[Callable[[str], None]]:
    """Show on a terminal what is done while the block runs; yield the function to call with how far it is."""
    with err.status(Text(what)) if err.is_terminal else nullcontext() as status:
        yield lambda reached: status.update(Text(f"{what}: {reached}")) if status is not None else None


@contextmanager
def quiet_when_the_pipe_closes() -> Iterator[None]:
    """End the command without an error where whoever reads the standard output has had enough, as `head` does."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the last flush of the process fails
        raise SystemExit(0) from None


def pipe_is_closed() -> bool:
    """Return whether the standard output is a pipe that nobody reads any more."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)  # an error is reported without being asked for
    return any(events & select.POLLERR for _, events in poll.poll(0))


def say(line: str) -> None:
    """Print a line of progress."""
    err.print(line)


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a table; whole numbers get thousands separators and are aligned right."""
    out.print(make_table(title, columns, rows))


def make_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Table:
    """Return a table as `print_table` prints it."""
    table = Table(title=title or None, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for index, column in enumerate(columns):
        is_number = bool(rows) and all(isinstance(row[index], int) for row in rows)
        table.add_column(column, justify="right" if is_number else "left", overflow="fold")
    for row in rows:
        table.add_row(*(f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row))
    return table


def make_facts(title: str, rows: Sequence[tuple[str, str]]) -> Table:
    """Return lines of a name and what is known of it, without a heading for the two columns."""
    table = Table(
        title=title or None, title_justify="left", title_style="bold", box=None, show_header=False, pad_edge=False
    )
    table.add_column()
    table.add_column(overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table


def print_json(value: Any) -> None:
    """Print a value as one JSON document."""
    click.echo(json.dumps(value, indent=2, default=str))
