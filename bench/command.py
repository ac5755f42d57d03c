"""What both benchmarks' commands have in common: their options, and the warning that figures depend on the machine."""

import os
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from cli.console import say

Command = TypeVar("Command", bound=Callable[..., Any])


def with_options(names: Sequence[str]) -> Callable[[Command], Command]:
    """Give a command the options `only`, `number`, `repeat`, `keep` and `fresh`; `only` holds all names by default."""

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
        click.option("--repeat", default=3, show_default=True, help="how often each case is run; the median counts"),
        click.option("--keep", is_flag=True, help="leave the stack running"),
        click.option("--fresh", is_flag=True, help="delete the log and the tables of earlier runs first"),
    )

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def say_load() -> None:
    """Say how busy the machine is."""
    say(f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}: above 1, others are at work here")
