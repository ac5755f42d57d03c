"""Options that the benchmarks' commands share, and the warning that figures depend on the machine."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from cli.console import say

Command = TypeVar("Command", bound=Callable[..., Any])


with_lender = click.option(
    "--stack",
    "lender",
    type=click.Path(exists=True, file_okay=False, resolve_path=True, path_type=Path),
    help="use Kafka and the database of the running stack with this state folder, and leave it as it was",
)
with_warm_up = click.option(
    "--warm-up/--no-warm-up",
    default=True,
    show_default=True,
    help="run each case briefly before it is timed; without it figures mean nothing",
)


def with_options(names: Sequence[str]) -> Callable[[Command], Command]:
    """Give a command `only`, which holds all names by default, and the options that are listed here."""

    def all_if_none(_: click.Context, __: click.Parameter, only: tuple[str, ...]) -> tuple[str, ...]:
        return only or tuple(names)

    options = (
        click.option(
            "--only",
            multiple=True,
            type=click.Choice(list(names)),
            callback=all_if_none,
            help="measure only this; may be given again",
        ),
        click.option("--events", "number", default=4_000_000, show_default=True, help="how many events are in the log"),
        click.option("--repeat", default=3, show_default=True, help="in how many rounds; the median counts"),
        with_warm_up,
        click.option("--keep", is_flag=True, help="leave the stack running"),
        click.option("--fresh", is_flag=True, help="delete the logs of earlier runs first"),
        with_lender,
    )

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def say_load() -> None:
    """Print how busy the machine is."""
    say(f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}: above 1, others are at work here")
