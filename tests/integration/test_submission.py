"""The two ways by which a job reaches the real cluster: its jar through Flink's REST API, and Flink's own client."""

import json
import subprocess

import pytest
from tenacity import Retrying, retry_if_result, stop_after_delay, wait_fixed

from clients.flink import FlinkRest
from clients.kafka.rights import topic_operations
from clients.kafka.security import has_tls
from deploy.local.processes import stack_processes
from sma.averages import load_averages
from streaming.control import lifecycle
from streaming.control.kafka_log import KafkaLog
from streaming.submit.options import job_options
from streaming.submit.plan import catch_up_plan
from streaming.submit.submission import submit
from tests.support import oracle
from tests.support.publishing import Sent, publish
from tests.support.stored import stored, succeed

HOUR = 3_600_000
START = 1_357_034_400_000
YAML = "{watermark_delay: 1 minute, allowed_lateness: 1 hour, averages: [{name: hour, window: 1 hour, every: 1 hour}]}"


@pytest.fixture
def averages(place, slots, averages_file):
    averages_file.write_text(YAML)
    place.environ["SMA_AVERAGES"] = str(averages_file)
    yield load_averages(averages_file)
    place.sma("stream", "stop")


def publish_hours(place, first, count):
    """Publish an event every 10 minutes for some hours, and close them; return the events."""
    events = [("a", "m", START + first * HOUR + index * HOUR // 6, f"{index}.5") for index in range(count * 6)]
    fields = [dict(zip(("customer", "metric", "event_time", "value"), event, strict=True)) for event in events]
    publish(place.settings, [Sent(json.dumps(each).encode(), each["event_time"], key="a/m") for each in fields])
    end = START + (first + count) * HOUR + 120_000
    publish(place.settings, [Sent(b'{"heartbeat": %d}' % end, end, partition=partition) for partition in range(4)])
    return events


@pytest.mark.nightly
def test_a_job_goes_on_with_the_state_of_one_that_was_submitted_the_other_way(place, averages):
    events = []
    for hour, (way, expected) in enumerate(
        [("client", "reads the log from its beginning"), ("rest", "resumes from"), ("client", "resumes from")]
    ):
        place.environ["SMA_FLINK_SUBMIT"] = way
        assert expected in succeed(place.sma("stream", "start"))
        events += publish_hours(place, 2 * hour, 2)
        succeed(place.sma("wait", "--timeout", "120"))
        assert stored(place, "streaming_averages") == {"hour": oracle.duration_windows(events, HOUR, HOUR)}
        succeed(place.sma("stream", "stop"))


def test_kafka_says_what_the_job_may_do_with_its_topics(place):
    read, written = place.settings.events_topic, place.settings.late_events_topic
    until_known = Retrying(  # by each broker: the topics are new
        retry=retry_if_result(lambda allowed: not allowed.keys() >= {read, written}),
        stop=stop_after_delay(30),
        wait=wait_fixed(0.2),
    )
    allowed = until_known(topic_operations, place.settings.kafka_as("stream"), [read, written, "no-such-topic"])
    assert not allowed.pop("no-such-topic", set())  # where ACLs are in force, nothing is said of whether it is there
    assert allowed.keys() == {read, written}
    assert "Read" in allowed[read]
    assert ("Write" in allowed[read]) is not has_tls(place.settings)  # there, ACLs are in force
    assert {"Read", "Write"} <= allowed[written]


def test_the_jar_is_uploaded_only_where_the_cluster_has_it_not(place, averages):
    rest = FlinkRest(place.settings.flink_url)
    for uploaded in rest.ask("GET", "/jars")["files"]:
        rest.ask("DELETE", f"/jars/{uploaded['id']}")
    for _ in range(2):
        job_id = submit_and_run(place, averages)
        rest.cancel(job_id)
        assert len(rest.ask("GET", "/jars")["files"]) == 1


def test_a_job_that_has_ended_leaves_no_thread_of_a_client_behind(place, averages):
    #  a thread keeps the job's classes in memory, and some 25 starts would fill the TaskManager's metaspace
    succeed(place.sma("stream", "start"))
    assert kafka_threads(place)
    succeed(place.sma("stream", "stop"))
    for attempt in Retrying(stop=stop_after_delay(15), wait=wait_fixed(1), reraise=True):
        with attempt:
            assert kafka_threads(place) == []


def kafka_threads(place):
    rest = FlinkRest(place.settings.flink_url)
    return [
        thread["threadName"]
        for manager in rest.ask("GET", "/taskmanagers")["taskmanagers"]
        for thread in rest.ask("GET", f"/taskmanagers/{manager['id']}/thread-dump")["threadInfos"]
        if thread["threadName"].startswith("kafka-")
    ]


@pytest.mark.nightly
def test_classes_of_jobs_that_have_ended_are_unloaded(place, averages):
    for hour in range(3):
        succeed(place.sma("stream", "start"))
        publish_hours(place, 2 * hour, 2)
        succeed(place.sma("wait", "--timeout", "120"))
        succeed(place.sma("stream", "stop"))
    #  the driver's thread that looks for connections that nobody closed ends after half a minute
    for attempt in Retrying(stop=stop_after_delay(90), wait=wait_fixed(5), reraise=True):
        with attempt:
            assert job_class_loaders(place) <= 1, "of the newest job, which Flink keeps for a while"


def job_class_loaders(place):
    """How many jobs' classes the TaskManager holds after it has collected what nothing holds."""
    running = stack_processes(place.settings.state_dir)
    (process,) = [str(pid) for pid, command in running.items() if "TaskManagerRunner" in command]
    subprocess.run(["jcmd", process, "GC.run"], check=True, capture_output=True)
    found = subprocess.run(["jcmd", process, "VM.classloader_stats"], check=True, capture_output=True, text=True)
    return found.stdout.count("ChildFirstClassLoader")


def submit_and_run(place, averages):
    settings = place.settings
    plan = catch_up_plan(settings, averages, 0, KafkaLog(settings).starts())
    job_id = submit(settings, job_options(settings, 1, None, None), plan)
    lifecycle.poll(lambda: lifecycle.required_job(settings).is_running, 60, "the job does not run")
    return job_id
