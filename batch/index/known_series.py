"""Looks up averages and series by name, with an error that lists similar names where one is unknown."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from batch.store.database import Connection
from clients.statements import load_statements
from sma.averages import Average
from sma.errors import SmaError
from sma.window import CountWindow, DurationWindow

_SQL = load_statements(__file__)
_LISTED_NAMES = 5  # in an error


def read_definitions(connection: Connection) -> dict[str, Average]:
    """Return the averages whose definition is stored, by name: those of averages.yaml, and earlier ones."""
    return {
        name: Average(name, CountWindow(events) if events is not None else DurationWindow(window_ms), *grid)
        for name, events, window_ms, *grid in connection.execute(_SQL["read_definitions"])
    }


def has_rows(connection: Connection, customer: str, metric: str) -> bool:
    """Tell whether either layer has a row of the series."""
    ((known,),) = connection.execute(_SQL["knows_series"], {"customer": customer, "metric": metric}).fetchall()
    return bool(known)


def require_customer(connection: Connection, customer: str) -> None:
    """Refuse a customer of whom no event is indexed.

    Raises:
        SmaError: names similar customers.
    """
    if connection.execute(_SQL["read_metrics"], {"customer": customer}).fetchone() is None:
        raise unknown_series(connection, customer, "")


def unknown_average(name: str, known: Iterable[str]) -> SmaError:
    """Return the error for an average that is not among the known ones."""
    names = sorted(known)
    if not names:
        return SmaError(f"there is no average {name!r}, and none is stored yet: start the job with `sma up`")
    return SmaError(f"there is no average {name!r}: there are {_some(name, names)}")


def unknown_series(connection: Connection, customer: str, metric: str) -> SmaError:
    """Return the error for a series that is neither in the log nor in the tables."""
    metrics = [name for (name,) in connection.execute(_SQL["read_metrics"], {"customer": customer})]
    if metrics:
        return SmaError(f"no event of {customer!r} has the metric {metric!r}: its metrics are {_some(metric, metrics)}")
    customers = [name for (name,) in connection.execute(_SQL["read_customers"])]
    if customers:
        return SmaError(f"there is no event of the customer {customer!r}: there are {_some(customer, customers)}")
    return SmaError("there is no event yet: publish some with `sma produce`")


def _some(asked: str, names: Sequence[str]) -> str:
    """Return the names most similar to the one asked for, or else the first."""
    similar = get_close_matches(asked, names, _LISTED_NAMES) or names[:_LISTED_NAMES]
    more = len(names) - len(similar)
    return ", ".join(map(repr, similar)) + (f" and {more:,} more" if more else "")
