"""Estimates how long a reconciliation takes, by how long Dagster's newest runs of the same kind took."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from batch.report.recent_runs import read_days_of_runs
from clients.dagster import ask
from orchestration.backfill import ASSETS, Ask
from sma.errors import SmaError
from sma.settings import Settings

MOST_RUNS = 20
JOB = "reconcile"  # of the sensors' runs, as orchestration.jobs defines it

_RUNS = """
query Runs($runIds: [String!], $limit: Int!) {
  runsOrError(filter: {runIds: $runIds, statuses: [SUCCESS]}, limit: $limit) {
    __typename
    ... on Runs {
      results {
        runId
        jobName
        startTime
        endTime
        assetSelection { path }
      }
    }
    ... on Error { message }
  }
}
"""


@dataclass(frozen=True, slots=True)
class EndedRun:
    """A run that reconciled some days, and how long it took; time in Dagster's queue is not included."""

    days: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """How long some runs take one after the other, and the largest of the ended runs that this rests on."""

    seconds: float
    like: EndedRun


def ended_runs(settings: Settings, ask: Ask = ask) -> list[EndedRun]:
    """Return the newest runs that reconciled days and succeeded, the newest first; audits are left out.

    Raises:
        SmaError: Dagster or the database does not answer.
    """
    days_by_run = read_days_of_runs(settings, MOST_RUNS)
    variables = {"runIds": list(days_by_run), "limit": MOST_RUNS}
    return durations(ask(settings, _RUNS, variables)["runsOrError"], days_by_run)


def durations(found: Mapping[str, Any], days_by_run: Mapping[str, int]) -> list[EndedRun]:
    """Return the runs of Dagster's answer that are reconciliations of known days, in the order of those.

    Raises:
        SmaError: Dagster refused.
    """
    if found["__typename"] != "Runs":
        raise SmaError(f"Dagster does not list its runs: {found['message']}")
    seconds = {
        run["runId"]: run["endTime"] - run["startTime"]
        for run in found["results"]
        if run["startTime"] and run["endTime"] and _is_reconciliation(run)
    }
    return [EndedRun(days, seconds[run_id]) for run_id, days in days_by_run.items() if run_id in seconds]


def estimate(ended: Sequence[EndedRun], days_of_runs: Sequence[int]) -> Estimate | None:
    """Return how long runs of so many days take; None where no run has ended yet.

    Each takes as long as the smallest ended run of no fewer days. One that is larger than all of them takes as long as
    the largest, in proportion to its days.

    Args:
        ended: the newest first.
        days_of_runs: how many days each run has.
    """
    if not ended or not days_of_runs:
        return None
    likes = [_most_like(ended, days) for days in days_of_runs]
    seconds = sum(like.seconds * max(1.0, days / like.days) for like, days in zip(likes, days_of_runs, strict=True))
    return Estimate(seconds, max(likes, key=lambda like: like.days))


def _most_like(ended: Sequence[EndedRun], days: int) -> EndedRun:
    no_smaller = [each for each in ended if each.days >= days]
    return min(no_smaller, key=lambda each: each.days) if no_smaller else max(ended, key=lambda each: each.days)


def _is_reconciliation(run: Mapping[str, Any]) -> bool:
    assets = {asset["path"][-1] for asset in run["assetSelection"] or ()}
    return run["jobName"] == JOB or assets >= set(ASSETS)
