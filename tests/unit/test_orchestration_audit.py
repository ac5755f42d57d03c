"""The asset `audits` in a Dagster in memory, and the run that `sma audit` follows, in a Dagster that is a script."""

from datetime import date

import dagster as dg
import pytest

from batch.audit.run import Audited
from batch.audit.trail import AuditedDay, UnexplainedCorrection
from orchestration.audit import NO_DAMAGE, audits
from orchestration.audit_metadata import in_words
from orchestration.audit_run import follow_audit, launch_audit
from orchestration.resources import Project
from sma.errors import SmaError
from sma.settings import Settings

SETTINGS = Settings(dagster_url="http://127.0.0.1:1")
FIRST, SECOND = date(2013, 1, 10), date(2013, 1, 11)
REPOSITORY = {
    "__typename": "RepositoryConnection",
    "nodes": [{"name": "r", "location": {"name": "l"}, "jobs": [{"name": "reconcile"}, {"name": "audit"}]}],
}
CHECK_FAILED = "dagster._core.errors.DagsterAssetCheckFailedError: 1 blocking asset check failed"


def audited(*days: AuditedDay, elsewhere: int = 0) -> Audited:
    return Audited(days, (), 4, 20, 3, elsewhere, 1_000, 0.5)


def day(day=FIRST, *, is_recomputed=True, unexplained=0, differences=0, damaged=0) -> AuditedDay:
    return AuditedDay(day, "hour", is_recomputed, unexplained, unexplained, differences, damaged)


def run(instance, found: Audited, unexplained=(), config=None):
    asked = []

    class Found(Project):
        def audit(self, run_id, _progress, *days):
            asked.append((run_id, *days))
            return found

        def unexplained_corrections(self, _run_id):
            return list(unexplained)

    ran = dg.materialize(
        [audits],
        resources={"project": Found()},
        instance=instance,
        raise_on_error=False,
        run_config={"ops": {"audits": {"config": config or {}}}},
    )
    return ran, asked


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as held:
        yield held


def test_an_audit_that_finds_nothing_succeeds(instance):
    ran, asked = run(instance, audited(day()))
    assert ran.success
    assert asked == [(ran.run_id, None, None)]
    (shown,) = [each.metadata for each in ran.asset_materializations_for_node("audits")]
    assert (shown["faults"].value, shown["days_left"].value, shown["days_overdue"].value) == (0, 4, 3)
    assert shown["recomputed"].value == "2013-01-10"
    assert shown["faults_by_day"].value == shown["rows_before_and_after"].value == "None."


def test_the_days_of_the_configuration_are_those_that_are_audited(instance):
    _, asked = run(instance, audited(day()), config={"start": "2013-01-10", "end": "2013-01-11"})
    assert asked[0][1:] == (FIRST, SECOND)


@pytest.mark.parametrize(
    "found",
    [
        audited(day(unexplained=1)),
        audited(day(differences=1)),
        audited(day(is_recomputed=False, differences=None, damaged=1)),
        audited(day(), elsewhere=1),
    ],
)
def test_damage_fails_the_check_and_the_run(instance, found):
    ran, _ = run(instance, found)
    assert not ran.success
    ((evaluation,),) = [[each for each in ran.get_asset_check_evaluations() if each.check_name == NO_DAMAGE]]
    assert (evaluation.passed, evaluation.metadata["faults"].value) == (False, 1)


def test_the_rows_before_and_after_and_the_days_are_shown(instance):
    correction = UnexplainedCorrection("A|A", "m", "hour", 900_000, 1_000_001, 3, None, None)
    found = audited(day(unexplained=1), day(SECOND, is_recomputed=False, differences=None, damaged=2))
    ran, _ = run(instance, found, [correction])
    (shown,) = [each.metadata for each in ran.asset_materializations_for_node("audits")]
    assert "| A\\|A | m | hour | 1970-01-01 00:15:00 | 1.000001 / 3 | no row |" in shown["rows_before_and_after"].value
    assert "| 2013-01-11 | hour | 0 | not compared | 2 |" in shown["faults_by_day"].value
    assert (shown["not_recomputable"].value, shown["damaged_windows"].value) == ("2013-01-11", 2)
    assert "sma explain 'A|A' m hour 1970-01-01T00:15:00Z" in shown["explain"].value


def test_days_are_named_as_ranges():
    assert in_words([FIRST, SECOND, date(2013, 1, 20)]) == "2013-01-10 to 2013-01-11, 2013-01-20"
    assert in_words([]) == "none"


class ScriptedDagster:
    """Answers each question with the next thing the script has for it; the last answer stays."""

    def __init__(self, **script):
        self.script = {"repositoriesOrError": [REPOSITORY], "logsForRun": [logged()]} | script
        self.asked = []

    def __call__(self, _settings, query, variables):
        name = next(name for name in self.script if name in query)
        self.asked.append(variables)
        answers = self.script[name]
        return {name: answers.pop(0) if len(answers) > 1 else answers[0]}


def logged(*events: dict) -> dict:
    return {"__typename": "EventConnection", "cursor": "1", "hasMore": False, "events": list(events)}


def failed(message: str) -> dict:
    return logged({"__typename": "RunFailureEvent", "error": {"message": message, "causes": []}})


def status(*statuses: str) -> list[dict]:
    return [{"__typename": "Run", "status": each} for each in statuses]


def test_the_job_is_launched_with_the_days_where_it_is_defined():
    dagster = ScriptedDagster(launchRun=[{"__typename": "LaunchRunSuccess", "run": {"runId": "abc"}}])
    assert launch_audit(SETTINGS, FIRST, SECOND, dagster) == "abc"
    assert dagster.asked[1] == {
        "selector": {"repositoryName": "r", "repositoryLocationName": "l", "pipelineName": "audit"},
        "config": {"ops": {"audits": {"config": {"start": "2013-01-10", "end": "2013-01-11"}}}},
    }


@pytest.mark.parametrize(
    ("refused", "message"),
    [
        ({"__typename": "PythonError", "message": "\nNo such thing\nTraceback"}, "No such thing$"),
        ({"__typename": "RunConfigValidationInvalid", "errors": [{"message": "bad config"}]}, "bad config$"),
    ],
)
def test_a_refusal_is_one_line(refused, message):
    with pytest.raises(SmaError, match=f"did not start the audit: {message}"):
        launch_audit(SETTINGS, None, None, ScriptedDagster(launchRun=[refused]))


def test_a_dagster_without_the_job_is_named():
    with pytest.raises(SmaError, match="has no job audit"):
        launch_audit(SETTINGS, None, None, ScriptedDagster(repositoriesOrError=[{"nodes": []}]))


@pytest.mark.parametrize(
    ("ended", "log", "found_damage", "error"),
    [
        ("SUCCESS", logged(), False, None),
        ("FAILURE", failed(CHECK_FAILED), True, None),
        ("FAILURE", failed("the log is gone"), False, "run abc failure: the log is gone"),
        ("CANCELED", logged(), False, "run abc canceled: no error was recorded: see its log in Dagster"),
    ],
)
def test_a_run_is_followed_to_its_end(ended, log, found_damage, error):
    dagster = ScriptedDagster(runOrError=status("QUEUED", "STARTED", ended), logsForRun=[log])
    said = []
    outcome = follow_audit(SETTINGS, "abc", said.append, ask=dagster, poll_seconds=0)
    assert (outcome.found_damage, outcome.error) == (found_damage, error)
    assert said == ["run abc queued", "run abc started", f"run abc {ended.lower()}"]
