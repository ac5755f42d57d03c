"""Rows of both layers as a running system has them, in a database of their own that the next run finds again.

100 series of 20 customers, three averages stated every minute; all days but the last half are answered, and each
answered day was reconciled twenty times.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from psycopg import Connection, sql

from database.customers import add_customer, list_customers, rotate_password
from database.definitions import store_definitions
from database.migrate import connect, create_database, drop_database, migrate, with_database
from sma.averages import Average
from sma.window import CountWindow, DurationWindow

DATABASE = "bench_serving"
CUSTOMER = "customer_03"
METRIC = "metric_2"
AVERAGE = "hour"
FIRST = datetime(2026, 1, 1, tzinfo=UTC)
_MINUTE_MS = 60_000
_AVERAGES = (
    Average("last_20", CountWindow(20), _MINUTE_MS),
    Average("hour", DurationWindow(3_600_000), _MINUTE_MS),
    Average("day", DurationWindow(86_400_000), _MINUTE_MS),
)
ROWS_A_DAY = 2 * len(_AVERAGES) * 100 * 1440  # in both layers together

_STATE = """
INSERT INTO sma.streaming_averages (customer, metric, average, as_of, value_sum, event_count)
SELECT
    'customer_' || lpad(customer::text, 2, '0'),
    'metric_' || metric,
    average,
    as_of,
    ((customer * 7919 + metric * 104729 + extract(epoch FROM as_of)::bigint * 31) %% 100000000) / 1000.0,
    20
FROM generate_series(0, 1439) AS minute
CROSS JOIN LATERAL (SELECT %(day)s::timestamptz + minute * INTERVAL '1 minute' AS as_of) AS grid
CROSS JOIN generate_series(1, 20) AS customer
CROSS JOIN generate_series(1, 5) AS metric
CROSS JOIN unnest(%(averages)s::text[]) AS average
"""
_ANSWER = """
INSERT INTO sma.batch_averages (customer, metric, average, as_of, value_sum, event_count, written_at)
SELECT
    customer,
    metric,
    average,
    as_of,
    value_sum,
    event_count,
    now() - INTERVAL '1 day'
FROM sma.streaming_averages
WHERE average = ANY(%(averages)s)
    AND as_of >= %(day)s
    AND as_of < least(%(day)s::timestamptz + INTERVAL '1 day', %(answered_until)s)
"""
_ANSWERED = """
INSERT INTO sma.batch_days (day, average, read_to, closed_until, row_count, run_id)
SELECT
    (%(day)s::timestamptz AT TIME ZONE 'UTC')::date,
    average,
    '{}',
    %(answered_until)s::timestamptz - INTERVAL '1 minute',
    144000,
    'run'
FROM unnest(%(averages)s::text[]) AS average
"""
_RECONCILED = """
INSERT INTO sma.reconciliations (run_id, day, average, windows_compared, equal, changed, missing_in_stream,
    extra_in_stream, explained, unexplained, read_to, duration_seconds, reconciled_at)
SELECT
    'run ' || run,
    (%(day)s::timestamptz AT TIME ZONE 'UTC')::date,
    average,
    144000,
    143000,
    1000,
    0,
    0,
    1000,
    0,
    '{}',
    1,
    now() - run * INTERVAL '15 minutes'
FROM unnest(%(averages)s::text[]) AS average
CROSS JOIN generate_series(0, 19) AS run
"""
_DIFFERED = """
INSERT INTO sma.differences
SELECT
    'run 0',
    customer,
    metric,
    average,
    as_of,
    'changed',
    true,
    1,
    value_sum - 1,
    event_count,
    value_sum,
    event_count
FROM sma.batch_averages
WHERE as_of >= %(day)s
    AND as_of < least(%(day)s::timestamptz + INTERVAL '1 day', %(answered_until)s)
    AND extract(epoch FROM as_of)::bigint / 60 %% 144 = 0
"""
_INDEXED = """
INSERT INTO sma.series_days (kafka_partition, customer, metric, day, event_count, next_offset)
SELECT
    customer %% 4,
    'customer_' || lpad(customer::text, 2, '0'),
    'metric_' || metric,
    (%(day)s::timestamptz AT TIME ZONE 'UTC')::date,
    1000,
    1
FROM generate_series(1, 20) AS customer
CROSS JOIN generate_series(1, 5) AS metric
"""
_SERIES = """
INSERT INTO sma.indexed_series
SELECT DISTINCT kafka_partition, customer, metric, 0 FROM sma.series_days
"""


def loaded(owner_url: str, rows: int, fresh: bool, say: Callable[[str], None]) -> tuple[str, str]:
    """Return the URLs of the owner and of one customer in a database with `rows` rows or a few more in both layers.

    Args:
        owner_url: the owner's, of any database of the server.
        rows: how many; whole days of them are loaded, at about 100,000 a second.
        fresh: whether to load them anew.
        say: takes a line of progress.
    """
    days = -(-rows // ROWS_A_DAY)
    url = with_database(owner_url, DATABASE)
    if fresh or _days_there(owner_url) != days:
        drop_database(owner_url, DATABASE)
        create_database(owner_url, DATABASE)
        store_definitions(url, _AVERAGES)
        with connect(url) as connection:
            _load(connection, days, say)
    else:
        migrate(url)
    known = {one.customer for one in list_customers(url)}
    access = rotate_password(url, CUSTOMER) if CUSTOMER in known else add_customer(url, CUSTOMER)
    return url, access.url


def answered_until(days: int) -> datetime:
    """Return up to when the batch layer has answered: noon of the last day."""
    return FIRST + timedelta(days=days) - timedelta(hours=12)


def _load(connection: Connection, days: int, say: Callable[[str], None]) -> None:
    for number in range(days):
        bound = {
            "day": FIRST + timedelta(days=number),
            "averages": [average.name for average in _AVERAGES],
            "answered_until": answered_until(days),
        }
        with connection.transaction():
            for statement in (_STATE, _ANSWER, _ANSWERED, _RECONCILED, _DIFFERED, _INDEXED):
                connection.execute(statement.encode(), bound)
        say(f"{number + 1}/{days} days")
    connection.execute(_SERIES.encode())
    connection.execute(b"VACUUM ANALYZE sma.streaming_averages")
    connection.execute(b"VACUUM ANALYZE sma.batch_averages")
    connection.execute(b"ANALYZE")


def _days_there(owner_url: str) -> int:
    name = urlsplit(with_database(owner_url, DATABASE)).path.lstrip("/")
    with connect(owner_url) as connection:
        if connection.execute("SELECT FROM pg_catalog.pg_database WHERE datname = %s", (name,)).fetchone() is None:
            return 0
    with connect(with_database(owner_url, DATABASE)) as connection:
        row = connection.execute(sql.SQL("SELECT count(DISTINCT day) FROM sma.series_days")).fetchone()
    return int(row[0]) if row else 0
