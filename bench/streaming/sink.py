"""Rows into TimescaleDB: our job with its sink, and Flink SQL with the JDBC sink, into tables laid out alike.

Both state the same thing, each second by itself, which costs either next to nothing: what is measured is the writing.
Both tables are empty before each run, and must hold the same rows after it.
"""

from bench import tables
from bench.events import Log
from bench.streaming import flink_sql, ours

_OURS = "sma.streaming_averages"
_THEIRS = "sma.bench_averages"


def run_ours(log: Log) -> tuple[float, int]:
    """Run our job with the database and return its seconds and rows."""
    empty_streaming_averages()
    seconds = ours.run(log, "sink", ours.SECOND, writes_rows=True)
    return seconds, tables.count_rows(_OURS)


def run_jdbc(log: Log, is_tuned: bool) -> tuple[float, int]:
    """Run Flink's SQL with the JDBC sink and return its seconds and rows.

    Raises:
        SmaError: it failed, or did not write what our job has written.
    """
    tables.make_like(_THEIRS, _OURS)
    tables.empty(_THEIRS)
    seconds = flink_sql.tumble_to_jdbc(log, log.settings.owner_database_url.get_secret_value(), is_tuned)
    tables.require_same_rows(_OURS, _THEIRS)
    return seconds, tables.count_rows(_THEIRS)


def empty_streaming_averages() -> None:
    """Delete what our job has written."""
    tables.empty(_OURS)
