"""What Dagster loads: quietly, without services, and with the whole graph to show."""

import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from batch.reconciliation.classify import DIFFERENCES_SCHEMA
from orchestration.assets import POOL, batch_averages, reconciliations
from orchestration.audit import audits
from orchestration.backfill import readable_error
from orchestration.definitions import definitions
from orchestration.metadata import LARGEST, largest_differences
from orchestration.partitions import days, days_between, left_out, partition_keys
from orchestration.resources import Project
from sma.averages import load_averages
from sma.errors import SmaError
from sma.settings import Settings

CHECKOUT = Path(__file__).resolve().parents[2]


_OF_KAFKA_PYTHON = [  # 3.0.12 reading its own files
    part for name in ("read", "open") for part in ("-W", f"ignore:{name}_text is deprecated:DeprecationWarning")
]


def test_they_load_without_a_warning_and_without_what_takes_long(tmp_path):
    slow = "{'pyflink', 'numba', 'matplotlib'}"
    load = f"import sys, orchestration.definitions; print(*{slow} & set(sys.modules))"
    ran = subprocess.run(
        [sys.executable, "-W", "error", *_OF_KAFKA_PYTHON, "-c", load],
        cwd=CHECKOUT,
        env={"SMA_STATE_DIR": str(tmp_path), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr, ran.stdout) == (0, "", "\n")


def test_the_graph_goes_from_the_log_to_what_readers_see():
    graph = definitions.resolve_asset_graph()
    parents = {key.to_user_string(): graph.get(key).parent_keys for key in graph.get_all_asset_keys()}
    assert {key: sorted(parent.to_user_string() for parent in found) for key, found in parents.items()} == {
        "events": [],
        "streaming_averages": ["events"],
        "late_events": ["events"],
        "rejected_events": ["events"],
        "moving_averages_topic": ["events"],
        "offset_index": ["events"],
        "batch_averages": ["events", "offset_index"],
        "reconciliations": ["batch_averages", "events", "late_events", "rejected_events", "streaming_averages"],
        "audits": ["batch_averages", "events", "reconciliations", "streaming_averages"],
        "differences": ["reconciliations"],
        "moving_averages": ["batch_averages", "reconciliations", "streaming_averages"],
        "power_bi": ["moving_averages"],
    }


def test_every_asset_says_what_it_is_and_whose():
    for spec in definitions.resolve_all_asset_specs():
        assert spec.description
        assert spec.group_name
        assert spec.owners
        assert spec.kinds
        assert all(column.description for column in spec.metadata["dagster/column_schema"].columns)
        assert "docs" in spec.metadata


def test_the_documents_that_assets_name_are_there():
    for spec in definitions.resolve_all_asset_specs():
        assert Path(spec.metadata["docs"].path).is_file()


def test_they_load_within_three_seconds_of_cpu(tmp_path):
    load = "import time, orchestration.definitions; print(time.process_time())"
    ran = subprocess.run(
        [sys.executable, "-c", load],
        cwd=CHECKOUT,
        env={"SMA_STATE_DIR": str(tmp_path), "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert float(ran.stdout) < 3  # of the processor's time: a busy machine is no failure


def test_an_audit_takes_turns_with_what_writes_the_same_days_and_fails_where_it_finds_damage():
    assert audits.op.pool == POOL
    assert {spec.name: spec.blocking for spec in audits.check_specs} == {"no_damage": True}


@pytest.mark.parametrize("asset", [batch_averages, reconciliations])
def test_a_backfill_is_one_run_in_one_pool(asset):
    assert asset.backfill_policy == dg.BackfillPolicy.single_run()
    assert asset.op.pool == POOL


def test_an_unexplained_difference_blocks_what_comes_after_it():
    checks = {spec.name: spec.blocking for spec in reconciliations.check_specs}
    assert checks == {"no_unexplained_difference": True, "every_record_accounted_for": False}


def test_today_and_tomorrow_are_partitions():
    today = date.fromisoformat(days.get_last_partition_key()) - timedelta(days=1)
    assert partition_keys(days_between(today, today + timedelta(days=1))) == [
        str(today),
        str(today + timedelta(days=1)),
    ]


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        (date(1960, 1, 1), date(1960, 1, 2), "1960-01-01 is no daily partition"),
        (date(2013, 1, 1), date(9000, 1, 1), "9000-01-01 is no daily partition"),
        (date(2013, 1, 2), date(2013, 1, 1), "the last day, 2013-01-01, is before the first"),
    ],
)
def test_days_that_are_no_partitions_are_refused(start, end, message):
    with pytest.raises(SmaError, match=message):
        partition_keys(days_between(start, end))


def test_days_of_events_that_are_no_partitions_are_named_in_one_line():
    line = left_out([date.min, date(1899, 12, 31)])
    assert "2 days from 0001-01-01 to 1899-12-31" in line
    assert "1970-01-01 (SMA_FIRST_DAY)" in line


def test_a_mistake_of_the_users_fails_the_run_with_its_one_line(tmp_path):
    file = tmp_path / "averages.yaml"
    file.write_text(
        "watermark_delay: 1 huor\nallowed_lateness: 1 hour\naverages: [{name: a, window: 1 hour, every: 1 hour}]\n"
    )
    broken = type("Broken", (Project,), {"settings": Settings(averages=file)})()
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize(
            [batch_averages],
            resources={"project": broken},
            partition_key="2013-01-01",
            instance=instance,
            raise_on_error=False,
        )
    failure = result.failure_data_for_node("batch_averages")
    with pytest.raises(SmaError) as mistake:
        load_averages(file)
    assert "1 huor" in str(mistake.value)
    assert readable_error(failure.error.message) == str(mistake.value)


def difference(as_of_ms: int, *, is_explained: bool, batch_sum: int) -> tuple:
    return ("A|A", "delay", "hour", as_of_ms, "changed", is_explained, 1, 0, 1, batch_sum, 2, False)


def test_the_largest_differences_come_unexplained_first():
    frame = pl.DataFrame(
        [
            difference(0, is_explained=True, batch_sum=9_000_000),
            difference(1, is_explained=True, batch_sum=-10_000_000),
            difference(2, is_explained=False, batch_sum=1),
        ],
        DIFFERENCES_SCHEMA,
        orient="row",
    )
    _, _, first, second, third = largest_differences(frame).splitlines()
    assert first.endswith("0.000000 / 1 | 0.000001 / 2 | 1 | **no** |")
    assert "-10.000000 / 2" in second
    assert "A\\|A" in third


def test_a_window_of_a_grid_below_a_second_is_named_to_the_millisecond():
    frame = pl.DataFrame([difference(250, is_explained=True, batch_sum=1)], DIFFERENCES_SCHEMA, orient="row")
    assert "| 1970-01-01 00:00:00.250 |" in largest_differences(frame)


def test_more_differences_than_a_table_shows_are_counted():
    rows = [difference(index, is_explained=True, batch_sum=1) for index in range(LARGEST + 3)]
    text = largest_differences(pl.DataFrame(rows, DIFFERENCES_SCHEMA, orient="row"))
    assert text.endswith("3 more in `sma.differences`.")
