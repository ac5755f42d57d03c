"""Plans what to request of Power BI: the least that contains all waiting days, and no partition that may not exist.

Partitions can be named where they are known: those of the refresh period, once a refresh by the policy has completed
for the day that is the newest now, for it makes them. So the first refresh of a day applies the policy. Days before the
refresh period lie in partitions that the service merges when it sees fit: for those the tables are taken whole, without
the policy, which reads every partition again whatever it is called.

Source, learn.microsoft.com: "Enhanced refresh with the Power BI REST API" (objects, applyRefreshPolicy, effectiveDate).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal

from powerbi.refresh.connection import Model
from powerbi.refresh.partitions import partition_name, refresh_period_start

Scope = Literal["model", "policy", "tables", "partitions"]


@dataclass(frozen=True, slots=True)
class Contents:
    """What the database and the audit trail contain just before a request is sent; None where there is nothing.

    Attributes:
        waiting_days: reconciled days that the model does not contain as they are.
        newest_day: of the newest row of either layer.
        streamed_day: of the stream's newest row when the last completed refresh was asked for.
        policy_day: that the last completed refresh by the policy took for today.
        is_well: the last refresh, if it was not put off, completed.
    """

    waiting_days: Sequence[date] = ()
    newest_day: date | None = None
    streamed_day: date | None = None
    policy_day: date | None = None
    is_well: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What to ask for; a refresh that completes contains the waiting days from `covers_from` on, all where it is None.

    `effective_date` is taken for today where the policy is applied; `partitions` are of each partitioned table.
    """

    scope: Scope
    covers_from: date | None = None
    effective_date: date | None = None
    partitions: tuple[str, ...] = ()


def plan(model: Model, contents: Contents) -> Plan:
    """Decide what to ask for."""
    newest = contents.newest_day
    if not model.enhanced or not model.partitioned_tables or newest is None:
        return Plan("model")
    start = refresh_period_start(newest, model.granularity, model.periods)
    if contents.policy_day != newest or not contents.is_well:
        return Plan("policy", covers_from=start, effective_date=newest)
    if any(day < start for day in contents.waiting_days):
        return Plan("tables")
    days = {day for day in contents.waiting_days if day <= newest}
    # the stream corrects rows for as long as lateness allows, so the day before may have changed too
    first = max((contents.streamed_day or start) - timedelta(days=1), start)
    days |= {first + timedelta(days=index) for index in range((newest - first).days + 1)}
    return Plan("partitions", partitions=tuple(sorted({partition_name(day, model.granularity) for day in days})))


def body_of(model: Model, planned: Plan) -> dict[str, Any]:
    """Return the request's body.

    A service principal's standard refresh has an empty one: notifyOption does not apply to it.
    """
    if not model.enhanced:
        return {}
    body: dict[str, Any] = {
        "type": "full",
        "commitMode": "transactional",
        "maxParallelism": model.max_parallelism,
        "retryCount": 1,
    }
    if planned.effective_date is not None:
        return body | {"applyRefreshPolicy": True, "effectiveDate": planned.effective_date.isoformat()}
    if planned.scope == "model":
        return body
    whole = [{"table": table} for table in model.other_tables]
    if planned.scope == "tables":
        parts = [{"table": table} for table in model.partitioned_tables]
    else:
        parts = [
            {"table": table, "partition": name} for table in model.partitioned_tables for name in planned.partitions
        ]
    return body | {"applyRefreshPolicy": False, "objects": parts + whole}
