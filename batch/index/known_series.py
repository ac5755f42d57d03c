"""Looks up averages and series by name, with an error that lists similar names where one is unknown."""

from collections.abc import Sequence
from difflib import get_close_matches

from batch.store.database import Connection
from batch.store.statements import load_statements
from sma.averages import Average
from sma.errors import SmaError
from sma.window import CountWindow, DurationWindow

_SQL = load_statements(__file__)
_NAMED = 5  # names that an error tells


def read_definitions(connection: Connection) -> dict[str, Average]:
    """Return the averages whose definition is stored, by name: those of averages.yaml, and those it once had."""
    return {
        name: Average(name, CountWindow(events) if events is not None else DurationWindow(window_ms), every_ms)
        for name, events, window_ms, every_ms in connection.execute(_SQL["read_definitions"])
    }


def has_rows(connection: Connection, customer: str, metric: str) -> bool:
    """Tell whether either layer has a row of the series."""
    ((known,),) = connection.execute(_SQL["knows_series"], {"customer": customer, "metric": metric}).fetchall()
    return bool(known)


def unknown_series(connection: Connection, customer: str, metric: str) -> SmaError:
    """Return what to tell whoever asks for a series of which neither the log nor the tables know."""
    metrics = [name for (name,) in connection.execute(_SQL["read_metrics"], {"customer": customer})]
    if metrics:
        return SmaError(f"no event of {customer!r} has the metric {metric!r}: its metrics are {_some(metric, metrics)}")
    customers = [name for (name,) in connection.execute(_SQL["read_customers"])]
    if customers:
        return SmaError(f"no event of the customer {customer!r} has come: there are {_some(customer, customers)}")
    return SmaError("no event has come yet: publish some with `sma produce`")


def _some(asked: str, names: Sequence[str]) -> str:
    """Return the names that are most like the one asked for, or else the first."""
    like = get_close_matches(asked, names, _NAMED) or names[:_NAMED]
    more = len(names) - len(like)
    return ", ".join(map(repr, like)) + (f" and {more:,} more" if more else "")
