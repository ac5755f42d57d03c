"""The page of `sma status`: what is new first, ages that a person reads, and nothing where nothing is known."""

import io
import json
import re
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client.core import GaugeMetricFamily
from rich.console import Console

from cli.now import KAFKA_DOWN, Now
from cli.status_page import page_of
from deploy.local.lifecycle.status import PartStatus, StackStatus
from deploy.topic_reports import TopicReport
from monitoring.figures import Alert, Figures, HoldingBack, figures_of
from monitoring.newest_series import NewestSeries, Series
from streaming.control.progress import Status
from streaming.control.snapshots import Snapshot

AT = datetime(2026, 11, 29, 12, tzinfo=UTC)
NOON = datetime(2013, 1, 31, 12, tzinfo=UTC)
NOTHING = Figures(
    **{field.name: None for field in fields(Figures)} | {"split_series_newest": (), "data_age_s": {}, "silent": ()}
)
RUNNING = Status("RUNNING", "a", 60.0, 0, None, "2026-11-29T11:59:58.000+00:00", {0: 9}, {0: 9}, 0, 0, [])
LOST = replace(RUNNING, state="LOST", job_id=None, last_checkpoint_at=None, started_at="2026-11-29T09:00:00+00:00")
CHECKPOINT = Snapshot("checkpoint", "file:///s/chk-7", 1_796_040_000 * 10**9, 7)
PARTS = StackStatus(
    (PartStatus("prometheus", "http://prometheus", "2.42.0", True, None, True, {}),),
    *(
        "postgresql://u:p@h/d",
        "kafka:9092",
        "http://flink",
        "http://dagster",
        "http://prometheus",
        "http://alerts",
        "http://overview",
    ),
    pages={"alerts": "http://prometheus/classic/alerts", "alertmanager": "http://alerts/"},
)
STATUS = Now(PARTS, RUNNING, NewestSeries((), 0), NOTHING, [], [])


def series(customer: str, minutes: int, state: str = "streamed") -> Series:
    return Series(customer, "m", AT - timedelta(minutes=minutes), 1_359_676_800_000, "hour", NOON, state)


def page(status: Now) -> str:
    written = io.StringIO()
    Console(file=written, width=140, markup=False, highlight=False, emoji=False).print(page_of(status, AT))
    return written.getvalue()


def row(page: str, name: str) -> list[str]:
    """Return the cells of the row that begins with a name."""
    (line,) = [line for line in page.splitlines() if line.strip().startswith(name)]
    return re.split(r"\s{2,}", line.strip())


def test_a_partition_that_holds_days_back_is_named_with_since_when_and_what_helps():
    holding = tuple(HoldingBack(number, 7_200 + number, 900) for number in range(5))
    shown = page(replace(STATUS, figures=replace(NOTHING, held_back_by=holding)))
    first, *_ = [line for line in shown.splitlines() if "held back by" in line]
    assert re.split(r"\s{2,}", first.strip()) == [
        "held back by",
        "partition 0: 2 hours behind, its last record 15 minutes ago: `sma heartbeat`",
    ]
    assert "and 2 more partitions" in shown


def test_a_partition_is_named_once_a_heartbeat_should_have_come():
    def metric(name, values):
        family = GaugeMetricFamily(name, name, labels=["partition"])
        for number, value in enumerate(values):
            family.add_metric([str(number)], value)
        return family

    # ahead; behind and quiet; behind and busy; an empty partition has no watermark, so it is not behind
    behind = metric("sma_partition_behind_seconds", [0, 60, 7_200, 3_600])
    quiet = metric("sma_partition_quiet_seconds", [900, 120, 300, 119, 9_000])
    assert figures_of([behind, quiet]).held_back_by == (HoldingBack(2, 7_200, 300), HoldingBack(1, 60, 120))


def test_the_sections_are_in_the_order_of_what_a_person_wants():
    shown = page(replace(STATUS, newest=NewestSeries((series("c", 3),), 0)))
    titles = ["part ", "stream: RUNNING", "newest data", "reconciliation", "no alert fires"]
    assert sorted(titles, key=shown.index) == titles


def test_a_series_has_its_newest_event_and_window_and_whether_it_is_reconciled():
    shown = page(replace(STATUS, newest=NewestSeries((series("c", 3, "reconciled"),), 0)))
    assert row(shown, "c/m") == [
        *("c/m", "3 minutes ago", "2013-02-01 00:00:00", "2013-01-31 12:00:00 (hour)", "reconciled"),
    ]


def test_the_series_that_are_not_listed_are_counted():
    assert "and 4 other series" in page(replace(STATUS, newest=NewestSeries((series("c", 3),), 4)))
    assert "other" not in page(replace(STATUS, newest=NewestSeries((series("c", 3),), 0)))


def test_a_series_without_a_window_says_so():
    new = Series("c", "m", None, None, None, None, "open")
    assert row(page(replace(STATUS, newest=NewestSeries((new,), 0))), "c/m") == [
        *("c/m", "none", "not indexed yet", "none", "none closed yet"),
    ]


def test_a_topic_has_a_line_only_where_something_is_to_be_said():
    topic = TopicReport("events", "id", 4, 1, 1, "CreateTime", "delete", -1, -1, 1_048_588)
    assert "topic" not in page(replace(STATUS, topics=[topic]))
    shown = page(replace(STATUS, topics=[replace(topic, remarks=("one", "two")), replace(topic, fault="no")]))
    assert [line for line in shown.splitlines() if line.startswith("topic")] == [
        "topic events: REFUSED: no",
        "topic events: one",
        "topic events: two",
    ]


def test_topics_that_cannot_be_described_say_why_unless_kafka_is_down():
    assert "topic settings: Describe on topic" in page(replace(STATUS, topics="Describe on topic events: no"))
    assert "topic" not in page(replace(STATUS, topics=KAFKA_DOWN))
    assert replace(STATUS, topics=KAFKA_DOWN).as_dict()["topics"] == {"problem": KAFKA_DOWN}


def test_before_the_first_event_the_command_that_publishes_is_named():
    assert "newest data: none yet; `sma produce`" in page(STATUS)


@pytest.mark.parametrize("figures", [NOTHING, replace(NOTHING, lag_events=0, lag_s=0.0, readers_behind_s=0.0)])
def test_what_is_not_known_is_left_out(figures: Figures):
    shown = page(replace(STATUS, figures=figures))
    assert "none yet" in row(shown, "last one")[-1]
    assert not re.search(r"(?<!\S)- ago|\bNone\b| {2}-$", shown, re.MULTILINE)
    assert "  lag" not in shown


def test_no_table_has_an_empty_heading():
    shown = page(replace(STATUS, figures=replace(NOTHING, residue=0))).splitlines()
    rules = [number for number, line in enumerate(shown) if "──" in line]
    assert rules
    assert all(shown[number - 1].strip() for number in rules)


def test_times_of_historic_data_are_dates():
    old = replace(NOTHING, lag_events=5, lag_s=5_048 * 86_400.0, reconciliation_age_s=120.0, days_to_reconcile=0)
    shown = page(replace(STATUS, figures=old))
    assert row(shown, "lag") == ["lag", "5 events, the oldest since 2013-02-02"]
    assert row(shown, "last one") == ["last one", "2 minutes ago; 0 days to reconcile"]
    assert not re.search(r"\d{3,} days", shown)


def test_series_in_two_partitions_are_named_and_counted_with_the_way_out():
    named = ("acme/t (partitions 0, 2)", "acme/u (partitions 1, 3)")
    shown = page(replace(STATUS, figures=replace(NOTHING, split_series=5, split_series_newest=named)))
    words = " ".join(shown.split())
    assert "two partitions 5 series: acme/t (partitions 0, 2), acme/u (partitions 1, 3) and 3 more; see docs" in words
    assert "two partitions" not in page(replace(STATUS, figures=replace(NOTHING, split_series=0)))


def test_pages_that_answer_are_listed_under_the_parts():
    shown = page(STATUS)
    assert row(shown, "alerts") == ["alerts", "http://prometheus/classic/alerts"]
    assert row(shown, "alertmanager") == ["alertmanager", "http://alerts/"]


def test_a_job_that_flink_has_forgotten_is_lost_and_names_what_the_next_start_resumes_from():
    shown = page(replace(STATUS, job=replace(LOST, resumes_from=CHECKPOINT)))
    words = " ".join(shown.split())
    assert "stream: LOST: Flink no longer knows the job that was started at 2026-11-29T09:00:00+00:00" in words
    assert f"`sma stream start` resumes from the checkpoint of {CHECKPOINT.taken_at}" in words
    assert "none, 0 restarts" not in words


def test_a_job_that_never_was_started_names_the_command():
    never = replace(LOST, state="NOT STARTED", started_at=None)
    assert "stream: NOT STARTED: `sma stream start` starts it" in page(replace(STATUS, job=never))


def test_a_source_that_does_not_answer_says_why():
    shown = page(replace(STATUS, job="Kafka is down", newest="no database", figures="no exporter", alerts="no alerts"))
    for reason in ("stream: not known: Kafka is down", "newest data: no database", "no exporter", "no alerts"):
        assert reason in shown


def test_an_alert_has_what_to_do():
    alert = Alert("JobDown", "page", "the job does not run", "docs/runbooks/JobDown.md")
    assert row(page(replace(STATUS, alerts=[alert])), "JobDown")[-1] == "docs/runbooks/JobDown.md"


def test_the_json_has_the_newest_series_with_times_as_iso_8601():
    found = replace(STATUS, newest=NewestSeries((series("c", 3, "reconciled"),), 4)).as_dict()["newest"]
    assert json.loads(json.dumps(found)) == {
        "series": [
            {
                "customer": "c",
                "metric": "m",
                "written_at": "2026-11-29T11:57:00+00:00",
                "newest_event_ms": 1_359_676_800_000,
                "average": "hour",
                "as_of": "2013-01-31T12:00:00+00:00",
                "state": "reconciled",
            }
        ],
        "more": 4,
    }


def test_the_json_keeps_its_keys():
    assert STATUS.as_dict().keys() >= {
        *("parts", "database_url", "kafka_bootstrap", "flink_url", "dagster_url", "prometheus_url"),
        *("alertmanager_url", "stream", "figures", "alerts"),
    }
    assert replace(STATUS, job="gone").as_dict()["stream"] == {"state": "UNKNOWN", "problem": "gone"}
