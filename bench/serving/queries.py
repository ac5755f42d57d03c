"""The queries that reports send to the database, by name, and for some of them the same rows read from one table.

The large ones are those of the Power BI project: a partition of an incremental refresh, and the last day by series.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from bench.serving.rows import AVERAGE, CUSTOMER, FIRST, METRIC, answered_until

_FROM_VIEW = "series_key, average, date, as_of, sma, value_sum, event_count, is_full, source, is_final"
_KEY = f"{CUSTOMER}/{METRIC}".encode().hex()
# the same columns and the same arithmetic, without a choice between layers and without a join to the reconciliations
_FROM_TABLE = (
    "serving.key(customer || '/' || metric), average, (as_of AT TIME ZONE INTERVAL '0')::date,"
    " as_of AT TIME ZONE INTERVAL '0', serving.average(value_sum, event_count)::numeric(28, 9),"
    " value_sum, event_count, true, 'batch', true"
)


@dataclass(frozen=True, slots=True)
class Query:
    """A statement, who sends it, and the same rows from one table where that can be compared."""

    title: str
    statement: str
    as_customer: bool = False
    one_table: str | None = None


def report_queries(days: int) -> Mapping[str, Query]:
    """Return the queries by name, for so many days of rows."""
    answered = FIRST + timedelta(days=days // 2)
    open_day = answered_until(days) - timedelta(hours=12)
    one = f"customer = '{CUSTOMER}' AND metric = '{METRIC}' AND average = '{AVERAGE}'"
    week = f"as_of >= '{answered - timedelta(days=7)}' AND as_of < '{answered}'"
    return {
        "series": Query("every series", "SELECT * FROM serving.series"),
        "averages": Query("every average", "SELECT * FROM serving.averages"),
        "calendar": Query("the calendar", "SELECT * FROM serving.calendar"),
        "data_age": Query("the data's age, of every customer", "SELECT * FROM serving.data_age"),
        "quality": Query("what reconciliations found, of every customer", "SELECT * FROM serving.quality"),
        "differences_slice": Query(
            "differences of a day", f"SELECT * FROM serving.differences WHERE {_of_day(answered)}"
        ),
        "facts_slice": Query(
            "refresh of an answered day, all customers",
            f"SELECT {_FROM_VIEW} FROM serving.facts WHERE {_of_day(answered)}",
            one_table=f"SELECT {_FROM_TABLE} FROM sma.batch_averages WHERE {_of_day(answered, 'as_of')}",
        ),
        "open_slice": Query(
            "refresh of the last, half answered day, all customers",
            f"SELECT {_FROM_VIEW} FROM serving.facts WHERE {_of_day(open_day)}",
            one_table=f"SELECT {_FROM_TABLE} FROM sma.streaming_averages WHERE {_of_day(open_day, 'as_of')}",
        ),
        "one_series": Query(
            "one series and average, a week",
            f"SELECT * FROM serving.moving_averages WHERE {one} AND {week}",
            one_table=(
                "SELECT customer, metric, average, as_of, value_sum, event_count, true,"
                " serving.average(value_sum, event_count), 'batch', true"
                f" FROM sma.batch_averages WHERE {one} AND {week}"
            ),
        ),
        "everything": Query(
            "every row, added up",
            "SELECT average, count(*), sum(sma) FROM serving.moving_averages GROUP BY average",
            one_table=(
                "SELECT average, count(*), sum(serving.average(value_sum, event_count)) FROM sma.streaming_averages"
                " GROUP BY average"
            ),
        ),
        "live": Query(
            "one series of the last day, as DirectQuery asks",
            f"SELECT * FROM serving.live WHERE series_key = '{_KEY}' AND average = '{AVERAGE}'",
        ),
        "customer_slice": Query(
            "refresh of an answered day, by a customer",
            f"SELECT {_FROM_VIEW} FROM facts WHERE {_of_day(answered)}",
            as_customer=True,
        ),
        "customer_live": Query(
            "one series of the last day, by a customer",
            f"SELECT * FROM live WHERE series_key = '{_KEY}' AND average = '{AVERAGE}'",
            as_customer=True,
        ),
        "customer_calendar": Query("the calendar, by a customer", "SELECT * FROM calendar", as_customer=True),
        "customer_age": Query("the data's age, by a customer", "SELECT * FROM data_age", as_customer=True),
    }


def _of_day(day: object, column: str = "instant") -> str:
    return f"{column} >= '{day}' AND {column} < timestamptz '{day}' + INTERVAL '1 day'"
