"""Dagster as its UI speaks to it: what a user clicks on, and what would happen at the next quarter of an hour."""

import os
import re
import signal
import time
from contextlib import contextmanager

from tenacity import Retrying, retry_if_not_result, stop_after_delay, wait_fixed

from clients.dagster import ask

_RUN_LOG = """
query Log($run: ID!) {
  logsForRun(runId: $run) { ... on EventConnection { events { ... on MessageEvent { message } } } }
}
"""
_BACKFILL = """
query Backfill($id: String!) {
  partitionBackfillOrError(backfillId: $id) { ... on PartitionBackfill { status runs(limit: 5) { runId } } }
}
"""
_AGAIN = """
mutation Again($parent: String!) {
  reexecutePartitionBackfill(reexecutionParams: {parentRunId: $parent, strategy: ALL_STEPS}) {
    ... on LaunchBackfillSuccess { backfillId }
    ... on Error { message }
  }
}
"""
_REPOSITORY = "{ repositoriesOrError { ... on RepositoryConnection { nodes { name location { name } } } } }"
_TICK = """
mutation Tick($selector: ScheduleSelector!, $now: Float!) {
  scheduleDryRun(selectorData: $selector, timestamp: $now) {
    ... on DryRunInstigationTick { evaluationResult { runRequests { runKey } error { message } } }
    ... on Error { message }
  }
}
"""
_LAUNCH = """
mutation Launch($selector: JobOrPipelineSelector!) {
  launchRun(executionParams: {selector: $selector, mode: "default"}) {
    ... on LaunchRunSuccess { run { runId } }
    ... on Error { message }
  }
}
"""
_START_SENSOR = """
mutation Start($selector: SensorSelector!) {
  startSensor(sensorSelector: $selector) { ... on Sensor { sensorState { id } } ... on Error { message } }
}
"""
_STOP_SENSOR = """
mutation Stop($id: String!) { stopSensor(id: $id) { __typename ... on Error { message } } }
"""
_RUNS = """
query Runs($job: String!) {
  runsOrError(filter: {pipelineName: $job}) { ... on Runs { results { runId status tags { key value } } } }
}
"""
_CHECK = """
query Check($asset: AssetKeyInput!, $check: String!) {
  assetCheckExecutions(assetKey: $asset, checkName: $check, limit: 1) { evaluation { description } }
}
"""


def until(condition, seconds):
    return Retrying(retry=retry_if_not_result(bool), stop=stop_after_delay(seconds), wait=wait_fixed(0.1))(condition)


class Backfills:
    """Backfills of the stack, as the UI shows them."""

    def __init__(self, settings):
        self.settings = settings

    def _read(self, backfill_id):
        return ask(self.settings, _BACKFILL, {"id": backfill_id})["partitionBackfillOrError"]

    def run_ids(self, backfill_id):
        return [run["runId"] for run in self._read(backfill_id)["runs"]]

    def kill(self, run_id):
        """Kill the process that works on a run."""
        events = ask(self.settings, _RUN_LOG, {"run": run_id})["logsForRun"]["events"]
        found = [re.search(r"in process \(pid: (\d+)\)", event.get("message", "")) for event in events]
        (pid,) = {int(match.group(1)) for match in found if match}
        os.kill(pid, signal.SIGKILL)

    def execute_again(self, backfill_id):
        """Wait until a backfill has failed, and start all of it again; return the new one's id."""
        until(lambda: self._read(backfill_id)["status"] == "COMPLETED_FAILED", 120)
        return ask(self.settings, _AGAIN, {"parent": backfill_id})["reexecutePartitionBackfill"]["backfillId"]


class Automation:
    """The job of the schedule, started as the schedule would, and the sensor that goes on from there."""

    def __init__(self, settings):
        self.settings = settings
        (repository,) = ask(settings, _REPOSITORY, {})["repositoriesOrError"]["nodes"]
        self.where = {"repositoryName": repository["name"], "repositoryLocationName": repository["location"]["name"]}

    def index(self):
        """Do what the schedule does: it is asked what it would start, and that is started."""
        selector = self.where | {"scheduleName": "index_every_12_minutes"}
        tick = ask(self.settings, _TICK, {"selector": selector, "now": time.time()})
        assert len(tick["scheduleDryRun"]["evaluationResult"]["runRequests"]) == 1
        launched = ask(self.settings, _LAUNCH, {"selector": self.where | {"pipelineName": "extend_index"}})
        run_id = launched["launchRun"]["run"]["runId"]
        until(lambda: self.status("extend_index")[run_id] in {"SUCCESS", "FAILURE"}, 120)
        assert self.status("extend_index")[run_id] == "SUCCESS"

    def reconciling(self):
        """Have the sensor that reconciles switched on meanwhile."""
        return self.sensing("reconcile_what_has_closed")

    @contextmanager
    def sensing(self, name):
        """Have a sensor switched on meanwhile."""
        selector = self.where | {"sensorName": name}
        started = ask(self.settings, _START_SENSOR, {"selector": selector})["startSensor"]
        try:
            yield
        finally:
            ask(self.settings, _STOP_SENSOR, {"id": started["sensorState"]["id"]})

    def said_by_check(self, asset, check):
        """Return what the newest evaluation of a check says; None before the first."""
        found = ask(self.settings, _CHECK, {"asset": {"path": [asset]}, "check": check})["assetCheckExecutions"]
        return found[0]["evaluation"]["description"] if found else None

    def runs(self, job):
        return ask(self.settings, _RUNS, {"job": job})["runsOrError"]["results"]

    def status(self, job):
        return {run["runId"]: run["status"] for run in self.runs(job)}

    def reconciled(self):
        """Wait until the sensor's runs have ended well; return the days of each."""
        until(lambda: (held := self.status("reconcile")) and set(held.values()) <= {"SUCCESS", "FAILURE"}, 300)
        assert set(self.status("reconcile").values()) == {"SUCCESS"}
        days = {}
        for run in self.runs("reconcile"):
            tags = {tag["key"]: tag["value"] for tag in run["tags"]}
            days[run["runId"]] = tuple(tags[f"dagster/asset_partition_range_{end}"] for end in ("start", "end"))
        return days
