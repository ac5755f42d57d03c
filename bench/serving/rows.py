"""Rows of both layers as a running system has them, in a database of their own that the next run finds again.

Five series of each customer, three averages emitted every minute; the batch layer has computed all days but the last
half, and each of those days was reconciled twenty times.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

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
_SERIES_OF_A_CUSTOMER = 5
_LEAST_CUSTOMERS = 3  # CUSTOMER is the third
_LEAST_DAYS = 3  # the middle one is computed as a whole, and has a day before it
_VERSION = 1  # of what is below; rows that another version has loaded are loaded again

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
CROSS JOIN generate_series(1, %(customers)s) AS customer
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
INSERT INTO sma.batch_days (day, average, read_to, low_watermark, row_count, run_id)
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
FROM generate_series(1, %(customers)s) AS customer
CROSS JOIN generate_series(1, 5) AS metric
"""
_SERIES = """
INSERT INTO sma.indexed_series
SELECT DISTINCT kafka_partition, customer, metric, 0 FROM sma.series_days
"""


@dataclass(frozen=True, slots=True)
class Size:
    """How much is loaded."""

    days: int
    customers: int

    @classmethod
    def of(cls, rows: int, customers: int) -> "Size":
        """Return a size of `rows` rows in both layers together, or what is missing to whole days more."""
        customers = max(_LEAST_CUSTOMERS, customers)
        rows_a_day = 2 * len(_AVERAGES) * _SERIES_OF_A_CUSTOMER * customers * 1440
        return cls(max(_LEAST_DAYS, -(-rows // rows_a_day)), customers)


@contextmanager
def loaded(
    owner_url: str, size: Size, *, fresh: bool, keep: bool, say: Callable[[str], None]
) -> Iterator[tuple[str, str]]:
    """Yield the URLs of the owner and of one customer in a database with so many rows in both layers.

    Args:
        owner_url: the owner's, of any database of the server.
        size: how many; they are loaded at about 100,000 a second.
        fresh: whether to load them though an earlier run has.
        keep: whether a later run finds the database.
        say: takes a line of progress.
    """
    url = with_database(owner_url, DATABASE)
    mark = f"version {_VERSION}: {size}"
    try:
        if fresh or _mark_of_database(owner_url) != mark:
            drop_database(owner_url, DATABASE)
            create_database(owner_url, DATABASE)
            store_definitions(url, _AVERAGES)
            with connect(url) as connection:
                _load(connection, size, say)
                # last, so that what an interrupted run has left is not taken for whole
                connection.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(DATABASE), mark))
        else:
            migrate(url)
        known = {one.customer for one in list_customers(url)}
        access = rotate_password(url, CUSTOMER) if CUSTOMER in known else add_customer(url, CUSTOMER)
        yield url, access.url
    finally:
        if not keep:
            drop_database(owner_url, DATABASE)


def answered_until(days: int) -> datetime:
    """Return up to when the batch layer has computed: noon of the last day."""
    return FIRST + timedelta(days=days) - timedelta(hours=12)


def _load(connection: Connection, size: Size, say: Callable[[str], None]) -> None:
    for number in range(size.days):
        bound = {
            "day": FIRST + timedelta(days=number),
            "averages": [average.name for average in _AVERAGES],
            "answered_until": answered_until(size.days),
            "customers": size.customers,
        }
        with connection.transaction():
            for statement in (_STATE, _ANSWER, _ANSWERED, _RECONCILED, _DIFFERED, _INDEXED):
                connection.execute(statement.encode(), bound)
        say(f"{number + 1}/{size.days} days")
    connection.execute(_SERIES.encode())
    connection.execute(b"VACUUM ANALYZE sma.streaming_averages")
    connection.execute(b"VACUUM ANALYZE sma.batch_averages")
    connection.execute(b"ANALYZE")


def _mark_of_database(owner_url: str) -> str | None:
    """Return the comment of the run that loaded the database; None where there is none."""
    with connect(owner_url) as connection:
        row = connection.execute(
            "SELECT shobj_description(oid, 'pg_database') FROM pg_catalog.pg_database WHERE datname = %s", (DATABASE,)
        ).fetchone()
    return row[0] if row else None
