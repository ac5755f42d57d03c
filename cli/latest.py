"""`sma latest`: shows the newest row of each average of a customer."""

from typing import TYPE_CHECKING

import click

from cli.console import print_json, print_table, say
from sma.instants import format_instant, milliseconds

if TYPE_CHECKING:
    from reader.latest import NewestRow


@click.command()
@click.argument("customer")
@click.argument("metric", required=False)
@click.option("--average", metavar="NAME", help="this average only")
@click.option("--json", "as_json", is_flag=True, help="print the rows as JSON, numbers as exact text")
def latest(customer: str, metric: str | None, average: str | None, as_json: bool) -> None:
    """Show the newest row of each average of CUSTOMER's metrics, or of one METRIC, as readers see it.

    A window has a row once it is closed. The row of the batch layer is final once its day is reconciled; the row of the
    stream may still be corrected.

    \b
    Examples:
      sma latest AA
      sma latest AA departure_delay --average hour
      sma latest AA departure_delay --json | jq -r '.[].sma'
    """
    from reader.latest import newest_rows
    from reader.session import session
    from sma.settings import load_settings

    with session(load_settings().database_url, "SMA_DATABASE_URL") as connection:
        rows = newest_rows(connection, customer, metric, average)
    if not rows:
        say(f"readers see no such row of '{customer}' yet: `sma status` shows how far the stream is")
    if as_json:
        print_json([_as_json(customer, row) for row in rows])
    elif rows:
        columns = ["metric", "average", "sma", "as of", "events", "full", "source", "final"]
        print_table(f"Newest averages of {customer}", columns, [_cells(row) for row in rows])


def _cells(row: "NewestRow") -> tuple[object, ...]:
    return (
        row.metric,
        row.average,
        f"{row.sma:f}",
        format_instant(milliseconds(row.as_of)),
        row.event_count,
        "yes" if row.is_full else "no",
        row.source,
        "yes" if row.is_final else "no",
    )


def _as_json(customer: str, row: "NewestRow") -> dict[str, object]:
    return {
        "customer": customer,
        "metric": row.metric,
        "average": row.average,
        "as_of": format_instant(milliseconds(row.as_of)),
        "sma": f"{row.sma:f}",
        "value_sum": f"{row.value_sum:f}",
        "event_count": row.event_count,
        "is_full": row.is_full,
        "source": row.source,
        "is_final": row.is_final,
    }
