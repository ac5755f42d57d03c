"""`sma tail`: prints the stream's rows as they come."""

import json
import sys
import time
from typing import TYPE_CHECKING

import click

from cli.console import pipe_is_closed, quiet_when_the_pipe_closes, say
from sma.durations import parse_duration
from sma.errors import SmaError
from sma.instants import format_instant, parse_instant
from sma.value import format_micros

if TYPE_CHECKING:
    from reader.selection import Selection
    from reader.stream import EmittedRow
    from sma.settings import Settings


@click.command()
@click.argument("customer", required=False)
@click.argument("metric", required=False)
@click.option("--average", metavar="NAME", help="rows of this average only")
@click.option("--from-start", is_flag=True, help="begin with the oldest row that the topic holds")
@click.option("--since", metavar="TIME", help="begin with what was emitted since a time, or within e.g. '10 minutes'")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="end after N rows")
@click.option("--json", "as_json", is_flag=True, help="print a JSON object on each line, numbers as exact text")
def tail(
    customer: str | None,
    metric: str | None,
    *,
    average: str | None,
    from_start: bool,
    since: str | None,
    limit: int | None,
    as_json: bool,
) -> None:
    """Print the rows that the stream emits, as they come: all, or those of CUSTOMER, or of CUSTOMER's METRIC.

    Rows are read from the topic moving_averages, each once, when the checkpoint that covers it is complete. A row that
    is emitted again, since an event came later, is marked as a correction if this command has read the earlier one.
    Ctrl-C ends it.

    \b
    Examples:
      sma tail
      sma tail AA departure_delay --average hour
      sma tail --since '10 minutes' --json | jq -r .sma
      sma tail --from-start --limit 10
    """
    if from_start and since:
        raise click.UsageError("give either --from-start or --since")
    from reader.selection import Selection
    from sma.settings import load_settings

    settings = load_settings()
    wanted = Selection(customer, metric, average)
    try:
        with quiet_when_the_pipe_closes():
            _print_rows(settings, wanted, from_start, since, limit, as_json)
    except KeyboardInterrupt:
        return


def _print_rows(
    settings: "Settings", wanted: "Selection", from_start: bool, since: str | None, limit: int | None, as_json: bool
) -> None:
    from reader.session import session
    from reader.stream import emitted_rows, offsets_to_read_from, present_generation

    since_ms = None if since is None else _since_ms(since, time.time_ns() // 1_000_000)
    with session(settings.database_url, "SMA_DATABASE_URL") as connection:
        generation = present_generation(connection)
    offsets = offsets_to_read_from(settings, from_start=from_start, since_ms=since_ms)
    if not settings.publish_averages:
        say("SMA_PUBLISH_AVERAGES is false: the Flink job may write no rows to the topic")
    count, has_waited = 0, False
    for rows in emitted_rows(settings, settings.moving_averages_topic, offsets, generation, say):
        for row, is_correction in rows:
            if not _is_wanted(row, wanted):
                continue
            print(line_of(row, is_correction, as_json))
            count += 1
            if count == limit:
                return
        sys.stdout.flush()
        if pipe_is_closed():
            return
        if not rows and not has_waited:
            has_waited = True
            say("waiting for rows; Ctrl-C ends")


def _is_wanted(row: "EmittedRow", wanted: "Selection") -> bool:
    names = ((row.customer, wanted.customer), (row.metric, wanted.metric), (row.average, wanted.average))
    return all(name is None or has == name for has, name in names)


def line_of(row: "EmittedRow", is_correction: bool, as_json: bool) -> str:
    """Return a row as one line, or as one line of JSON."""
    if as_json:
        fields = {
            "customer": row.customer,
            "metric": row.metric,
            "average": row.average,
            "as_of": format_instant(row.as_of_ms),
            "sma": f"{row.sma:f}",
            "value_sum": format_micros(row.value_sum_micros),
            "event_count": row.event_count,
            "is_full": row.is_full,
            "is_correction": is_correction,
        }
        return json.dumps(fields, ensure_ascii=False)
    events = f"{row.event_count:,} event{'s' if row.event_count > 1 else ''}"
    marks = f"{'' if row.is_full else ', not full'}{', correction' if is_correction else ''}"
    return f"{format_instant(row.as_of_ms)}  {row.customer}/{row.metric}  {row.average}  {row.sma:f}  ({events}{marks})"


def _since_ms(text: str, now_ms: int) -> int:
    """Return an instant that is given as such, or as a duration before now."""
    try:
        return now_ms - parse_duration(text)
    except SmaError:
        try:
            return parse_instant(text)
        except SmaError:
            raise SmaError(
                f"--since {text!r} is neither a time nor a duration: write 2013-01-10T22:15 or '10 minutes'"
            ) from None
