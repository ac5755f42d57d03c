"""The days that own closed windows of a test's log, once it is indexed to its end."""

from collections.abc import Callable
from datetime import date

from batch.index.extend import extend_index
from batch.schedule.owner_days import closed_owner_days
from batch.store.job_starts import averages_in_force
from batch.store.read_only import read_only_session
from sma.averages import Averages
from sma.settings import BatchSettings


def days_touched(settings: BatchSettings, averages: Averages, progress: Callable[[str], None]) -> list[date]:
    """Index the log to its end; return the days that own a closed window, ascending."""
    in_force = averages_in_force(settings, averages)
    extend_index(settings, in_force, progress)
    with read_only_session(settings) as connection:
        return closed_owner_days(connection, in_force)
