"""Provides all assets and sensors with the settings, the averages, the clock, and the runs of the batch layer.

Settings and averages are read when they are used and not when definitions load. The batch layer's runs have compiled
loops; they are imported where they are called, so that definitions load in a second or two.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import dagster as dg

from batch.index.log_index import read_index
from batch.log.offsets import Progress
from batch.results.retention import kept_days
from batch.schedule.backlog import Backlog, read_backlog
from batch.schedule.owner_days import stored_days, without_empty_days
from batch.schedule.unclosed import Unclosed, read_unclosed
from batch.store.job_starts import averages_in_force
from batch.store.read_only import read_only_session
from powerbi.refresh.clock import Clock, SystemClock
from sma.averages import Averages, load_averages
from sma.errors import SmaError
from sma.settings import Settings, load_settings

if TYPE_CHECKING:
    from batch.audit.due_days import DueDays
    from batch.audit.run import Audited
    from batch.audit.trail import UnexplainedCorrection
    from batch.index.extend import IndexReport
    from batch.pipeline import Computed, Reconciled
    from batch.report.worst_series import SeriesRows


MOST_CORRECTIONS = 20  # in the metadata of a run


class Project:
    """The settings (`SMA_*`) and averages.yaml of the process that runs the asset, and the batch layer on them.

    Each method raises SmaError where a service does not answer, or refuses.
    """

    clock: Clock = SystemClock()

    @property
    def settings(self) -> Settings:
        """Where everything is."""
        return load_settings()

    @property
    def averages(self) -> Averages:
        """What is computed: see `batch.store.job_starts.in_force`."""
        return averages_in_force(self.settings, load_averages(self.settings.averages))

    def backlog(self, today: date) -> Backlog:
        """Read which kept days are stale, and whether they can be computed."""
        return read_backlog(self.settings, self.averages, today)

    def unclosed(self) -> Unclosed:
        """Read which events no closed window contains, and which partitions hold their windows back."""
        with read_only_session(self.settings) as connection:
            return read_unclosed(connection, read_index(connection), self.averages)

    def extend_index(self, progress: Progress) -> "IndexReport":
        """Extend the offset index to the log's end."""
        from batch.index.extend import extend_index

        return extend_index(self.settings, self.averages, progress)

    def index_what_is_new(self) -> None:
        """Extend the offset index where that takes seconds, and leave it to a run where it takes longer."""
        from batch.index.extend import extend_index_a_little

        extend_index_a_little(self.settings, self.averages)

    def compute(self, days: Sequence[date], run_id: str, progress: Progress, resume_key: str) -> "Computed":
        """Compute days from the retained log, and store them."""
        from batch.index.extend import extend_index
        from batch.pipeline import compute_batch_days

        kept = self._kept(days, progress)
        in_force = self.averages
        extend_index(self.settings, in_force, progress)  # or a day whose events are new would be taken for empty
        wanted = without_empty_days(self.settings, in_force, kept, progress)
        return compute_batch_days(
            self.settings, load_averages(self.settings.averages), wanted, run_id, progress, resume_key
        )

    def reconcile(self, days: Sequence[date], run_id: str, progress: Progress) -> "Reconciled":
        """Compare days with the streamed rows, and store the result."""
        from batch.pipeline import reconcile_days

        wanted = without_empty_days(self.settings, self.averages, self._kept(days, progress), progress)
        return reconcile_days(self.settings, load_averages(self.settings.averages), wanted, run_id, progress)

    def audit(self, run_id: str, progress: Progress, start: date | None, end: date | None) -> "Audited":
        """Audit the days that are due, or those from start to end."""
        from batch.audit.run import run_audit

        averages = load_averages(self.settings.averages)
        return run_audit(self.settings, averages, run_id, self._today(), progress, start, end)

    def days_to_audit(self) -> "tuple[DueDays, list[date]]":
        """Read which days are due for an audit, and those that have, or had, rows that no event seems to make."""
        from batch.audit.due_days import days_without_events, read_due_days, read_standing

        averages = self.averages
        with read_only_session(self.settings) as connection:
            due = read_due_days(connection, self.settings, averages, self._today())
            strays = days_without_events(connection, averages, stored_days(connection))
            return due, sorted({*strays, *(day for day, _ in read_standing(connection))})

    def unexplained_corrections(self, run_id: str) -> "list[UnexplainedCorrection]":
        """Read the largest corrections of a run that no new event explains."""
        from batch.audit.trail import read_unexplained

        with read_only_session(self.settings) as connection:
            return read_unexplained(connection, run_id, MOST_CORRECTIONS)

    def _today(self) -> date:
        return datetime.fromtimestamp(self.clock.now(), UTC).date()

    def _kept(self, days: Sequence[date], progress: Progress) -> list[date]:
        return kept_days(days, self.settings.keep_days, self._today(), progress)

    def worst_series(self, reconciled: "Reconciled") -> "Mapping[str, SeriesRows]":
        """Read the rows of the series that differs most, of each day that differs."""
        from batch.report.worst_series import read_worst_series

        return read_worst_series(self.settings, reconciled)


@contextmanager
def failing_in_one_line() -> Iterator[None]:
    """Fail the run with the one line of an SmaError, which the user can correct, and no retry."""
    try:
        yield
    except SmaError as error:
        raise dg.Failure(description=str(error), allow_retries=False) from None
