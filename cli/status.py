"""`sma status`: shows every part, the job, the newest data, reconciliation and alerts, once or repeatedly."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

import click
from rich.console import RenderableType
from rich.live import Live

from cli.console import out, print_json
from sma.errors import SmaError


@click.command()
@click.option("--json", "as_json", is_flag=True, help="print the status as JSON, the database URL's password included")
@click.option("--watch", is_flag=True, help="show it again and again, until interrupted")
@click.option("--every", default=2.0, show_default=True, type=click.FloatRange(min=0.2), help="seconds between updates")
def status(as_json: bool, watch: bool, every: float) -> None:
    """Show every part and its address, the job and its lag, the series that were published last, and which alerts fire.

    \b
    Examples:
      sma status
      sma status --watch
      psql "$(sma status --json | jq -r .database_url)"
    """
    if as_json and watch:
        raise click.UsageError("--json and --watch exclude each other: a program asks as often as it wants")

    from cli.now import read_now
    from cli.status_page import page_of
    from sma.settings import load_settings

    settings = load_settings()
    if watch:
        _watch(lambda: page_of(read_now(settings), datetime.now(UTC)), every)
        return
    now = read_now(settings)
    if as_json:
        print_json(now.as_dict())
    else:
        out.print(page_of(now, datetime.now(UTC)))
    if not now.parts.is_up:
        raise SmaError("not every part is up: `sma up` starts what is down")


def _watch(page: Callable[[], RenderableType], every_s: float) -> None:
    while not out.is_terminal:  # a file gets one page after the other
        out.print(page())
        time.sleep(every_s)
    with Live(console=out, auto_refresh=False, screen=True) as live:
        while True:
            live.update(page(), refresh=True)
            time.sleep(every_s)
