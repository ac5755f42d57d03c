"""Makes the views that a customer reads: those for reports, each restricted to the customer's own rows.

They are security barriers: no condition of a reader is evaluated for another customer's row. A customer's role may use
its schema and select from these views, and nothing else: see `database.customers`.
"""

from psycopg import Connection, sql

_OWN_ROWS = ("moving_averages", "unsettled", "facts", "live", "differences", "data_age", "quality")
_FOR_EVERYBODY = ("averages",)

# the days of the months in which the customer has rows; those of all customers together would reveal the other
# customers' months. Joined by OR, so that each EXISTS remains a look-up in an index.
_CALENDAR = """
SELECT day.*
FROM serving.calendar AS day
JOIN sma.served_months AS served ON served.month = date_trunc('month', day.date::timestamp)
WHERE EXISTS (
        SELECT
        FROM sma.streaming_averages
        WHERE customer = {customer}
            AND as_of >= served.month AT TIME ZONE INTERVAL '0'
            AND as_of < (served.month + INTERVAL '1 month') AT TIME ZONE INTERVAL '0'
    )
    OR EXISTS (
        SELECT
        FROM sma.batch_averages
        WHERE customer = {customer}
            AND as_of >= served.month AT TIME ZONE INTERVAL '0'
            AND as_of < (served.month + INTERVAL '1 month') AT TIME ZONE INTERVAL '0'
    )
"""

# a label that tells this customer apart from another one would reveal the other, so here the customer keeps its name
_SERIES = """
SELECT
    series,
    customer,
    metric,
    series_key,
    customer_key,
    customer || '/' || metric_label AS series_label,
    customer AS customer_label,
    metric_label,
    newest_event
FROM serving.series
WHERE customer = {customer}
"""
_OF_ONE_CUSTOMER = {"calendar": _CALENDAR, "series": _SERIES}

VIEWS = (*_OWN_ROWS, *_FOR_EVERYBODY, *_OF_ONE_CUSTOMER)


def remake_customer_views(connection: Connection) -> None:
    """Make the views of every customer again, in the caller's transaction; does nothing without customers."""
    if connection.execute("SELECT to_regclass('sma.customers') IS NULL").fetchone() == (True,):
        return
    customers = connection.execute(
        "SELECT customer, schema_name, role_name, EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = role_name)"
        " FROM sma.customers ORDER BY customer"
    ).fetchall()
    for customer, schema, role, has_role in customers:
        make_customer_views(connection, customer, schema)
        if has_role:
            grant_views(connection, schema, role)


def make_customer_views(connection: Connection, customer: str, schema: str) -> None:
    """Make a customer's views; replaces existing ones."""
    for view in VIEWS:
        name = sql.Identifier(schema, view)
        connection.execute(sql.SQL("DROP VIEW IF EXISTS {}").format(name))
        connection.execute(
            sql.SQL("CREATE VIEW {} WITH (security_barrier) AS {}").format(name, _query(view, sql.Literal(customer)))
        )


def grant_views(connection: Connection, schema: str, role: str) -> None:
    """Let a customer's role select from its views, and do nothing else."""
    whom, where = sql.Identifier(role), sql.Identifier(schema)
    connection.execute(sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(where, whom))
    views = sql.SQL(", ").join(sql.Identifier(schema, view) for view in VIEWS)
    connection.execute(sql.SQL("GRANT SELECT ON {} TO {}").format(views, whom))


def _query(view: str, customer: sql.Literal) -> sql.Composable:
    if view in _OF_ONE_CUSTOMER:
        return sql.SQL(_OF_ONE_CUSTOMER[view]).format(customer=customer)
    source = sql.Identifier("serving", view)
    if view in _FOR_EVERYBODY:
        return sql.SQL("SELECT * FROM {}").format(source)
    return sql.SQL("SELECT * FROM {} WHERE customer = {}").format(source, customer)
