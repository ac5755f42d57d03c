"""`sma produce`: publishes a CSV file to the topic `events`."""

from pathlib import Path
from typing import Any

import click

from cli.console import print_json, print_table
from produce.layout import Layout
from sma.errors import SmaError

_DELIMITERS = {"tab": "\t", r"\t": "\t"}


@click.command()
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--customer", help="customer of every row")
@click.option("--customer-column", metavar="COLUMN", help="column that names each row's customer")
@click.option("--metric", help="metric of every row")
@click.option("--metric-column", metavar="COLUMN", help="column that names each row's metric")
@click.option("--time-column", metavar="COLUMN", required=True, help="column of the event time")
@click.option("--value-column", metavar="COLUMN", help="column of the value")
@click.option(
    "--value-columns",
    metavar="COLUMNS",
    help="columns of values, each a metric of its name: temp,humidity; '*' is every other column",
)
@click.option(
    "--time-format",
    metavar="FORMAT",
    help="strptime format, or epoch_s, epoch_ms, epoch_us, epoch_ns; ISO 8601 if not given",
)
@click.option(
    "--time-zone",
    metavar="ZONE",
    default="UTC",
    show_default=True,
    help="zone of times without one, e.g. Europe/Berlin; the order of the rows tells the passes of a repeated hour",
)
@click.option(
    "--delimiter", metavar="CHARACTER", default=",", show_default=True, help="between cells: , or ; or | or tab"
)
@click.option("--decimal", metavar="CHARACTER", default=".", show_default=True, help="before decimals: . or ,")
@click.option("--thousands", metavar="CHARACTER", default="", help="between thousands; none if not given")
@click.option("--missing", metavar="TEXT", multiple=True, help="one more text that means no value; may be repeated")
@click.option(
    "--skip-missing", is_flag=True, help="skip and count values that are empty, NA, #N/A, NULL, - or the like"
)
@click.option("--multiline", is_flag=True, help="allow line breaks within quotes")
@click.option(
    "--sort", is_flag=True, help="sort all events by event time first; holds them in memory, about 100 bytes each"
)
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), metavar="N", help="events a second at most")
@click.option("--close", is_flag=True, help="add heartbeats, so that all windows close")
@click.option("--json", "as_json", is_flag=True, help="print the result as JSON")
def produce(
    file: Path,
    *,
    value_column: str | None,
    value_columns: str | None,
    delimiter: str,
    sort: bool,
    rate: float | None,
    close: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Publish the rows of FILE, a CSV file with a header, as events, in file order; - is the standard input.

    The whole file is checked before the first event is sent, and what was checked is what is sent: it is kept,
    compressed, in a temporary file. Publishing the file again adds the same events a second time, and every
    average counts them twice.

    \b
    Examples:
      sma produce readings.csv --customer acme --metric temperature \\
          --time-column timestamp --value-column value --close
      sma produce trades.csv --customer-column account --metric price \\
          --time-column at --time-format epoch_ms --value-column price --rate 500
      sma produce export.csv --customer plant --metric power --delimiter ';' --decimal , --thousands . \\
          --time-column Zeit --time-format '%d.%m.%Y %H:%M' --time-zone Europe/Berlin --value-column Leistung
      sma produce wide.csv --customer plant --time-column at --value-columns temp,humidity --skip-missing
      zcat old.csv.gz | sma produce - --customer acme --metric temperature \\
          --time-column timestamp --value-column value --sort
    """
    if (value_column is None) == (value_columns is None):
        raise click.UsageError("give either --value-column or --value-columns")
    if options["metric"] is None and options["metric_column"] is None and value_columns is None:
        raise click.UsageError("give either --metric or --metric-column")
    names = (value_column,) if value_column is not None else tuple(map(str.strip, (value_columns or "").split(",")))
    try:
        layout = Layout(value_columns=names, delimiter=_DELIMITERS.get(delimiter, delimiter), **options)
    except SmaError as error:
        raise click.UsageError(str(error)) from error

    from cli.produce_file import produce_file

    published, summary = produce_file(file, layout, rate=rate, close=close, sort=sort)
    if as_json:
        offsets = {str(partition): list(first_last) for partition, first_last in sorted(published.offsets.items())}
        print_json(
            {
                "events": published.events,
                "skipped": summary.missing,
                "late": summary.late,
                "rounded": summary.rounded,
                "sorted": summary.is_sorted,
                "heartbeats": published.heartbeats,
                "offsets": offsets,
            }
        )
        return
    skipped = f", {summary.missing:,} missing values skipped" if summary.missing else ""
    heartbeats = f" and {published.heartbeats} heartbeats" if published.heartbeats else ""
    print_table(
        f"{published.events:,} events{heartbeats} published{skipped}",
        ["partition", "first Kafka offset", "last Kafka offset"],
        [(partition, first, last) for partition, (first, last) in sorted(published.offsets.items())],
    )
