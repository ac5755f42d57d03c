"""Stores the audit trail of refreshes, and reads the inputs of the next one.

Every time in it is the database's own clock, and a refresh contains the rows that were visible before its request was
sent: so no second clock decides whether a reconciliation waits. Each step has a connection of its own, since a refresh
may take longer than an idle connection lives.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from batch.store.database import Connection, connect, snapshot
from clients.statements import load_statements
from powerbi.refresh.due import Known
from powerbi.refresh.follow import Ended, NotAccepted
from powerbi.refresh.plan import Contents, Plan
from sma.settings import DatabaseSettings

_SQL = load_statements(__file__)


@dataclass(frozen=True, slots=True)
class Contained:
    """The newest reconciled window that a refresh contains, and when it was streamed and reconciled; None if unknown.

    `visible_age_s` is how long before the refresh's end it had closed, in seconds.
    """

    window_end: datetime | None = None
    streamed_at: datetime | None = None
    reconciled_at: datetime | None = None
    visible_age_s: float | None = None


@dataclass(frozen=True, slots=True)
class Open:
    """A request that was accepted and whose end no run has recorded; ages in seconds."""

    run_id: str
    request_id: str
    asked_age_s: float
    accepted_age_s: float
    waits: int


@dataclass(frozen=True, slots=True)
class Trail:
    """The table of refreshes; each step has its own connection, and raises SmaError if the database does not answer."""

    settings: DatabaseSettings

    def begin(self, run_id: str, refresh_type: str, reason: str) -> None:
        """Add a refresh."""
        with self._connection() as connection:
            connection.execute(
                _SQL["begin_refresh"], {"run_id": run_id, "refresh_type": refresh_type, "reason": reason}
            )

    def prepare(self, run_id: str, choose: Callable[[Contents], Plan]) -> Plan:
        """Choose what to request just before it is sent, and store which reconciliations the refresh will contain."""
        with self._connection() as connection, snapshot(connection):
            row = connection.execute(_SQL["read_contents"], {"run_id": run_id}).fetchone() or (None,) * 5
            newest, streamed_to, streamed_before, policy_day, is_well = row
            planned = choose(
                Contents(waiting_days(connection), _day(newest), _day(streamed_before), policy_day, bool(is_well))
            )
            values: dict[str, Any] = {
                "run_id": run_id,
                "scope": planned.scope,
                "effective_date": planned.effective_date,
                "partitions": list(planned.partitions) or None,
                "streamed_to": streamed_to,
            }
            connection.execute(_SQL["prepare_refresh"], values)
            connection.execute(_SQL["forget_days"], {"run_id": run_id})
            connection.execute(_SQL["keep_days"], {"run_id": run_id, "covers_from": planned.covers_from})
        return planned

    def accept(self, run_id: str, request_id: str, waits: int) -> None:
        """Store the id under which Power BI refreshes."""
        values = {"run_id": run_id, "request_id": request_id, "waits": waits}
        with self._connection() as connection:
            connection.execute(_SQL["accept_refresh"], values)

    def record_failed_check(self, run_id: str) -> None:
        """Store that the end could not be read, so that the next check waits."""
        with self._connection() as connection:
            connection.execute(_SQL["look_at_refresh"], {"run_id": run_id})

    def end(self, run_id: str, outcome: Ended | NotAccepted) -> Contained:
        """Store how it ended; return what readers now see, where it completed."""
        values: dict[str, Any] = {"run_id": run_id, "status": outcome.status, "retry_after_s": None, "waits": None}
        if isinstance(outcome, NotAccepted):
            values |= {"error": outcome.why, "retry_after_s": outcome.retry_after_s, "waits": outcome.waits}
        else:
            values["error"] = outcome.error
        with self._connection() as connection, connection.transaction():
            connection.execute(_SQL["end_refresh"], values)
            if outcome.status != "completed":
                return Contained()
            row = connection.execute(_SQL["record_contained"], {"run_id": run_id}).fetchone()
        return Contained(*row) if row else Contained()

    def known(self) -> Known:
        """Return what is known of the next refresh, as `read_known` does."""
        with self._connection() as connection:
            return read_known(connection)

    def open_request(self) -> Open | None:
        """Return the oldest request that is still to be followed to its end.

        A request that a run left before Power BI had named it cannot be followed: its status becomes unknown.
        """
        with self._connection() as connection, connection.transaction():
            connection.execute(_SQL["settle_refresh"])
            row = connection.execute(_SQL["read_open_refresh"]).fetchone()
        return Open(*row) if row else None

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        with connect(self.settings.batch_database_url, "SMA_BATCH_DATABASE_URL") as connection:
            yield connection


def read_known(connection: Connection) -> Known:
    """Return what the tables contain; Dagster knows which runs are under way."""
    row = connection.execute(_SQL["read_known"]).fetchone() or (datetime.now(UTC), 0, *(None,) * 4, False, None, [])
    now, waiting_days, tried_at, failed_at, retry_at, is_open, looked_at, accepted = row
    return Known(
        now=now.timestamp(),
        waiting_days=waiting_days,
        tried_at=_seconds(tried_at),
        failed_at=_seconds(failed_at),
        retry_at=_seconds(retry_at),
        is_open=is_open,
        looked_at=_seconds(looked_at),
        accepted=tuple(each.timestamp() for each in accepted),
    )


def waiting_days(connection: Connection) -> list[date]:
    """Return the days whose newest reconciliation no completed refresh contains, in order."""
    return [day for (day,) in connection.execute(_SQL["read_waiting_days"]).fetchall()]


def _day(moment: datetime | None) -> date | None:
    return None if moment is None else moment.astimezone(UTC).date()


def _seconds(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()
