"""The tables of a model as the service keeps them: which partitions there are, and which days each refresh reads again.

Written from Microsoft's "Advanced incremental refresh and real-time data with the XMLA endpoint", for a policy of days
kept for years, and apart from the code that it judges: days of the refresh period, then what whole months, quarters and
years the days before it make.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta

ONE_DAY = timedelta(days=1)


@dataclass
class Tables:
    """`partitioned` tables have one policy; `read` is told each span of days, both ends in it, that is read again."""

    partitioned: tuple[str, ...] = ("Moving averages", "Stream and batch")
    others: tuple[str, ...] = ("Calendar", "Data age")
    periods: int = 35
    years: int = 3
    read: Callable[[date, date], None] = lambda _first, _last: None
    partitions: dict[str, tuple[date, date]] = field(default_factory=dict)

    def error_of(self, body: dict) -> str | None:
        """What the service says where a request names what the model does not have."""
        if body.get("applyRefreshPolicy") and "effectiveDate" not in body:
            return "a test would depend on today: effectiveDate is missing"
        for each in body.get("objects", ()):
            if each["table"] not in self.partitioned + self.others:
                return f"the table {each['table']} is not in the model"
            is_plain = each["table"] in self.others
            if "partition" in each and (is_plain or each["partition"] not in self.partitions):
                return f"the table {each['table']} has no partition {each['partition']}"
        return None

    def refresh(self, body: dict) -> None:
        """Make and read partitions as a request that completes does."""
        if "objects" not in body:
            if body.get("applyRefreshPolicy", True):
                self._apply_policy(date.fromisoformat(body["effectiveDate"]))
            return
        facts = [each for each in body["objects"] if each["table"] == self.partitioned[0]]
        named = {each["partition"] for each in facts if "partition" in each}
        whole = any("partition" not in each for each in facts)
        for name, (first, last) in self.partitions.items():
            if whole or name in named:
                self.read(first, last)

    def _apply_policy(self, effective: date) -> None:
        start = effective - (self.periods - 1) * ONE_DAY
        before, self.partitions = self.partitions, self.partitions_of(effective)
        held = {day for first, last in before.values() for day in _days(first, last)}
        for first, last in self.partitions.values():
            is_new = not any(day in held for day in _days(first, last))  # merged ones are not read again
            if first >= start or is_new:
                self.read(first, last)

    def partitions_of(self, effective: date) -> dict[str, tuple[date, date]]:
        """Name and span of every partition when the policy has been applied on a day."""
        start = effective - (self.periods - 1) * ONE_DAY
        found = {}
        day = date(start.year - self.years, 1, 1)
        while day <= effective:
            name, last = next(
                (name, last) for name, last in _periods_from(day) if last < start or last == day
            )  # the longest that has ended before the refresh period; a day of its own in it
            found[name] = (day, last)
            day = last + ONE_DAY
        return found


def _periods_from(day: date) -> list[tuple[str, date]]:
    """Name and last day of the periods that begin on a day, the longest first."""
    quarter = (day.month - 1) // 3 + 1
    periods = [(f"{day:%Y}Q{quarter}{day:%m%d}", day)]
    if day.day == 1:
        periods.insert(0, (f"{day:%Y}Q{quarter}{day:%m}", _month_end(day.year, day.month)))
    if day.day == 1 and day.month % 3 == 1:
        periods.insert(0, (f"{day:%Y}Q{quarter}", _month_end(day.year, quarter * 3)))
    if (day.month, day.day) == (1, 1):
        periods.insert(0, (f"{day:%Y}", date(day.year, 12, 31)))
    return periods


def _month_end(year: int, month: int) -> date:
    return date(year + month // 12, month % 12 + 1, 1) - ONE_DAY


def _days(first: date, last: date) -> list[date]:
    return [first + index * ONE_DAY for index in range((last - first).days + 1)]
