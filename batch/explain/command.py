"""Returns the `sma explain` command of one window, ready to paste.

The same rule in SQL is `sma.explain_command` in sql/functions/explain_command.sql; a test compares both.
"""

import shlex
from collections.abc import Iterator

import polars as pl

from batch.reconciliation.classify import difference_size
from sma.instants import format_instant


def explain_command(customer: str, metric: str, average: str, as_of_ms: int) -> str:
    """Return `sma explain ...` of one window, quoted for a POSIX shell."""
    dashes = ["--"] if customer.startswith("-") or metric.startswith("-") else []  # or a name would be an option
    return shlex.join(["sma", "explain", *dashes, customer, metric, average, format_instant(as_of_ms)])


def worst_first(differences: pl.DataFrame) -> pl.DataFrame:
    """Return differences (`classify.classify_differences`), the unexplained first, then the largest."""
    return differences.sort(pl.col("is_explained"), difference_size() * -1, maintain_order=True)


def commands_of(differences: pl.DataFrame, most: int) -> Iterator[str]:
    """Yield the command of each of the worst differences, `most` at most."""
    for row in worst_first(differences).head(most).select("customer", "metric", "average", "as_of_ms").iter_rows():
        yield explain_command(*row)
