"""`make demo`: runs both layers on real events, from a file to a reconciled month.

Publishes the flights of January 2013, waits until the stream has emitted their windows, has Dagster recompute and
reconcile them, and prints the result. It calls the same code as the commands.
"""

import json
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path

import click
from tenacity import Retrying, retry_if_result, stop_after_delay, wait_fixed

from batch.report.reconciliation_report import ReconciliationReport
from batch.schedule.reconciliation_plan import DayRequest
from cli.console import out, say
from cli.main import run_command
from cli.produce_file import produce_file
from cli.reconcile import plan_days, print_report, reconcile_days, require_clean
from cli.start_job import start_job
from cli.status_page import print_parts
from cli.stream_wording import in_words
from clients import postgres
from clients.files import make_private_folder
from demo.example import Example, find_example, read_series, window_duration
from demo.flights import Flights, write_flights
from demo.log_owner import claim_log, require_own_log
from demo.page import draw_series, write_page
from deploy.local.lifecycle import stack
from deploy.local.lifecycle.status import status
from produce.layout import Layout
from produce.publish import Publisher, closing_heartbeat_ms
from sma.averages import Averages, load_averages
from sma.settings import DatabaseSettings, Settings
from sma.window import DurationWindow
from streaming.control import lifecycle, progress

LAYOUT = Layout(
    time_column="scheduled_departure",
    value_columns=("departure_delay",),
    customer_column="carrier",
    metric="departure_delay",
)
EVENTS_PER_SECOND = 3_000
WAIT_SECONDS = 120
FIRST_ROWS_SECONDS = 30
CHART_MARGIN = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Streamed:
    """How many rows the stream had written when the last event was sent, and once all windows were closed."""

    rows_before_close: int
    rows: int


@click.command()
@click.option("--fresh", is_flag=True, help="delete all data in the log and the tables")
def demo(fresh: bool) -> None:
    """Run the demo on the local stack of this checkout, and leave it running."""
    started = time.monotonic()
    settings = stack.up(say)
    folder = settings.state_dir / "demo"
    make_private_folder(folder)
    averages = load_averages(settings.averages)
    empty_the_log(settings, folder, fresh)
    flights = write_flights(folder / "flights.csv")
    say(f"{flights.departed:,} flights left in January 2013; {flights.cancelled} were cancelled and have no event")
    say(in_words(start_job(settings, "demo", fresh=True)))
    streamed = publish(settings, averages, flights)
    claim_log(settings, folder, is_complete=True)
    say("reconciling")
    report, run_ids = reconcile_days(settings, plan_days(settings, DayRequest(is_all=True)))
    example = explain(settings, averages, list(run_ids), flights)
    seconds = time.monotonic() - started
    figures = asdict(report) | {
        "cancelled_flights": flights.cancelled,
        "streamed_rows": streamed.rows,
        "streamed_rows_before_close": streamed.rows_before_close,
        "seconds": round(seconds, 1),
    }
    (folder / "report.json").write_text(json.dumps(figures, indent=2) + "\n")
    write_demo_page(settings, folder / "index.html", report, example)
    print_result(settings, folder, report, example, seconds)
    require_clean(report)


def empty_the_log(settings: Settings, folder: Path, fresh: bool) -> None:
    """Empty the log, so that the demo's figures are its own; refuse if the log holds other events."""
    if not fresh:
        require_own_log(settings, folder)
    lifecycle.cancel(settings)
    stack.reset_data(settings)
    with suppress(FileNotFoundError):
        (folder / "report.json").unlink()
    claim_log(settings, folder, is_complete=False)


def publish(settings: Settings, averages: Averages, flights: Flights) -> Streamed:
    """Publish the flights, then close the month; wait until the stream has emitted windows before and after."""
    _, summary = produce_file(flights.path, LAYOUT, rate=EVENTS_PER_SECOND, close=False)
    rows_before_close = await_streamed(settings)
    publisher = Publisher(settings)
    publisher.send_heartbeats(closing_heartbeat_ms(averages, summary.newest_event_time_ms))
    publisher.finish()
    progress.wait(settings, WAIT_SECONDS, say)
    streamed = Streamed(rows_before_close, count_streamed(settings))
    say(f"the stream emitted {streamed.rows:,} windows, {streamed.rows_before_close:,} of them before the last event")
    return streamed


def await_streamed(settings: Settings) -> int:
    """Return how many rows the stream has written; on a busy machine the first ones may need a moment."""
    return Retrying(
        retry=retry_if_result(lambda rows: not rows),
        stop=stop_after_delay(FIRST_ROWS_SECONDS),
        wait=wait_fixed(0.5),
        retry_error_callback=lambda state: 0,
    )(count_streamed, settings)


def count_streamed(settings: DatabaseSettings) -> int:
    """Return how many rows the stream has written."""
    with postgres.session(settings.database_url, "SMA_DATABASE_URL", "demo") as connection:
        row = connection.execute("SELECT count(*) FROM sma.streaming_averages").fetchone()
    return row[0] if row else 0


def explain(settings: DatabaseSettings, averages: Averages, run_ids: list[str], flights: Flights) -> Example | None:
    """Return one window that the stream got wrong, of the shortest duration, with the late flights that explain it."""
    durations = [average for average in averages.averages if isinstance(average.window, DurationWindow)]
    if not durations:
        return None
    shortest = min(durations, key=window_duration)
    with postgres.session(settings.database_url, "SMA_DATABASE_URL", "demo") as connection:
        return find_example(connection, run_ids, shortest, flights.path)


def write_demo_page(
    settings: DatabaseSettings, path: Path, report: ReconciliationReport, example: Example | None
) -> None:
    """Write the page with the chart of the example's series around its window."""
    if example is None:
        return
    with postgres.session(settings.database_url, "SMA_DATABASE_URL", "demo") as connection:
        points = read_series(connection, example.customer, example.average, example.as_of, CHART_MARGIN)
    chart = draw_series(points, f"Carrier {example.customer}, average '{example.average.name}'", "delay, minutes")
    figures = {name.replace("_", " "): f"{value:,}" for name, value in asdict(report).items()}
    intro = (
        "The mean departure delay of one carrier, as streamed within seconds and as recomputed with every flight. "
        "A flight's delay is known when it leaves: a flight that leaves hours late is an event that arrives hours late."
    )
    lines = example.lines()
    write_page(path, intro=intro, chart_svg=chart, figures=figures, example=lines)


def print_result(
    settings: Settings, folder: Path, report: ReconciliationReport, example: Example | None, seconds: float
) -> None:
    """Print the result and where to find more."""
    print_report(report)
    if example is not None:
        out.print("One window that the stream got wrong:")
        for line in example.lines():
            out.print(f"  {line}", soft_wrap=True)
        out.print()
    out.print(f"Done in {seconds:.0f} s. Everything is left running; `make down` stops it.")
    print_parts(status(settings))
    for path in (folder / "index.html", folder / "report.json"):
        out.print(f"  {path}", soft_wrap=True)


if __name__ == "__main__":
    run_command(demo)
