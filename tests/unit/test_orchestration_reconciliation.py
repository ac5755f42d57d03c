"""What a reconciliation shows in the UI: a check of each day, and pictures, tables and counts of what was found."""

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import dagster as dg
import polars as pl
import pytest

from batch.index.log_index import LogIndex
from batch.index.side_outputs import POSITIONS_SCHEMA
from batch.pipeline import Computed, Reconciled
from batch.reconciliation.accounting import Account
from batch.reconciliation.audit import ReconciledDay
from batch.reconciliation.classify import DIFFERENCES_SCHEMA, Summary
from batch.report.worst_series import SeriesRows, windows_of, worst_of
from batch.results.batch_results import BatchResult, Written
from orchestration.assets import ALL_ACCOUNTED_FOR, NO_UNEXPLAINED, reconciliations
from orchestration.charts import chart
from orchestration.metadata import MOST_COMMANDS, computed_metadata

FIRST = date(2013, 1, 10)
RANGE = {
    "dagster/asset_partition_range_start": "2013-01-10",
    "dagster/asset_partition_range_end": "2013-01-12",
}
SERIES = SeriesRows(
    "A$1_",
    "m",
    "hour",
    windows_of(
        pl.DataFrame({"as_of_ms": [0, 900_000], "average": [1.0, 2.0]}),
        pl.DataFrame({"as_of_ms": [0, 900_000, 1_800_000], "average": [1.0, 2.5, 3.0]}),
        pl.DataFrame(schema=DIFFERENCES_SCHEMA),
    ),
)


def difference(customer="A", *, is_explained, as_of_ms=0, batch_sum=1):
    return (customer, "m", "hour", as_of_ms, "changed", is_explained, 1, 0, 1, batch_sum, 2, False)


def differences(*rows):
    return pl.DataFrame(rows, DIFFERENCES_SCHEMA, orient="row")


def reconciled(day, unexplained):
    rows = differences(*(difference(is_explained=False, as_of_ms=index) for index in range(unexplained)))
    summary = Summary(unexplained, 0, unexplained, 0, 0, 0, unexplained)
    return ReconciledDay(BatchResult(day, "hour", {}, 0), summary, rows, 0.1)


def run(instance, unexplained, records=0, **how):
    """Materialize three days with as many unexplained differences each."""
    days = tuple(reconciled(FIRST + timedelta(days=number), count) for number, count in enumerate(unexplained))
    account = Account(0, 0, records, records, 0, 0, 0, 0)
    mismatched = pl.DataFrame(schema=POSITIONS_SCHEMA)
    found = Reconciled(days, (account,), mismatched, LogIndex(()), 0, datetime(2026, 1, 1, tzinfo=UTC), 0.5)
    worst = {str(day.result.day): SERIES for day in days if day.differences.height}
    project = SimpleNamespace(reconcile=lambda *_: found, worst_series=lambda _: worst)
    return dg.materialize(
        [reconciliations], resources={"project": project}, instance=instance, raise_on_error=False, **how
    )


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as held:
        yield held


def evaluations(ran, check):
    return {each.partition: each.passed for each in ran.get_asset_check_evaluations() if each.check_name == check}


def test_a_clean_range_passes_its_checks_day_by_day(instance):
    ran = run(instance, [0, 0, 0], tags=RANGE)
    assert ran.success
    assert evaluations(ran, NO_UNEXPLAINED) == {"2013-01-10": True, "2013-01-11": True, "2013-01-12": True}
    assert evaluations(ran, ALL_ACCOUNTED_FOR) == {None: True}


def test_an_unexplained_difference_fails_its_day_and_the_run(instance):
    ran = run(instance, [0, 2, 0], tags=RANGE)
    assert not ran.success
    assert evaluations(ran, NO_UNEXPLAINED) == {"2013-01-10": True, "2013-01-11": False, "2013-01-12": True}


def test_each_evaluation_names_the_materialization_of_its_day(instance):
    run(instance, [0, 2, 0], tags=RANGE)
    key = dg.AssetCheckKey(reconciliations.key, NO_UNEXPLAINED)
    of_days = instance.event_log_storage.get_asset_check_partition_info([key])
    assert {each.partition_key: each.is_current for each in of_days} == {
        "2013-01-10": True,
        "2013-01-11": True,
        "2013-01-12": True,
    }


def test_one_day_is_checked_like_many(instance):
    ran = run(instance, [1], partition_key="2013-01-10")
    assert evaluations(ran, NO_UNEXPLAINED) == {"2013-01-10": False}


def test_a_record_that_is_unaccounted_for_fails_its_check_and_not_the_run(instance):
    ran = run(instance, [0, 0, 0], records=1, tags=RANGE)
    assert ran.success
    assert evaluations(ran, ALL_ACCOUNTED_FOR) == {None: False}


def test_a_day_that_differs_shows_its_worst_series(instance):
    ran = run(instance, [0, 2, 0], tags=RANGE)
    shown = {each.partition: each.metadata for each in ran.asset_materializations_for_node("reconciliations")}
    assert shown["2013-01-11"]["worst_series"].value.startswith("![stream against batch](data:image/png;base64,")
    assert "worst_series" not in shown["2013-01-10"]
    assert shown["2013-01-11"]["unexplained"].value == 2


def test_a_picture_is_small():
    assert len(chart(SERIES)) < 60_000


def test_the_windows_that_a_run_found_to_differ_are_marked_in_its_picture():
    streamed = pl.DataFrame({"as_of_ms": [0, 900_000], "average": [1.0, 2.0]})
    batch = pl.DataFrame({"as_of_ms": [900_000, 1_800_000], "average": [2.5, 3.0]})
    found = differences(difference(is_explained=True, as_of_ms=900_000), difference(is_explained=False, as_of_ms=0))
    windows = windows_of(streamed, batch, found)
    assert windows.select("as_of_ms", "stream", "batch", "difference").rows() == [
        (0, 1.0, None, "unexplained"),
        (900_000, 2.0, 2.5, "explained"),
        (1_800_000, None, 3.0, None),
    ]


@pytest.mark.parametrize(
    ("rows", "worst"),
    [
        ([difference("A", is_explained=True), difference("B", is_explained=True, batch_sum=9)], "B"),
        (
            [difference("A", is_explained=True, as_of_ms=ms) for ms in (0, 1)] + [difference("B", is_explained=True)],
            "A",
        ),
        (
            [difference("A", is_explained=True, as_of_ms=ms) for ms in (0, 1)] + [difference("B", is_explained=False)],
            "B",
        ),
    ],
)
def test_the_worst_series_is_the_least_explained_then_the_most_differing_then_the_furthest_off(rows, worst):
    assert worst_of(differences(*rows)) == (worst, "m")


def test_a_day_that_differs_gives_the_commands_that_trace_its_worst_windows(instance):
    ran = run(instance, [0, 7, 0], tags=RANGE)
    shown = {each.partition: each.metadata for each in ran.asset_materializations_for_node("reconciliations")}
    assert "explain" not in shown["2013-01-10"]
    fence, first, *others = shown["2013-01-11"]["explain"].value.splitlines()
    assert (fence, first) == ("```sh", "sma explain A m hour 1970-01-01T00:00:00Z")
    assert len(others) == MOST_COMMANDS


def test_a_day_whose_result_was_corrected_has_the_commands_too():
    written = Written(BatchResult(FIRST, "hour", {}, 0), 3, 1, 0, corrected=(("A", "m", 900_000),))
    computed = Computed((written,), (), LogIndex(()), 0, 0, 0, 0.1, 0.2)
    ((_, shown),) = computed_metadata(computed)
    assert shown["explain"].value == "```sh\nsma explain A m hour 1970-01-01T00:15:00Z\n```"
