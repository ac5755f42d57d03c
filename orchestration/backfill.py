"""Launches a backfill, as the UI does, and follows it to its end.

The results of its runs are in the database; `batch.report.reconciliation_report` reads them.
"""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any

from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from clients.dagster import ask, first_line
from orchestration.partitions import days_between, partition_keys, ranges_of
from sma.errors import SmaError
from sma.settings import DagsterSettings

ASSETS = ("batch_averages", "reconciliations")
BRIDGED_DAYS = 7  # days without rows between two with rows, of one run: it skips them
POLL_SECONDS = 1.0
OUTAGE_SECONDS = 60

Progress = Callable[[str], None]
Ask = Callable[[DagsterSettings, str, Mapping[str, Any]], dict[str, Any]]  # as `clients.dagster.ask`
_Question = Callable[[str, Mapping[str, Any]], dict[str, Any]]  # one Dagster's `Ask`

_LAUNCH = """
mutation Launch($backfillParams: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $backfillParams) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on Error { message }
  }
}
"""
_FOLLOW = """
query Follow($backfillId: String!) {
  partitionBackfillOrError(backfillId: $backfillId) {
    __typename
    ... on PartitionBackfill {
      status
      error { message }
      runs(limit: 1000) {
        runId
        status
        assetSelection { path }
        tags { key value }
      }
    }
    ... on Error { message }
  }
}
"""
_LOGS = """
query Logs($runId: ID!, $cursor: String) {
  logsForRun(runId: $runId, afterCursor: $cursor) {
    __typename
    ... on EventConnection {
      cursor
      hasMore
      events {
        __typename
        ... on MessageEvent { message level stepKey }
        ... on ErrorEvent { error { message causes { message } } }
      }
    }
    ... on Error { message }
  }
}
"""
_ENDED = {"COMPLETED_SUCCESS", "COMPLETED_FAILED", "COMPLETED", "FAILED", "CANCELED"}
_RUN_FAILED = {"FAILURE", "CANCELED"}
# a blocking check that fails also fails its run, which has done all its work; the report has the result
CHECK_FAILED = "dagster._core.errors.DagsterAssetCheckFailedError: "


@dataclass(frozen=True, slots=True)
class BackfillOutcome:
    """How a backfill ended; `error` is the first line of what went wrong, None where all days were reconciled."""

    backfill_id: str
    run_ids: tuple[str, ...]
    error: str | None

    @property
    def is_success(self) -> bool:
        """Whether every partition was materialized."""
        return self.error is None


def run_ranges(days: Sequence[date], apart: Collection[date] = ()) -> list[tuple[date, date]]:
    """Return the first and the last day of each run of a backfill of some days; ranges near one another are one run.

    Args:
        days: ascending.
        apart: days that no run may include.
    """
    groups: list[list[date]] = []
    for day in days:
        if groups and not any(groups[-1][-1] < other < day for other in apart):
            groups[-1].append(day)
        else:
            groups.append([day])
    return [bounds for group in groups for bounds in ranges_of(group, BRIDGED_DAYS)]


def launch_backfill(
    settings: DagsterSettings, days: Sequence[date], ask: Ask = ask, *, apart: Collection[date] = ()
) -> str:
    """Start the asset backfill of some days, and return its id.

    Args:
        settings: where Dagster is.
        days: ascending; it has a run for each of their `run_ranges`.
        ask: asks Dagster.
        apart: days that no run may include.

    Raises:
        SmaError: a day is no partition, or Dagster does not answer or refuses.
    """
    keys = partition_keys([day for bounds in run_ranges(days, apart) for day in days_between(*bounds)])
    params = {
        "assetSelection": [{"path": [name]} for name in ASSETS],
        "partitionNames": keys,
        "title": f"reconcile {keys[0]}" if len(keys) == 1 else f"reconcile {keys[0]} to {keys[-1]}",
    }
    launched = ask(settings, _LAUNCH, {"backfillParams": params})["launchPartitionBackfill"]
    if launched["__typename"] != "LaunchBackfillSuccess":
        raise SmaError(f"Dagster did not start the backfill: {first_line(launched['message'])}")
    return str(launched["backfillId"])


def follow_backfill(
    settings: DagsterSettings,
    backfill_id: str,
    progress: Progress,
    *,
    run_count: int = 1,
    observe: Callable[[Sequence[str]], None] = lambda run_ids: None,
    ask: Ask = ask,
    poll_seconds: float = POLL_SECONDS,
) -> BackfillOutcome:
    """Wait until a backfill ends, and pass on what its runs log.

    Dagster marks a backfill as ended some time after its last run; the end of all of its runs is the end too.

    Args:
        settings: where Dagster is.
        backfill_id: the backfill's.
        progress: takes each line that its runs log.
        run_count: how many runs it has.
        observe: takes the ids of its runs each time that Dagster was asked.
        ask: asks Dagster.
        poll_seconds: how long to pause before it is asked again.

    Raises:
        SmaError: Dagster does not answer for a minute, or does not know the backfill.
    """
    asking = Retrying(
        retry=retry_if_exception_type(SmaError), stop=stop_after_delay(OUTAGE_SECONDS), wait=wait_fixed(1), reraise=True
    )
    question = partial(ask, settings)
    logs = RunLogs(question, progress)
    reported = ""
    while True:
        seen = asking(_read_backfill, question, backfill_id)
        runs = seen["runs"]
        status = ", ".join(f"run {run['runId'][:8]} {run['status'].lower()}" for run in runs) or "waiting for Dagster"
        if status != reported:
            progress(f"backfill {backfill_id}: {status}")
            reported = status
        for run in runs:
            asking(logs.follow, run["runId"])
        observe([run["runId"] for run in runs])
        if seen["status"] in _ENDED or _whole_is_done(runs, run_count):
            return _outcome(backfill_id, seen, logs)
        time.sleep(poll_seconds)


class RunLogs:
    """Passes on each line that the assets of a run log, once, and keeps the first error of each run."""

    def __init__(self, ask: _Question, progress: Progress) -> None:
        self._ask = ask
        self._progress = progress
        self._cursors: dict[str, str | None] = {}
        self.errors: dict[str, str] = {}

    def follow(self, run_id: str) -> None:
        """Read what the run has logged since the last time."""
        has_more = True
        while has_more:
            variables = {"runId": run_id, "cursor": self._cursors.get(run_id)}
            logged = self._ask(_LOGS, variables)["logsForRun"]
            if logged["__typename"] != "EventConnection":
                return
            self._cursors[run_id], has_more = logged["cursor"], logged["hasMore"]
            for event in logged["events"]:
                self._take(run_id, event)

    def _take(self, run_id: str, event: Mapping[str, Any]) -> None:
        if event["__typename"] == "LogMessageEvent" and event["level"] == "INFO":
            self._progress(f"{event['stepKey']}: {event['message']}")
        if event.get("error") and run_id not in self.errors:
            messages = [event["error"], *event["error"]["causes"]]
            self.errors[run_id] = readable_error(messages[-1]["message"])


def readable_error(message: str) -> str:
    """Return the first line of an error, without the name of Dagster's own failure class."""
    return first_line(message).removeprefix("dagster._core.definitions.events.Failure: ")


def _read_backfill(ask: _Question, backfill_id: str) -> dict[str, Any]:
    backfill: dict[str, Any] = ask(_FOLLOW, {"backfillId": backfill_id})["partitionBackfillOrError"]
    if backfill["__typename"] != "PartitionBackfill":
        raise SmaError(f"Dagster: backfill {backfill_id}: {first_line(backfill['message'])}")
    return backfill


def _whole_is_done(runs: Sequence[Mapping[str, Any]], run_count: int) -> bool:
    """Tell whether every run has ended and was of all assets; with the single-run policy each is of a whole range."""
    return len(runs) >= run_count and all(
        run["status"] in {"SUCCESS", *_RUN_FAILED}
        and {asset["path"][-1] for asset in run["assetSelection"] or ()} >= set(ASSETS)
        for run in runs
    )


def _outcome(backfill_id: str, backfill: Mapping[str, Any], logs: RunLogs) -> BackfillOutcome:
    runs = backfill["runs"]
    error = None
    reasons = {
        run["runId"]: logs.errors.get(run["runId"], "no error was recorded: see its log in Dagster") for run in runs
    }
    failed = [run for run in runs if run["status"] in _RUN_FAILED]
    broken = next((run for run in failed if not reasons[run["runId"]].startswith(CHECK_FAILED)), None)
    if broken is not None:
        error = f"run {broken['runId'][:8]} {broken['status'].lower()}: {reasons[broken['runId']]}"
    elif not failed and backfill["status"] in {"FAILED", "COMPLETED_FAILED", "CANCELED"}:
        reason = first_line(backfill["error"]["message"]) if backfill["error"] else "see it in Dagster"
        error = f"backfill {backfill_id} {backfill['status'].lower()}: {reason}"
    return BackfillOutcome(backfill_id, tuple(run["runId"] for run in runs), error)
