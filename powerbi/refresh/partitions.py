"""Names the partitions of a table with an incremental refresh policy as Power BI does, and those it refreshes.

Source, learn.microsoft.com: "Advanced incremental refresh and real-time data with the XMLA endpoint": partitions are
named by period, 2020, 2021Q1, 2021Q101 and 2021Q10201; a refresh by the policy takes the newest periods, the current
one included; whole periods before them are merged. When the service merges is not documented for every policy, so only
the partitions of the refresh period are named here.
"""

from datetime import date, timedelta
from typing import Literal

Granularity = Literal["day", "month", "quarter", "year"]


def partition_name(day: date, granularity: Granularity) -> str:
    """Return the name of the partition that holds a day where partitions are of one period each.

    Year, then Q and the quarter, then two digits of the month, then two of the day; as much as the period needs.
    """
    names = {
        "year": f"{day:%Y}",
        "quarter": f"{day:%Y}Q{_quarter(day)}",
        "month": f"{day:%Y}Q{_quarter(day)}{day:%m}",
        "day": f"{day:%Y}Q{_quarter(day)}{day:%m%d}",
    }
    return names[granularity]


def refresh_period_start(effective: date, granularity: Granularity, periods: int) -> date:
    """Return the first day that the policy has read again: of `periods` periods, the last that of `effective`.

    `periods` is 1 or more.
    """
    if granularity == "day":
        return effective - timedelta(days=periods - 1)
    months = {"month": 1, "quarter": 3, "year": 12}[granularity]
    index = (effective.year * 12 + effective.month - 1) // months - (periods - 1)
    return date(index * months // 12, index * months % 12 + 1, 1)


def _quarter(day: date) -> int:
    return (day.month + 2) // 3
