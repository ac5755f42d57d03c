"""The batch layer in the benchmark, with its tables: recomputing, reconciling, and the memory it takes.

What a run needs is made by the run itself, in a database of its own, and is not timed.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import psycopg
from confluent_kafka import Consumer, TopicPartition

from batch.index.extend import extend_index
from batch.pipeline import compute_batch_days, reconcile_days
from batch.store.copy_format import encode_rows
from batch.windows.day_rows import rows_of
from bench.batch import memory
from bench.batch.ours_in_memory import indexed, nowhere, plan_all
from bench.batch.setting import AVERAGES
from bench.databases import own_database, write_out
from bench.events import Log
from sma.errors import SmaError
from sma.settings import Settings

_RUN_ID = "bench"
_STREAM_IS_RIGHT = Path(__file__).resolve().parent / "statements" / "stream_is_right.sql"


def recompute_days(log: Log, days: Sequence[date]) -> float:
    """Compute some days from Kafka into empty tables, with the index there; return seconds.

    Raises:
        SmaError: no rows came of it.
    """
    with indexed(log) as (own, _):
        return _recompute(own, days)


def reconcile_clean_day(log: Log, day: date) -> float:
    """Reconcile a day of which the stream has emitted what is right; return seconds.

    Raises:
        SmaError: a difference was found, or nothing was compared.
    """
    with indexed(log) as (own, _):
        _recompute(own, [day])
        _make_stream_right(own.settings)
        _confirm(own)
        began = time.monotonic()
        reconciled = reconcile_days(own.settings, AVERAGES, [day], _RUN_ID, nowhere)
        seconds = time.monotonic() - began
    summaries = [compared.summary for compared in reconciled.days]
    if not summaries or not all(0 < summary.equal == summary.windows_compared for summary in summaries):
        raise SmaError(f"reconciling a clean day found differences: {summaries}")
    return seconds


def peak_memory(log: Log) -> int:
    """Index the log and compute all of its days in a process of its own and those that it starts; return their bytes.

    The rows are encoded as they are copied into the database, and go nowhere.
    """
    with own_database(log.settings) as settings:
        return memory.peak_bytes(_recompute_to_nowhere, replace(log, settings=settings))


def _recompute(log: Log, days: Sequence[date]) -> float:
    began = time.monotonic()
    computed = compute_batch_days(log.settings, AVERAGES, days, _RUN_ID, nowhere)
    seconds = time.monotonic() - began
    if not sum(each.rows_written for each in computed.written):
        raise SmaError(f"no rows came of recomputing {', '.join(map(str, days))}")
    return seconds


def _make_stream_right(settings: Settings) -> None:
    with psycopg.connect(settings.owner_database_url.get_secret_value(), autocommit=True) as connection:
        connection.execute(_STREAM_IS_RIGHT.read_bytes())
    write_out(settings)


def _recompute_to_nowhere(log: Log) -> None:
    extend_index(log.settings, AVERAGES, nowhere)
    for _, spans in rows_of(plan_all(log), log.settings, AVERAGES.max_ahead_ms):
        for span in spans:
            for average in AVERAGES.averages:
                for _, rows in span.frames(average.name):
                    for _ in encode_rows(rows):
                        pass


def _confirm(log: Log) -> None:
    """Commit the end of the log, as the stream does when a checkpoint is complete."""
    settings = log.settings
    consumer = Consumer({"bootstrap.servers": settings.kafka_bootstrap, "group.id": settings.consumer_group})
    ends = [TopicPartition(settings.events_topic, *place) for place in log.closed_ends.items()]
    consumer.commit(offsets=ends, asynchronous=False)
    consumer.close()
