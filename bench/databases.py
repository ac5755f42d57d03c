"""A database for each run that writes rows: empty and as `sma up` makes it, so that no run sees what another wrote."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg.sql import SQL, Identifier
from pydantic import SecretStr

from database.migrate import create_database, drop_database, with_database
from deploy.local.environment import read_environment
from sma.errors import SmaError
from sma.settings import Settings

_DATABASE = "bench"  # one run at a time
_URLS = ("database_url", "owner_database_url", "streaming_database_url", "batch_database_url")


@contextmanager
def own_database(settings: Settings) -> Iterator[Settings]:
    """Yield the settings with an empty database in the place of theirs; it is dropped at the end.

    What PostgreSQL would otherwise write out during the run has been written out.
    """
    owner_url = settings.owner_database_url.get_secret_value()
    drop_database(owner_url, _DATABASE)  # of a run that was interrupted
    create_database(owner_url, _DATABASE)
    try:
        write_out(settings)
        urls = {name: with_database(getattr(settings, name).get_secret_value(), _DATABASE) for name in _URLS}
        yield settings.model_copy(update={name: SecretStr(url) for name, url in urls.items()})
    finally:
        drop_database(owner_url, _DATABASE)


def empty(settings: Settings, *tables: str) -> None:
    """Empty tables of the settings' database."""
    with psycopg.connect(settings.owner_database_url.get_secret_value(), autocommit=True) as connection:
        for table in tables:
            connection.execute(SQL("TRUNCATE {}").format(Identifier(*table.split("."))))
    write_out(settings)


def write_out(settings: Settings) -> None:
    """Write out what PostgreSQL would otherwise write out during the next run."""
    with psycopg.connect(_superuser_url(settings), autocommit=True) as connection:
        connection.execute("CHECKPOINT")


def _superuser_url(settings: Settings) -> str:
    """Return the superuser's URL, which the stack knows that runs the database.

    Raises:
        SmaError: neither the settings' stack runs it, nor the one in whose folder it is.
    """
    for state_dir in (settings.state_dir, settings.state_dir.parent):
        environment = read_environment(state_dir)
        if environment is not None and "timescaledb" in environment.parts:
            return environment.superuser_url("postgres")
    raise SmaError(
        f"{settings.state_dir}: its database runs elsewhere: a benchmark needs one that `sma up` has started"
    )
