"""What a log event says, and that processes which share a file leave it whole."""

import json
import logging
import logging.config
import multiprocessing
import subprocess
import sys
from datetime import date

import dagster as dg
import pytest

from batch.index.extend import _log_rejected, _Step
from monitoring.logs import handlers
from monitoring.logs.events import ALWAYS, FIELDS, EventFormatter
from powerbi.refresh.follow import Ended, NotAccepted
from powerbi.refresh.run import _log_failure
from sma.settings import CHECKOUT, load_settings
from tests.support.log_writer import write

pytestmark = pytest.mark.usefixtures("state_dir")


def event_of(message, *args, level=logging.ERROR, exc_info=None, **extra):
    record = logging.Logger("test").makeRecord("test", level, __file__, 1, message, args, exc_info, extra=extra)
    record.created = 1_700_000_000.25
    return json.loads(EventFormatter("cli").format(record))


def events_in(folder, service):
    files = sorted(folder.glob(f"{service}.jsonl*"))
    return [json.loads(line) for path in files for line in path.read_text().splitlines()]


def test_an_event_is_one_object_with_time_level_service_logger_and_message():
    assert event_of("%s is down", "Kafka") == {
        "time": "2023-11-14T22:13:20.250Z",
        "level": "ERROR",
        "service": "cli",
        "logger": "test",
        "message": "Kafka is down",
    }


def test_levels_are_named_as_the_parts_in_java_name_them():
    assert [event_of("", level=level)["level"] for level in (20, 30, 40, 50)] == ["INFO", "WARN", "ERROR", "FATAL"]


def test_fields_that_were_not_agreed_on_are_left_out():
    event = event_of("", partition=0, kafka_offset=5, day=date(2013, 1, 2), database_url="hush")
    assert (event["partition"], event["kafka_offset"], event["day"]) == (0, 5, "2013-01-02")
    assert event.keys() <= {*ALWAYS, *FIELDS}


def test_an_event_stays_on_one_line_and_within_bounds():
    try:
        raise ValueError("line\n" * 50_000)
    except ValueError as error:
        record = logging.Logger("test").makeRecord(
            "test", 40, __file__, 1, "two\nlines \u2028 and \ud800", (), (type(error), error, error.__traceback__)
        )
    text = EventFormatter("cli").format(record)
    assert "\n" not in text
    assert len(text) < 50_000
    assert json.loads(text)["exception"].rstrip().endswith("line")


def test_processes_that_share_a_file_lose_no_line_while_it_is_rotated(tmp_path):
    context = multiprocessing.get_context("spawn")
    path = tmp_path / "new" / "batch.jsonl"
    processes = [context.Process(target=write, args=(path, number)) for number in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    said = {event["message"].split()[0] for event in events_in(path.parent, "batch")}
    assert said == {f"{number}.{each}" for number in range(2) for each in range(100)}
    assert len(list(path.parent.glob("batch.jsonl*"))) > 2


def test_a_folder_that_was_deleted_is_made_anew(state_dir):
    handler = handlers.json_file("cli")
    for _ in range(2):
        handler.handle(logging.makeLogRecord({"msg": "there", "levelname": "ERROR"}))
        (written,) = (state_dir / "logs" / "json").glob("cli.jsonl")
        assert json.loads(written.read_text())["message"] == "there"
        for path in (*written.parent.iterdir(),):
            path.unlink()
        written.parent.rmdir()


def test_handlers_go_on_after_logging_was_configured_anew():
    handler = handlers.json_file("dagster")
    logger = logging.Logger("test")
    logger.addHandler(handler)
    logger.error("before")
    logging.config.dictConfig({"version": 1, "disable_existing_loggers": False})
    logger.error("after")
    folder = load_settings().state_dir / "logs" / "json"
    assert [event["message"] for event in events_in(folder, "dagster")] == ["before", "after"]


@dg.op
def fails(context: dg.OpExecutionContext) -> None:
    context.log.warning("about to", extra={"partition": 2, "kafka_offset": 9})
    raise dg.Failure("the way out")


@dg.job(tags={"dagster/asset_partition_range_start": "2013-01-01", "dagster/asset_partition_range_end": "2013-01-31"})
def failing() -> None:
    fails()


@pytest.mark.filterwarnings("ignore::dagster._utils.warnings.BetaWarning")
def test_a_dagster_run_says_which_run_step_and_days(state_dir):
    config = {"handlers": {"json": {"()": "monitoring.logs.handlers.json_file", "service": "dagster", "level": "INFO"}}}
    overrides = {"python_logs": {"dagster_handler_config": config}, "telemetry": {"enabled": False}}
    with dg.instance_for_test(overrides=overrides) as instance:
        run_id = failing.execute_in_process(instance=instance, raise_on_error=False).run_id
    events = events_in(state_dir / "logs" / "json", "dagster")
    assert {event["run_id"] for event in events} == {run_id}
    assert {event["service"] for event in events} == {"dagster"}
    (said,) = [event for event in events if event["message"] == "about to"]
    assert (said["step"], said["job"], said["day"]) == ("fails", "failing", "2013-01-01..2013-01-31")
    assert (said["level"], said["partition"], said["kafka_offset"]) == ("WARN", 2, 9)
    (failed,) = [event for event in events if event.get("event_type") == "STEP_FAILURE"]
    assert failed["level"] == "ERROR"
    assert "the way out" in failed["exception"]


COMMAND = """
import logging
import click
from cli.main import run_command
from sma.errors import SmaError

@click.command()
def fail():
    logging.getLogger("of.a.library").warning("careful")
    raise SmaError("Kafka is away: `sma up`")

run_command(fail)
"""


def test_a_command_that_fails_says_so_once_on_the_terminal_and_once_in_the_file(state_dir):
    ended = subprocess.run(
        [sys.executable, "-c", COMMAND], cwd=CHECKOUT, capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 1
    assert ended.stderr.splitlines() == ["WARNING:of.a.library:careful", "sma: Kafka is away: `sma up`"]
    events = events_in(state_dir / "logs" / "json", "cli")
    assert [(event["level"], event["message"]) for event in events] == [
        ("WARN", "careful"),
        ("ERROR", "Kafka is away: `sma up`"),
    ]


def test_half_a_splunk_does_not_keep_a_run_from_its_work(state_dir, monkeypatch):
    monkeypatch.setenv("SMA_SPLUNK_URL", "https://splunk:8088")
    assert isinstance(handlers.splunk("dagster"), logging.NullHandler)
    (event,) = events_in(state_dir / "logs" / "json", "dagster")
    assert "SMA_SPLUNK_TOKEN is not" in event["message"]


def test_rejected_events_are_told_once_a_partition_with_the_first_position(caplog):
    steps = {0: [_Step(0, 5, 3, 0, 2, 0, 4), _Step(5, 9, 3, 0, 1, 0, 7)], 1: [_Step(0, 9, 9, 0, 0, 0)]}
    _log_rejected(steps)
    (record,) = caplog.records
    assert (record.partition, record.kafka_offset) == (0, 4)
    assert record.getMessage().startswith("partition 0: 3 rejected events, the first at Kafka offset 4")


@pytest.mark.parametrize(
    ("outcome", "levels"),
    [
        (Ended("completed"), []),
        (Ended("failed", "no source"), ["ERROR"]),
        (Ended("unknown"), ["ERROR"]),
        (NotAccepted("throttled", "quota", 3), ["WARNING"]),
        (NotAccepted("refused", "no right", 0), ["ERROR"]),
    ],
)
def test_a_refresh_that_did_not_complete_is_an_error_unless_it_is_only_late(outcome, levels, caplog):
    _log_failure(outcome)
    assert [record.levelname for record in caplog.records] == levels
    assert [record.outcome for record in caplog.records] == [outcome.status] * len(levels)
