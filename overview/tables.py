"""Reads what the page shows of the database: newest series, averages, counts of records, and the days by state."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import Enum
from itertools import groupby

from batch.store.database import Connection
from clients.statements import load_statements

DAYS_SHOWN = 84

_SQL = load_statements(__file__)


@dataclass(frozen=True, slots=True)
class Records:
    """How many records of each kind the log has, as far as it is indexed."""

    used: int
    late: int
    rejected: int
    heartbeats: int


class State(Enum):
    """How far the batch layer has come with a day of an average; the value is the letter that the calendar shows."""

    NO_ROWS = ""
    STREAMED = "S"
    COMPUTED = "B"
    CLEAN = "R"
    EXPLAINED = "E"
    UNEXPLAINED = "U"

    @property
    def meaning(self) -> str:
        """The state in words."""
        return _MEANINGS[self]


_MEANINGS = {
    State.NO_ROWS: "no rows",
    State.STREAMED: "streamed only, no batch result",
    State.COMPUTED: "batch result, not reconciled since",
    State.CLEAN: "reconciled, no difference",
    State.EXPLAINED: "reconciled, differences explained by late events",
    State.UNEXPLAINED: "reconciled, UNEXPLAINED differences",
}


@dataclass(frozen=True, slots=True)
class Day:
    """One day (UTC) of one average, with the differences that its newest reconciliation found."""

    day: date
    state: State
    explained: int = 0
    unexplained: int = 0

    @property
    def in_words(self) -> str:
        """What a reader hears of the day."""
        found = f" ({self.explained:,} explained, {self.unexplained:,} unexplained)"
        return f"{self.day}: {self.state.meaning}{found if self.explained or self.unexplained else ''}"


@dataclass(frozen=True, slots=True)
class Calendar:
    """The days of one average: a list for each weekday from Monday on, with a day or None for each of `weeks`."""

    average: str
    weeks: tuple[date, ...]
    weekdays: tuple[tuple[Day | None, ...], ...]

    @property
    def years(self) -> str:
        """The years of its days: `2013`, or `2012 to 2013`."""
        shown = sorted({each.day.year for days in self.weekdays for each in days if each is not None})
        return str(shown[0]) if len(shown) == 1 else f"{shown[0]} to {shown[-1]}"


def read_newest_row(connection: Connection) -> datetime | None:
    """Return the newest grid point that the stream has emitted a row of, and that is not ahead of the clock."""
    ((newest,),) = connection.execute(_SQL["read_newest_row"]).fetchall()
    return newest.astimezone(UTC) if isinstance(newest, datetime) else None


def read_averages(connection: Connection) -> list[str]:
    """Return the names of the stored averages, the finest grid first."""
    return [name for (name,) in connection.execute(_SQL["read_averages"])]


def count_records(connection: Connection) -> Records:
    """Count the records of the indexed log."""
    (counts,) = connection.execute(_SQL["count_records"]).fetchall()
    return Records(*counts)


def read_calendars(connection: Connection, days: int = DAYS_SHOWN) -> list[Calendar]:
    """Return a calendar for each average, of the last days up to the newest with a row."""
    rows = connection.execute(_SQL["read_days"], {"days": days}).fetchall()
    return [
        calendar(average, [Day(day, state_of(*found), *found[-2:]) for day, _, *found in of_average])
        for average, of_average in groupby(rows, key=lambda row: str(row[1]))
    ]


def state_of(has_rows: bool, is_computed: bool, is_reconciled: bool, explained: int, unexplained: int) -> State:
    """Return the state of a day; `is_reconciled` means since its batch result was written."""
    if not is_computed:
        return State.STREAMED if has_rows else State.NO_ROWS
    if not is_reconciled:
        return State.COMPUTED
    if unexplained:
        return State.UNEXPLAINED
    return State.EXPLAINED if explained else State.CLEAN


def calendar(average: str, days: Iterable[Day]) -> Calendar:
    """Arrange days in weeks that begin on Monday."""
    by_day = {each.day: each for each in days}
    mondays = sorted({_monday(day) for day in by_day})
    weekdays = tuple(
        tuple(by_day.get(date.fromordinal(monday.toordinal() + weekday)) for monday in mondays) for weekday in range(7)
    )
    return Calendar(average, tuple(mondays), weekdays)


def _monday(day: date) -> date:
    return date.fromordinal(day.toordinal() - day.weekday())
