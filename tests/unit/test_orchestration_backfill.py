"""The backfill that the UI would start: launched, followed and told about, against a Dagster that is a script."""

from datetime import date

import pytest

from orchestration.backfill import BackfillOutcome, follow_backfill, launch_backfill, run_ranges
from sma.errors import SmaError
from sma.settings import Settings

SETTINGS = Settings(dagster_url="http://127.0.0.1:1")
BOTH = [{"path": ["batch_averages"]}, {"path": ["reconciliations"]}]


class ScriptedDagster:
    """Answers each question with the next thing the script has for it; the last answer stays."""

    def __init__(self, **script):
        self.script = {name: list(answers) for name, answers in script.items()}
        self.asked = []

    def __call__(self, _settings, query, variables):
        name = next(
            name for name in ("launchPartitionBackfill", "partitionBackfillOrError", "logsForRun") if name in query
        )
        self.asked.append(variables)
        answers = self.script.get(name, [logged()])
        return {name: answers.pop(0) if len(answers) > 1 else answers[0]}


def followed(status: str, *runs: dict, error: str | None = None) -> dict:
    return {
        "__typename": "PartitionBackfill",
        "status": status,
        "error": {"message": error} if error else None,
        "runs": list(runs),
    }


def run(status: str, run_id: str = "run-1", assets=BOTH) -> dict:
    return {"runId": run_id, "status": status, "assetSelection": assets, "tags": []}


def logged(*events: dict) -> dict:
    return {"__typename": "EventConnection", "cursor": "1", "hasMore": False, "events": list(events)}


def follow(progress=lambda _: None, run_count=1, **script) -> BackfillOutcome:
    dagster = ScriptedDagster(**script)
    return follow_backfill(SETTINGS, "abc", progress, run_count=run_count, ask=dagster, poll_seconds=0)


def test_one_backfill_of_both_assets_is_launched():
    launched = {"__typename": "LaunchBackfillSuccess", "backfillId": "abc"}
    dagster = ScriptedDagster(launchPartitionBackfill=[launched])
    assert launch_backfill(SETTINGS, [date(2013, 1, 1), date(2013, 1, 2)], dagster) == "abc"
    params = dagster.asked[0]["backfillParams"]
    assert params["assetSelection"] == BOTH
    assert params["partitionNames"] == ["2013-01-01", "2013-01-02"]


def test_days_near_one_another_are_one_run_and_years_between_two_are_no_partitions_of_it():
    launched = {"__typename": "LaunchBackfillSuccess", "backfillId": "abc"}
    dagster = ScriptedDagster(launchPartitionBackfill=[launched])
    days = [date(1970, 1, 1), date(2013, 1, 4), date(2013, 1, 7), date(2013, 1, 15)]
    launch_backfill(SETTINGS, days, dagster)
    week = [f"2013-01-{day:02d}" for day in range(4, 16)]
    assert dagster.asked[0]["backfillParams"]["partitionNames"] == ["1970-01-01", *week]
    assert run_ranges(days) == [(days[0], days[0]), (days[1], days[3])]


def test_no_run_includes_a_day_that_is_kept_apart():
    launched = {"__typename": "LaunchBackfillSuccess", "backfillId": "abc"}
    dagster = ScriptedDagster(launchPartitionBackfill=[launched])
    days, gone = [date(2013, 1, 1), date(2013, 1, 2), date(2013, 1, 5)], [date(2013, 1, 4), date(2013, 1, 9)]
    launch_backfill(SETTINGS, days, dagster, apart=gone)
    assert dagster.asked[0]["backfillParams"]["partitionNames"] == ["2013-01-01", "2013-01-02", "2013-01-05"]
    assert run_ranges(days, gone) == [(days[0], days[1]), (days[2], days[2])]


def test_whoever_observes_a_backfill_gets_the_ids_of_its_runs_each_time():
    states = [followed("REQUESTED"), followed("REQUESTED", run("STARTED")), followed("REQUESTED", run("SUCCESS"))]
    observed: list[list[str]] = []
    dagster = ScriptedDagster(partitionBackfillOrError=states)
    follow_backfill(SETTINGS, "abc", lambda _: None, observe=observed.append, ask=dagster, poll_seconds=0)
    assert observed == [[], ["run-1"], ["run-1"]]


def test_the_end_of_one_of_two_runs_is_not_the_end():
    done = [
        followed("REQUESTED", run("SUCCESS")),
        followed("REQUESTED", run("SUCCESS"), run("STARTED", "run-2")),
        followed("REQUESTED", run("SUCCESS"), run("SUCCESS", "run-2")),
    ]
    assert follow(run_count=2, partitionBackfillOrError=done).run_ids == ("run-1", "run-2")


def test_a_refusal_is_one_line():
    refused = {"__typename": "PythonError", "message": "\nNo such partition\nTraceback …"}
    dagster = ScriptedDagster(launchPartitionBackfill=[refused])
    with pytest.raises(SmaError, match=r"did not start the backfill: No such partition$"):
        launch_backfill(SETTINGS, [date(2013, 1, 1)], dagster)


def test_it_is_followed_to_the_end_of_its_run():
    states = [
        followed("REQUESTED"),
        followed("REQUESTED", run("STARTED")),
        followed("REQUESTED", run("SUCCESS")),
    ]
    said: list[str] = []
    assert follow(said.append, partitionBackfillOrError=states) == BackfillOutcome("abc", ("run-1",), None)
    assert said == [
        "backfill abc: waiting for Dagster",
        "backfill abc: run run-1 started",
        "backfill abc: run run-1 success",
    ]


def test_a_run_of_one_asset_is_not_the_end():
    first, second = run("SUCCESS", "one", BOTH[:1]), run("SUCCESS", "two", BOTH[1:])
    states = [followed("REQUESTED", first), followed("COMPLETED_SUCCESS", first, second)]
    assert follow(partitionBackfillOrError=states).run_ids == ("one", "two")


def test_a_failed_run_has_its_first_error():
    failure = {
        "__typename": "ExecutionStepFailureEvent",
        "error": {
            "message": "dagster._core.definitions.events.Failure: the stream has committed only 3 of 9 offsets\n",
            "causes": [],
        },
    }
    line = {"__typename": "LogMessageEvent", "level": "INFO", "message": "read 9 records", "stepKey": "batch_averages"}
    said: list[str] = []
    states, logs = [followed("REQUESTED", run("FAILURE"))], [logged(line, failure)]
    outcome = follow(said.append, partitionBackfillOrError=states, logsForRun=logs)
    assert not outcome.is_success
    assert outcome.error == "run run-1 failure: the stream has committed only 3 of 9 offsets"
    assert "batch_averages: read 9 records" in said


def test_a_run_that_a_blocking_check_failed_has_done_its_work():
    message = "dagster._core.errors.DagsterAssetCheckFailedError: 1 blocking asset check failed with ERROR severity:\n…"
    failure = {"__typename": "ExecutionStepFailureEvent", "error": {"message": message, "causes": []}}
    states = [followed("REQUESTED", run("FAILURE"))]
    outcome = follow(partitionBackfillOrError=states, logsForRun=[logged(failure)])
    assert outcome == BackfillOutcome("abc", ("run-1",), None)


def test_a_backfill_that_fails_before_it_has_a_run_has_its_error():
    failed = followed("FAILED", error="code location sma cannot be loaded\n…")
    outcome = follow(partitionBackfillOrError=[failed])
    assert outcome.error == "backfill abc failed: code location sma cannot be loaded"


def test_a_dagster_that_is_down_is_named():
    with pytest.raises(
        SmaError, match=r"^Dagster does not answer at http://127.0.0.1:1 \(no connection\): run `sma up`$"
    ):
        launch_backfill(SETTINGS, [date(2013, 1, 1)])
