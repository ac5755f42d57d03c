"""What the exporter says of the real services: lag while the job runs and when it is dead, what reconciling finds."""

import re

import psycopg
import pytest
from confluent_kafka import Producer

from database.definitions import store_definitions
from monitoring.exporter import dagster_runs, database, flink_job
from monitoring.exporter.collector import SourceDown
from monitoring.exporter.kafka_lag import KafkaLag
from monitoring.figures import read_alerts, read_figures
from sma.averages import Average
from sma.errors import SmaError
from sma.settings import CHECKOUT
from sma.window import DurationWindow
from tests.support.consumer_lag import EVENTS_A_PARTITION, MINUTE, lag_of_a_job
from tests.support.metrics import Clock, eventually, of_partitions, samples
from tests.support.publishing import Sent, publish
from tests.support.superuser import client_options


@pytest.fixture(scope="module")
def lag(open_place, slots, tmp_path_factory):
    """The lag of a job that runs, is stopped, falls behind and catches up; it is stopped in the end."""
    folder = tmp_path_factory.mktemp("lag")
    with open_place() as place:
        try:
            return lag_of_a_job(place, folder / "averages.yaml", folder)
        finally:
            place.sma("stream", "stop")


def test_a_job_that_has_read_everything_has_no_lag_before_its_first_checkpoint(lag):
    assert of_partitions(lag.running, "sma_consumer_lag_events") == [0, 0, 0, 0]
    assert of_partitions(lag.running, "sma_log_end_offset") == [EVENTS_A_PARTITION] * 4
    assert of_partitions(lag.running, "sma_consumer_committed_offset") == [0, 0, 0, 0]


def test_a_job_that_runs_is_up_and_its_records_are_counted(lag):
    assert lag.running_job["sma_job_up",] == 1
    assert lag.running_job["sma_stream_records_total", "2", "used"] == EVENTS_A_PARTITION


def test_a_job_that_was_stopped_with_nothing_to_read_lags_by_no_seconds(lag):
    assert of_partitions(lag.stopped, "sma_consumer_lag_seconds") == [0, 0, 0, 0]


def test_a_dead_jobs_lag_grows_and_outlives_the_exporter(lag):
    assert of_partitions(lag.dead, "sma_consumer_lag_events") == [EVENTS_A_PARTITION] * 4
    assert all(60 <= seconds <= 160 for seconds in of_partitions(lag.dead, "sma_consumer_lag_seconds"))


def test_a_dead_job_is_not_up(lag):
    assert lag.dead_job["sma_job_up",] == 0


def test_a_job_that_runs_again_has_no_lag_once_it_has_caught_up(lag):
    assert of_partitions(lag.caught_up, "sma_consumer_lag_events") == [0, 0, 0, 0]
    assert of_partitions(lag.caught_up, "sma_consumer_lag_seconds") == [0, 0, 0, 0]


def test_a_transactions_marker_is_no_event_to_wait_for(place, tmp_path):
    settings = place.settings.model_copy(update={"state_dir": tmp_path})
    clock, read_by_job = Clock(), {}
    collector = KafkaLag(settings, clock, lambda _: dict(read_by_job))
    producer = Producer({**client_options(place.settings), "transactional.id": settings.topic_prefix})
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce(settings.events_topic, b'{"heartbeat": 1}', partition=0, timestamp=1)
    producer.commit_transaction(30)
    for attempt in eventually():
        with attempt:
            found = collector.look()
            assert of_partitions(found, "sma_log_end_offset")[0] == 2  # the record, and the marker behind it
    assert of_partitions(found, "sma_consumer_lag_events")[0] == 1  # no job has read the record
    read_by_job[0] = 1  # one that has
    for attempt in eventually():
        with attempt:
            clock.now += 5
            found = collector.look()
            assert of_partitions(found, "sma_consumer_lag_events")[0] == 0
    assert of_partitions(found, "sma_consumer_position")[0] == 1
    publish(settings, [Sent(b'{"heartbeat": 2}', 2, partition=0)])
    clock.now += 5
    assert of_partitions(collector.look(), "sma_consumer_lag_events")[0] == 2


def test_what_a_reconciliation_found_is_told(place):
    store_definitions(
        place.settings.owner_database_url.get_secret_value(), [Average("hour", DurationWindow(60 * MINUTE), MINUTE)]
    )
    with psycopg.connect(place.settings.owner_database_url.get_secret_value(), autocommit=True) as connection:
        for run, unexplained, at in (("old", 5, "2013-01-02"), ("new", 1, "2013-01-03")):
            connection.execute(
                "INSERT INTO sma.reconciliations (run_id, day, average, windows_compared, equal, changed,"
                " missing_in_stream, extra_in_stream, explained, unexplained, read_to, duration_seconds, reconciled_at)"
                " VALUES (%s, '2013-01-01', 'hour', 20, 13, 4, 2, 1, %s, %s, '{}', 1, %s)",
                (run, 7 - unexplained, unexplained, at),
            )
        connection.execute(
            "INSERT INTO sma.accounting (run_id, kafka_partition, read_from, read_to, records, events_used,"
            " late_events, rejected_events, heartbeats, mismatched)"
            " VALUES ('new', 3, 0, 10, 10, 6, 1, 1, 1, 0), ('new', 2, 0, 10, 10, 7, 1, 1, 1, 2)"
        )
        connection.execute(
            "INSERT INTO sma.streaming_averages VALUES ('A', 'm', 'hour', now() - INTERVAL '1 hour', 1, 1)"
        )
    found = samples(database.look_at_reconciliation(place.settings))
    assert found["sma_differences", "hour", "changed"] == 4
    assert found["sma_differences", "hour", "missing_in_stream"] == 2
    assert found["sma_differences", "hour", "extra_in_stream"] == 1
    assert (found["sma_explained_differences", "hour"], found["sma_unexplained_differences", "hour"]) == (6, 1)
    assert (found["sma_accounting_residue", "3"], found["sma_accounting_residue", "2"]) == (1, 2)
    assert found["sma_reconciliation_age_seconds",] > 0
    assert found["sma_data_age_seconds", "A", "streamed"] == pytest.approx(3_600, abs=60)
    assert ("sma_data_age_seconds", "A", "reconciled") not in found


def test_rows_that_the_model_does_not_have_are_waited_for_since_it_was_asked_for(place):
    model = {"powerbi_tenant_id": "t", "powerbi_client_id": "c", "powerbi_workspace_id": "w", "powerbi_dataset_id": "d"}
    secret = {"powerbi_client_secret": place.settings.database_url}
    settings = place.settings.model_copy(update=model | secret)
    assert samples(database.look_at_refreshes(place.settings)) == {("sma_refresh_enabled",): 0}

    def behind():
        return samples(database.look_at_refreshes(settings)).get(("sma_readers_behind_seconds",))

    with psycopg.connect(place.settings.owner_database_url.get_secret_value(), autocommit=True) as connection:
        connection.execute("INSERT INTO sma.streaming_averages VALUES ('A', 'm', 'hour', '2013-01-01 01:00+00', 1, 1)")
        assert behind() is None  # nothing was asked for yet
        connection.execute(
            "INSERT INTO sma.refreshes (run_id, refresh_type, reason, asked_at, ended_at, status, streamed_to) VALUES"
            " ('1', 'standard', 'time', now() - INTERVAL '10 minutes', now(), 'completed', '2013-01-01 01:00+00')"
        )
        assert behind() == 0
        connection.execute("INSERT INTO sma.streaming_averages VALUES ('A', 'm', 'hour', '2013-01-01 02:00+00', 1, 1)")
        assert behind() == pytest.approx(600, abs=60)
        assert samples(database.look_at_refreshes(settings))["sma_refresh_failing",] == 0
        connection.execute(
            "INSERT INTO sma.refreshes (run_id, refresh_type, reason, ended_at, status)"
            " VALUES ('2', 'standard', 'time', now(), 'failed')"
        )
        assert samples(database.look_at_refreshes(settings))["sma_refresh_failing",] == 1


def test_the_server_and_dagster_are_told_of(place):
    found = samples(database.look_at_the_server(place.settings)) | samples(dagster_runs.look(place.settings))
    assert found["sma_database_size_bytes",] > 1_000_000
    assert found["sma_database_connections", "active"] >= 1
    assert found["sma_hypertable_chunks", "streaming_averages"] == 0
    assert found["sma_dagster_daemon_healthy", "SENSOR"] == 1


@pytest.mark.parametrize(
    ("look", "nowhere"),
    [
        (lambda settings: KafkaLag(settings).look(), {"kafka_bootstrap": "127.0.0.1:1"}),
        (dagster_runs.look, {"dagster_url": "http://127.0.0.1:1"}),
        (flink_job.look, {"flink_url": "http://127.0.0.1:1"}),
    ],
    ids=["kafka", "dagster", "flink"],
)
def test_what_does_not_answer_is_one_line(place, look, nowhere):
    with pytest.raises(SmaError, match=r"127\.0\.0\.1:1"):
        look(place.settings.model_copy(update=nowhere))


def test_a_flink_that_does_not_answer_runs_no_job(place):
    with pytest.raises(SourceDown) as raised:
        flink_job.look(place.settings.model_copy(update={"flink_url": "http://127.0.0.1:1"}))
    assert samples(raised.value.metrics) == {("sma_job_up",): 0}


def test_every_metric_that_is_listed_is_made_and_every_one_that_is_made_is_listed():
    listed = set(re.findall(r"^\| `(sma_\w+)`", (CHECKOUT / "docs" / "metrics.md").read_text(), re.MULTILINE))
    modules = (CHECKOUT / "monitoring" / "exporter").glob("*.py")
    made = {name for path in modules for name in re.findall(r'"(sma_\w+)"', path.read_text())}
    assert made == listed


def test_the_running_exporter_and_prometheus_answer(stack):
    figures = read_figures(stack.settings)
    assert figures.lag_events is not None
    assert figures.disk_free_share
    assert figures.silent == ()
    assert isinstance(read_alerts(stack.settings), list)
