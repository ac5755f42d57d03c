"""Finds the newest served row of each average of a customer's metrics."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from difflib import get_close_matches

from clients.postgres import Connection
from clients.statements import load_statements
from sma.errors import SmaError

_MOST_MATCHES = 3
_SQL = load_statements(__file__)


@dataclass(frozen=True, slots=True)
class NewestRow:
    """The newest row of one average of a metric, as readers see it; the numbers are exact."""

    metric: str
    average: str
    as_of: datetime
    sma: Decimal
    value_sum: Decimal
    event_count: int
    is_full: bool
    source: str
    is_final: bool


def newest_rows(
    connection: Connection, customer: str, metric: str | None = None, average: str | None = None
) -> list[NewestRow]:
    """Return the newest row of each average of a customer's metrics, sorted by metric and average.

    A row exists once its window is closed; one whose as_of is ahead of the database's clock is left out.

    Args:
        connection: of a role that may read every table.
        customer: whose metrics.
        metric: this one only, if given.
        average: this one only, if given.

    Returns:
        The rows; none where the customer has events, and none of its windows has closed.

    Raises:
        SmaError: there is no such customer, metric or average; it names those that are meant, perhaps.
    """
    names = {"customer": customer, "metric": metric, "average": average}
    rows = [NewestRow(*row) for row in connection.execute(_SQL["newest_rows"], names).fetchall()]
    if not rows:
        _refuse_unknown(connection, customer, metric, average)
    return rows


def _refuse_unknown(connection: Connection, customer: str, metric: str | None, average: str | None) -> None:
    """Refuse the first of the names that the database does not have."""
    series = connection.execute(_SQL["read_series"]).fetchall()
    customers = {name for name, _ in series}
    if customer not in customers:
        raise SmaError(f"no customer '{customer}'{_close(customer, customers)}: `sma status` lists customers")
    metrics = {name for owner, name in series if owner == customer}
    if metric is not None and metric not in metrics:
        meant = _close(metric, metrics)
        raise SmaError(f"customer '{customer}' has no metric '{metric}'{meant}: `sma latest '{customer}'` lists them")
    averages = {name for (name,) in connection.execute(_SQL["read_averages"]).fetchall()}
    if average is not None and average not in averages:
        raise SmaError(f"no average '{average}': there are {', '.join(sorted(averages)) or 'none yet'}")


def _close(name: str, names: Iterable[str]) -> str:
    """Return a question that names those most like a name, whatever their case; nothing where none is like it."""
    by_folded = {each.casefold(): each for each in names}
    matches = get_close_matches(name.casefold(), by_folded, _MOST_MATCHES)
    return f"; did you mean {' or '.join(repr(by_folded[match]) for match in matches)}?" if matches else ""
