"""Which changes of averages.yaml and of the topic let the state carry over."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from sma.averages import Average, Averages
from sma.errors import SmaError
from sma.settings import Settings
from sma.window import CountWindow, DurationWindow
from streaming.control.job_config import Effect, JobConfig, changes
from streaming.control.snapshots import Snapshots

HOUR = 3_600_000
AVERAGES = Averages(
    watermark_delay_ms=1_000,
    allowed_lateness_ms=2_000,
    max_ahead_ms=24 * HOUR,
    averages=(Average("last_20", CountWindow(20), 60_000), Average("hour", DurationWindow(HOUR), 60_000)),
)
OLD = JobConfig.of(AVERAGES, 4)


def with_averages(*averages: Average) -> JobConfig:
    return JobConfig.of(replace(AVERAGES, averages=averages), 4)


def test_the_same_has_no_changes() -> None:
    assert changes(OLD, JobConfig.of(AVERAGES, 4)) == []


def test_a_job_config_gives_back_the_averages_it_was_made_from() -> None:
    assert OLD.averages() == AVERAGES


def test_a_state_of_a_version_without_offsets_carries_over() -> None:
    stored = json.loads(json.dumps(OLD.as_json()))
    for window in stored["windows"].values():
        del window["offset_ms"]
    assert changes(JobConfig.from_json(stored), OLD) == []


@pytest.mark.parametrize(
    ("new", "text", "effect"),
    [
        (
            JobConfig.of(replace(AVERAGES, watermark_delay_ms=5_000), 4),
            "watermark_delay: 1 second -> 5 seconds",
            Effect.CARRIES_OVER,
        ),
        (
            JobConfig.of(replace(AVERAGES, allowed_lateness_ms=5_000), 4),
            "allowed_lateness: 2 seconds -> 5 seconds",
            Effect.NEEDS_FRESH,
        ),
        (JobConfig.of(replace(AVERAGES, max_ahead_ms=HOUR), 4), "max_ahead: 1 day -> 1 hour", Effect.NEEDS_FRESH),
        (with_averages(AVERAGES.averages[0]), "average hour: removed; its rows stay", Effect.CARRIES_OVER),
        (
            with_averages(*AVERAGES.averages, Average("day", DurationWindow(24 * HOUR), HOUR)),
            "average day: added (1 day every 1 hour)",
            Effect.NEEDS_LOG,
        ),
        (
            with_averages(Average("last_20", CountWindow(21), 60_000), AVERAGES.averages[1]),
            "average last_20: 20 events every 1 minute -> 21 events every 1 minute",
            Effect.NEEDS_NAME,
        ),
        (
            with_averages(AVERAGES.averages[0], Average("hour", DurationWindow(HOUR), 60_000, 30_000)),
            "average hour: 1 hour every 1 minute -> 1 hour every 1 minute, offset 30 seconds",
            Effect.NEEDS_NAME,
        ),
        (JobConfig.of(AVERAGES, 5), "topic: 4 -> 5 partitions", Effect.CARRIES_OVER),
        (JobConfig.of(AVERAGES, 3), "topic: 4 -> 3 partitions", Effect.NEEDS_FRESH),
    ],
)
def test_each_change_has_its_text_and_its_effect(new: JobConfig, text: str, effect: Effect) -> None:
    (change,) = changes(OLD, new)
    assert change.text.startswith(text)
    assert change.effect is effect


def test_a_job_config_is_kept_next_to_its_state(tmp_path: Path) -> None:
    snapshots = Snapshots(Settings(flink_storage=tmp_path.as_uri(), job_name="j"))
    with pytest.raises(SmaError, match="holds no state lineage of the job yet: run `sma stream start`"):
        snapshots.job_config()
    snapshots.new_lineage_uri()
    with pytest.raises(SmaError, match="`sma stream start --fresh` computes everything again"):
        snapshots.job_config()
    snapshots.save_job_config(OLD)
    assert snapshots.job_config() == OLD
    (path,) = tmp_path.glob("*/*/definition.json")
    assert json.loads(path.read_text())["windows"]["last_20"]["event_count"] == 20


def test_a_topic_that_was_made_anew_under_its_name_needs_a_fresh_start() -> None:
    first, *_ = changes(JobConfig.of(AVERAGES, 4, "first"), JobConfig.of(AVERAGES, 3, "second"))
    assert first.effect is Effect.NEEDS_FRESH
    assert "deleted and made anew under its name (id first -> second)" in first.text


def test_a_state_that_was_stored_without_the_id_of_its_topic_takes_the_present_one() -> None:
    stored = JobConfig.of(AVERAGES, 4).as_json()
    del stored["topic_id"]
    assert changes(JobConfig(**stored), JobConfig.of(AVERAGES, 4, "present")) == []
