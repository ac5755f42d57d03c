"""DuckDB: all four averages by window functions over exact decimals, two statements (`duckdb_windows.sql`).

One thread, as there is a process for each core; a series is in one of them.
"""

from collections.abc import Iterable
from pathlib import Path

import duckdb
from confluent_kafka import Consumer
from frames import read
from worker import Answer, Done, main

_STATEMENTS = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
_TABLES = {"last_20": "last", "last_2000": "last", "hour": "durations", "day": "durations"}


def work(consumer: Consumer, events: int) -> Done:
    """Read so many events and compute all windows."""
    table = read(consumer, events)
    database = duckdb.connect()
    database.execute("SET threads = 1")
    database.register("arrived", table)
    database.execute(_STATEMENTS)
    return Done(len(table), lambda: answers(database))


def answers(database: duckdb.DuckDBPyConnection) -> Iterable[Answer]:
    """Yield all windows one by one."""
    for name, table in _TABLES.items():
        columns = f"customer, metric, as_of_ms, {name}::text, {name}_count"
        rows = database.execute(f"SELECT {columns} FROM {table} WHERE {name} IS NOT NULL")  # noqa: S608 - names from above
        for customer, metric, as_of_ms, value_sum, event_count in rows.fetchall():
            yield name, customer, metric, as_of_ms, value_sum, int(event_count)


if __name__ == "__main__":
    main(work)
