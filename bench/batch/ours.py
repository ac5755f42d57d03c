"""The batch layer in the benchmark, with its tables: loading, recomputing, reconciling, and the memory it takes.

What has to be so before is made so here, and not timed. Preparing others' cases does not belong here.
"""

import time
from collections.abc import Sequence
from datetime import date
from functools import cache
from pathlib import Path

import polars as pl
from confluent_kafka import Consumer, TopicPartition
from psycopg.sql import SQL

from batch.index.closed_days import day_of
from batch.pipeline import compute_batch_days, reconcile_days
from batch.results.batch_results import Answer, write_result
from batch.store.averages_schema import KEY
from batch.store.copy_format import encode_rows
from batch.store.database import connect
from batch.windows.day_rows import rows_of
from bench import tables
from bench.batch import memory
from bench.batch.columns import columns
from bench.batch.ours_in_memory import ALL, index_anew, kernel_averages, nowhere, plan_all
from bench.batch.setting import AVERAGES
from bench.events import MONTH, Log
from sma.durations import DAY_MS
from sma.errors import SmaError

_RUN_ID = "bench"
_BATCH_TABLES = ("sma.batch_averages", "sma.batch_days")
_RECONCILED_TABLES = ("sma.streaming_averages", "sma.reconciliations", "sma.differences", "sma.accounting")
_STREAM_IS_RIGHT = Path(__file__).resolve().parent / "statements" / "stream_is_right.sql"
_LOADED_DAYS = 4  # in one chunk of the hypertable

RowBlock = tuple[int, int, pl.DataFrame]


def load(log: Log) -> tuple[float, int]:
    """Write `rows_to_load` into the empty table of answers, as a recomputation does; return seconds and rows."""
    tables.empty(*_BATCH_TABLES)
    began = time.monotonic()
    with connect(log.settings.batch_database_url, "SMA_BATCH_DATABASE_URL") as connection:
        written = [write_result(connection, answer, [piece], _RUN_ID, _RUN_ID) for answer, piece in rows_to_load()]
    return time.monotonic() - began, sum(each.rows_written for each in written)


@cache
def rows_to_load() -> list[tuple[Answer, RowBlock]]:
    """Return the rows of some whole days, by day and average."""
    start = MONTH.first_ms + DAY_MS  # the first day has no events from before it
    rows = kernel_averages(columns((_LOADED_DAYS + 2) * DAY_MS // MONTH.between_ms))
    found = []
    for day_ms in range(start, start + _LOADED_DAYS * DAY_MS, DAY_MS):
        is_of_day = pl.col("as_of_ms").is_between(day_ms, day_ms + DAY_MS, closed="left")
        for average in AVERAGES.averages:
            answer = Answer(day_of(day_ms), average.name, {}, day_ms + DAY_MS)
            of_day = rows.filter(is_of_day, pl.col("average") == average.name).sort(KEY)
            found.append((answer, (day_ms, day_ms + DAY_MS, of_day)))
    return found


def recompute_days(log: Log, days: Sequence[date]) -> float:
    """Compute some days from Kafka into empty tables, with the index there; return seconds."""
    tables.empty(*_BATCH_TABLES)
    index_anew(log)
    began = time.monotonic()
    compute_batch_days(log.settings, AVERAGES, days, _RUN_ID, nowhere)
    return time.monotonic() - began


def reconcile_clean_day(log: Log, day: date) -> float:
    """Reconcile a day of which the stream said what is right; return seconds.

    Raises:
        SmaError: a difference was found, or nothing was compared.
    """
    recompute_days(log, [day])
    tables.empty(*_RECONCILED_TABLES)
    tables.execute(SQL(_STREAM_IS_RIGHT.read_text(encoding="utf-8")))
    _confirm(log)
    began = time.monotonic()
    reconciled = reconcile_days(log.settings, AVERAGES, [day], _RUN_ID, nowhere)
    seconds = time.monotonic() - began
    summaries = [compared.summary for compared in reconciled.days]
    if not all(0 < summary.equal == summary.windows_compared for summary in summaries):
        raise SmaError(f"reconciling a clean day found differences: {summaries}")
    return seconds


def peak_memory(log: Log) -> int:
    """Index the log and compute all of its days in a process of its own and those that it starts; return their bytes.

    The rows are encoded as they are copied into the database, and go nowhere.
    """
    return memory.peak_bytes(_recompute_to_nowhere, log)


def _recompute_to_nowhere(log: Log) -> None:
    index_anew(log)
    for day in rows_of(plan_all(log), log.settings, AVERAGES.max_ahead_ms):
        for piece in day.pieces:
            for average in AVERAGES.averages:
                for _ in encode_rows(piece.averages(ALL, average.name)):
                    pass


def _confirm(log: Log) -> None:
    """Commit the end of the log, as the stream does when a checkpoint is complete."""
    settings = log.settings
    consumer = Consumer({"bootstrap.servers": settings.kafka_bootstrap, "group.id": settings.consumer_group})
    ends = [TopicPartition(settings.events_topic, *place) for place in log.closed_ends.items()]
    consumer.commit(offsets=ends, asynchronous=False)
    consumer.close()
