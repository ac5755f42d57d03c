"""Counts the days of runs: those that the newest ones reconciled, and those that a running one has computed so far."""

from collections.abc import Sequence

from batch.store.read_only import read_only_session
from clients.statements import load_statements
from sma.settings import DatabaseSettings

_SQL = load_statements(__file__)


def read_days_of_runs(settings: DatabaseSettings, most: int) -> dict[str, int]:
    """Return how many days each of the newest runs reconciled, by run id; the newest first, `most` at most.

    Raises:
        SmaError: the database does not answer.
    """
    with read_only_session(settings) as connection:
        return dict(connection.execute(_SQL["read_days_of_runs"], {"most": most}).fetchall())


def count_computed_days(settings: DatabaseSettings, run_ids: Sequence[str]) -> int:
    """Return how many days some runs have computed and stored so far.

    Raises:
        SmaError: the database does not answer.
    """
    with read_only_session(settings) as connection:
        ((count,),) = connection.execute(_SQL["count_computed"], {"run_ids": list(run_ids)}).fetchall()
    return int(count)
