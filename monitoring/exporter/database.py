"""Reads the metrics of TimescaleDB, of the batch layer's tables and of the refreshes' audit trail.

Three collectors, since what is slow to read changes slowly. They read as the role that may read everything.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import LiteralString

from prometheus_client.core import Metric

from batch.audit.due_days import read_due_days
from batch.checks.log_retention import days_are_retained
from batch.index.split_series import read_split_series
from batch.store.database import Connection
from batch.store.job_starts import averages_in_force
from batch.store.read_only import read_only_session
from clients.kafka.offsets import topic_id
from clients.statements import load_statements
from monitoring.exporter.families import by_label, by_partition, counters, gauge, gauges
from monitoring.topic_made_anew import made_anew
from powerbi.refresh.connection import model_of
from sma.averages import load_averages
from sma.durations import parse_duration
from sma.settings import Settings

_CLASSES = ("changed", "missing_in_stream", "extra_in_stream")
_NAMED_SERIES = 3
_STAGES = ("window_closed", "streamed", "reconciled")
_SQL = load_statements(__file__)


def look_at_the_server(settings: Settings) -> list[Metric]:
    """Return sizes, sessions and transactions.

    Raises:
        SmaError: the database does not answer.
    """
    with _reading(settings) as connection:
        size, most, longest, commits, rollbacks, deadlocks = _row(connection, _SQL["read_database"])
        sessions = connection.execute(_SQL["count_sessions"]).fetchall()
        hypertables = connection.execute(_SQL["read_hypertables"]).fetchall()
    outcomes = {("commit",): commits, ("rollback",): rollbacks}
    return [
        *gauge("sma_database_size_bytes", "Size of the database", size),
        by_label("sma_database_connections", "Sessions", "state", sessions),
        *gauge("sma_database_max_connections", "How many sessions there may be, less reserved ones", most),
        *gauge("sma_database_longest_transaction_seconds", "Age of the oldest open transaction", longest),
        counters("sma_database_transactions_total", "Transactions", ["outcome"], outcomes),
        counters("sma_database_deadlocks_total", "Deadlocks", [], {(): deadlocks}),
        by_label("sma_hypertable_size_bytes", "Size, with indexes", "table", [(n, size) for n, size, _ in hypertables]),
        by_label("sma_hypertable_chunks", "Chunks", "table", [(name, chunks) for name, _, chunks in hypertables]),
    ]


def look_at_reconciliation(settings: Settings) -> list[Metric]:
    """Return the differences, the days to reconcile, and how long Kafka keeps their records.

    Raises:
        SmaError: the database or Kafka does not answer.
    """
    today = datetime.now(UTC).date()
    reader = _as_reader(settings)
    averages = averages_in_force(reader, load_averages(settings.averages))
    period = timedelta(milliseconds=parse_duration(settings.audit_period))
    retained = days_are_retained(reader, averages, today).figures
    gone = {each.what for each in made_anew(settings, topic_id(settings.kafka_as("monitoring"), settings.events_topic))}
    other_topics = [("stream", float("job" in gone)), ("batch", float("index" in gone))]
    with _reading(settings) as connection:
        differences = connection.execute(_SQL["sum_differences"]).fetchall()
        damaged = connection.execute(_SQL["sum_damaged_rows"], {"period": period}).fetchall()
        overdue = read_due_days(connection, settings, averages, today).overdue
        (age_s,) = _row(connection, _SQL["read_reconciled_age"])
        residues = dict(connection.execute(_SQL["read_residues"]).fetchall())
        late, rejected = _row(connection, _SQL["count_side_outputs"])
        ages = connection.execute(_SQL["read_data_ages"]).fetchall()
    by_class = {
        (average, name): count
        for average, *counts in differences
        for name, count in zip(_CLASSES, counts[:3], strict=True)
    }
    explained = [(average, counts[3]) for average, *counts in differences]
    unexplained = [(average, counts[4]) for average, *counts in differences]
    data_ages = {
        (customer, stage): seconds
        for customer, *of_stages in ages
        for stage, seconds in zip(_STAGES, of_stages, strict=True)
        if seconds is not None
    }
    return [
        gauges("sma_differences", "Windows that differ", ["average", "class"], by_class),
        by_label("sma_explained_differences", "... explained by late events", "average", explained),
        by_label("sma_unexplained_differences", "... not explained", "average", unexplained),
        by_label("sma_unexplained_corrections", "Stored rows that no event explains", "average", damaged),
        by_label("sma_topic_made_anew", "Whether a layer belongs to a topic that is gone", "layer", other_topics),
        *gauge("sma_audit_overdue_days", "Days not audited within the period", overdue),
        *gauge("sma_reconciliation_age_seconds", "Since the newest reconciliation", age_s),
        by_partition("sma_accounting_residue", "Records that nobody accounts for", residues),
        *gauge("sma_late_events", "Late events in the log", late),
        *gauge("sma_rejected_events", "Rejected events in the log", rejected),
        gauges("sma_data_age_seconds", "Since the newest window", ["customer", "stage"], data_ages),
        *gauge("sma_days_to_reconcile", "Days that are stale", _figure(retained.get("days_to_reconcile"))),
        *gauge("sma_days_lost", "... whose records Kafka has dropped", _figure(retained.get("days_lost"))),
        *gauge("sma_retention_seconds_left", "Until Kafka drops what they need", _figure(retained.get("seconds_left"))),
        *gauge("sma_retention_seconds_needed", "Reconciling them takes", _figure(retained.get("seconds_needed"))),
    ]


def look_at_split_series(settings: Settings) -> list[Metric]:
    """Return how many series had events in more than one partition within the last day, and the newest of them by name.

    Raises:
        SmaError: the database does not answer.
    """
    with _reading(settings) as connection:
        found = read_split_series(connection, _NAMED_SERIES)
    named = {(each.in_words(),): 1.0 for each in found.newest}
    return [
        *gauge("sma_split_series", "Series with events in more than one partition", found.count),
        gauges("sma_split_series_newest", "... the ones found last, by name", ["series"], named),
        *gauge("sma_unsettled_series", "Series with rows that are not final for it", found.marked),
    ]


def look_at_refreshes(settings: Settings) -> list[Metric]:
    """Return how old the Power BI model is, and how many days and seconds it is behind.

    Raises:
        SmaError: the database does not answer, or only some of the model's settings are set.
    """
    is_enabled = model_of(settings) is not None
    enabled = gauge("sma_refresh_enabled", "Whether the settings name a model", is_enabled)
    if not is_enabled:
        return enabled
    with _reading(settings) as connection:
        age_s, is_failing, waiting_days, behind_s = _row(connection, _SQL["read_refreshes"])
    return [
        *enabled,
        *gauge("sma_refresh_age_seconds", "Since the newest completed refresh was asked for", age_s),
        *gauge("sma_refresh_failing", "Whether the newest refresh that ended did not complete", is_failing),
        *gauge("sma_unrefreshed_days", "Reconciled days that no completed refresh contains", waiting_days),
        *gauge("sma_readers_behind_seconds", "How long rows that the model does not have have waited", behind_s),
    ]


@contextmanager
def _reading(settings: Settings) -> Iterator[Connection]:
    with read_only_session(_as_reader(settings)) as connection:
        yield connection


def _as_reader(settings: Settings) -> Settings:
    return settings.model_copy(update={"batch_database_url": settings.database_url})


def _row(connection: Connection, statement: LiteralString) -> tuple[float, ...]:
    row = connection.execute(statement).fetchone()
    if row is None:
        raise AssertionError("a statement that returns exactly one row returned none")
    return row


def _figure(value: int | float | str | None) -> float | None:
    return None if value is None else float(value)
