"""`sma produce`: publishes a CSV file to the topic `events`."""

import time
from pathlib import Path

import click

from cli.console import print_json, print_table, progress_bar, say
from produce.csv_file import Layout, Summary, check_file, read_records
from produce.publish import Published, Publisher, closing_heartbeat_ms
from sma.averages import load_averages
from sma.errors import SmaError
from sma.settings import load_settings


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--customer", help="customer of every row")
@click.option("--customer-column", metavar="COLUMN", help="column that names each row's customer")
@click.option("--metric", help="metric of every row")
@click.option("--metric-column", metavar="COLUMN", help="column that names each row's metric")
@click.option("--time-column", metavar="COLUMN", required=True, help="column of the event time")
@click.option("--value-column", metavar="COLUMN", required=True, help="column of the value")
@click.option(
    "--time-format",
    metavar="FORMAT",
    help="strptime format, or epoch_ms, or epoch_s; ISO 8601 if not given; without a zone it is UTC",
)
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), metavar="N", help="events a second at most")
@click.option("--skip-missing", is_flag=True, help="skip and count rows whose value is empty or NA")
@click.option("--close", is_flag=True, help="add heartbeats, so that all windows close")
@click.option("--json", "as_json", is_flag=True, help="print the result as JSON")
def produce(
    file: Path,
    customer: str | None,
    customer_column: str | None,
    metric: str | None,
    metric_column: str | None,
    time_column: str,
    value_column: str,
    time_format: str | None,
    rate: float | None,
    skip_missing: bool,
    close: bool,
    as_json: bool,
) -> None:
    """Publish the rows of FILE, a CSV file with a header, as events, in file order.

    The whole file is checked before the first event is sent. Publishing the file again adds the same
    events a second time, and every average counts them twice.

    \b
    Examples:
      sma produce readings.csv --customer acme --metric temperature \\
          --time-column timestamp --value-column value --close
      sma produce trades.csv --customer-column account --metric price \\
          --time-column at --time-format epoch_ms --value-column price --rate 500
    """
    if (customer is None) == (customer_column is None):
        raise click.UsageError("give either --customer or --customer-column")
    if (metric is None) == (metric_column is None):
        raise click.UsageError("give either --metric or --metric-column")
    layout = Layout(
        time_column=time_column,
        value_column=value_column,
        customer=customer,
        customer_column=customer_column,
        metric=metric,
        metric_column=metric_column,
        time_format=time_format,
        skip_missing=skip_missing,
    )
    published, summary = produce_file(file, layout, rate=rate, close=close)
    if as_json:
        offsets = {str(partition): list(first_last) for partition, first_last in sorted(published.offsets.items())}
        print_json(
            {
                "events": published.events,
                "skipped": summary.missing,
                "heartbeats": published.heartbeats,
                "offsets": offsets,
            }
        )
        return
    skipped = f", {summary.missing:,} rows without a value skipped" if summary.missing else ""
    heartbeats = f" and {published.heartbeats} heartbeats" if published.heartbeats else ""
    print_table(
        f"{published.events:,} events{heartbeats} published{skipped}",
        ["partition", "first Kafka offset", "last Kafka offset"],
        [(partition, first, last) for partition, (first, last) in sorted(published.offsets.items())],
    )


def produce_file(file: Path, layout: Layout, *, rate: float | None, close: bool) -> tuple[Published, Summary]:
    """Check and publish a file; return what Kafka acknowledged and what the file holds."""
    settings = load_settings()
    averages = load_averages(settings.averages)
    summary = check_file(file, layout)
    publisher = Publisher(settings)
    started = time.monotonic()
    try:
        with progress_bar("publishing", summary.events) as progress:
            publisher.send((record for record in read_records(file, layout) if record is not None), rate, progress)
            if close:
                publisher.send_heartbeats(closing_heartbeat_ms(averages, summary.newest_event_time_ms))
            published = publisher.finish()
    except (SmaError, KeyboardInterrupt):
        sent = publisher.published.events
        say(f"{sent:,} of {summary.events:,} events were published before this stopped; see docs/producing.md")
        raise
    say(f"published in {time.monotonic() - started:.1f} s")
    return published, summary
