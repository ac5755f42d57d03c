"""Ends sessions of customers whose transaction is open for too long, whatever time-outs they have set themselves."""

from datetime import timedelta

from batch.store.database import connect
from clients.statements import load_statements
from sma.settings import DatabaseSettings

LONGEST = timedelta(minutes=30)
"""As `transaction_timeout` in `database.customer_roles`, which a customer can lift."""

_SQL = load_statements(__file__)


def end_long_sessions(settings: DatabaseSettings, longest: timedelta = LONGEST) -> list[str]:
    """End the sessions of customers that have a transaction open for longer; return what was ended, a line for each.

    Raises:
        SmaError: the database does not answer or refuses.
    """
    with connect(settings.batch_database_url, "SMA_BATCH_DATABASE_URL") as connection:
        ended = connection.execute(_SQL["end_sessions"], {"longest": longest}).fetchall()
    return [f"a session of {role}, whose transaction was open for {open_for}" for role, open_for in ended]
