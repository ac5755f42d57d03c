"""The job's SQL, as rendered from averages.yaml and the settings. Flink itself runs it in the integration tests."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from sma.averages import Averages, parse_averages
from sma.durations import DAY_MS
from sma.errors import SmaError
from sma.settings import Settings
from streaming.sql import definitions, inserts, interval, literal

AVERAGES = parse_averages(
    """
watermark_delay: 90 seconds
max_ahead: 2 hours
averages:
  - {name: hour, window: 1 hour, every: 15 minutes}
  - {name: day, window: 1 day, every: 1 hour}
""",
    "averages.yaml",
)


def settings(**values: Any) -> Settings:
    url = SecretStr("postgresql://writer:pa%27ss@db.example:6543/sma")
    return Settings(**{"streaming_database_url": url, "topic_prefix": "t-", **values})


def statement(start: str, averages: Averages = AVERAGES, **values: Any) -> str:
    (found,) = [text for text in definitions(averages, settings(**values)) if text.startswith(start)]
    return found


def test_nothing_is_left_to_fill_in_and_no_comment_is_sent() -> None:
    for text in definitions(AVERAGES, settings()) + inserts(AVERAGES):
        assert "$" not in text
        assert "--" not in text


def test_the_topic_is_read_from_its_beginning_and_the_group_learns_of_checkpoints_only() -> None:
    records = statement("CREATE TEMPORARY TABLE records")
    assert "'topic' = 't-events'" in records
    assert "'properties.group.id' = 't-streaming'" in records
    assert "'scan.startup.mode' = 'earliest-offset'" in records
    assert "'properties.commit.offsets.on.checkpoint' = 'true'" in records


def test_the_watermark_follows_each_record_and_no_idle_partition_is_left_behind() -> None:
    records = statement("CREATE TEMPORARY TABLE records")
    assert "WATERMARK FOR event_time AS event_time - INTERVAL '0 00:01:30.000' DAY(3) TO SECOND(3)" in records
    assert "'scan.watermark.emit.strategy' = 'on-event'" in records
    assert "idle" not in records


def test_a_record_further_ahead_than_max_ahead_is_rejected_before_it_moves_the_watermark() -> None:
    records = statement("CREATE TEMPORARY TABLE records")
    assert "COALESCE(event_time_ms, heartbeat_ms) - 7200000" in records
    assert "'event_time: more than max_ahead ahead of the record''s timestamp'" in records
    assert "WHEN reason IS NOT NULL OR (" in records


def test_what_is_late_is_exactly_what_is_not_in_time() -> None:
    rejected, late, averages = inserts(AVERAGES)
    assert "WHERE customer IS NOT NULL AND time_ms <= watermark_ms" in late
    assert "WHERE customer IS NOT NULL AND time_ms > watermark_ms" in statement("CREATE TEMPORARY VIEW in_time")
    assert "- 90000 AS watermark_ms" in statement("CREATE TEMPORARY VIEW placed")
    assert "WHERE rejection IS NOT NULL" in rejected
    assert averages.startswith("INSERT INTO streaming_averages")


def test_each_average_is_a_hop_of_its_own() -> None:
    averages = inserts(AVERAGES)[-1]
    assert averages.count("HOP(") == 2
    assert averages.count("UNION ALL") == 1
    assert "'hour' AS average" in averages
    assert (
        "HOP(TABLE in_time, DESCRIPTOR(event_time), INTERVAL '0 01:00:00.000' DAY(3) TO SECOND(3),"
        " INTERVAL '1 00:00:00.000' DAY(3) TO SECOND(3))" in averages
    )


def test_the_sink_has_the_credentials_and_they_are_quoted() -> None:
    sink = statement("CREATE TEMPORARY TABLE streaming_averages")
    assert "'url' = 'jdbc:postgresql://db.example:6543/sma?reWriteBatchedInserts=true" in sink
    assert "'username' = 'writer'" in sink
    assert "'password' = 'pa''ss'" in sink


def test_a_user_without_a_password_stands_in_the_url() -> None:
    url = SecretStr("postgresql://writer@db.example/sma")
    sink = statement("CREATE TEMPORARY TABLE streaming_averages", streaming_database_url=url)
    assert "user=writer" in sink
    assert "'username'" not in sink


@pytest.mark.parametrize(
    ("duration_ms", "text"),
    [
        (1, "0 00:00:00.001"),
        (61_500, "0 00:01:01.500"),
        (36 * 3_600_000, "1 12:00:00.000"),
        (999 * DAY_MS, "999 00:00:00.000"),
    ],
)
def test_an_interval_is_exact_to_the_millisecond(duration_ms: int, text: str) -> None:
    assert interval(duration_ms, "window") == f"INTERVAL '{text}' DAY(3) TO SECOND(3)"


def test_an_interval_that_flink_cannot_hold_is_refused() -> None:
    with pytest.raises(SmaError, match="year: window: 1000 days or more"):
        interval(1_000 * DAY_MS, "year: window")


def test_quotes_in_text_are_doubled() -> None:
    assert literal("it's") == "'it''s'"


def test_only_the_job_module_imports_pyflink() -> None:
    streaming = Path(__file__).parents[2] / "streaming"
    importing = [path.name for path in streaming.glob("*.py") if "pyflink" in path.read_text(encoding="utf-8")]
    assert importing == ["job.py"]
