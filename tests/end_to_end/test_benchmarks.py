"""Each benchmark in a small form, on services of its own: it ends well and prints every ratio; no ratio is checked.

They run beside the tests of the stack, in the other process.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import psycopg
import pytest
from confluent_kafka.admin import AdminClient

from bench.batch.cases import RATIOS as BATCH_RATIOS
from bench.cli.cases import COMMANDS, ratios
from bench.databases import own_database
from bench.digest import digest_of, require_rows
from bench.serving.cases import ratios_of
from bench.serving.queries import report_queries
from bench.streaming.cases import RATIOS as STREAMING_RATIOS
from deploy.local.ports import free_port_base
from sma.errors import SmaError
from sma.settings import CHECKOUT, Settings
from tests.support.places import SMA
from tests.support.services import SHORT_LIVED_JVMS, running_services

_BRIEFLY = ("--repeat", "1", "--no-warm-up")
_TIMEOUT_S = 720  # three minutes on an idle machine
_TABLE = "sma.streaming_averages"
_ROWS = [("c", "m", "hour", 3_600_000, -1_500_000, 2), ("c", "m", "hour", 7_200_000, 10**16 + 1, 3)]

pytestmark = [pytest.mark.timeout(_TIMEOUT_S + 120), pytest.mark.xdist_group("benchmarks")]
of_the_layers = pytest.mark.nightly("the benchmarks of the layers")  # minutes


@pytest.fixture(scope="module")
def services() -> Iterator[Settings]:
    """The settings of a Kafka and a TimescaleDB."""
    with running_services(CHECKOUT / ".local" / "test-bench", ("kafka", "timescaledb")) as running:
        yield running.settings


def last_line_of(benchmark: str, services: Settings, *arguments: str) -> dict[str, float]:
    """Run a benchmark on the running services, each case once; return what its last line says."""
    state_dir = services.state_dir
    environ = os.environ | SHORT_LIVED_JVMS | {"SMA_PORT_BASE": str(free_port_base()), "PYTHONFAULTHANDLER": "1"}
    command = [sys.executable, "-m", f"bench.{benchmark}", "--stack", state_dir, *_BRIEFLY, *arguments]
    try:
        with subprocess.Popen(
            command, cwd=CHECKOUT, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            printed, errors = _output_of(process)
    finally:  # the Flink of a benchmark that was killed
        own = environ | {"SMA_STATE_DIR": str(state_dir / "bench")}
        subprocess.run([SMA, "down"], env=own, capture_output=True, check=True)
    assert process.returncode == 0, f"{printed}\n{errors}"
    return json.loads(printed.splitlines()[-1])


def _output_of(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Wait for a process; one that takes too long says where it is, and ends."""
    try:
        return process.communicate(timeout=_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGABRT)
        return process.communicate(timeout=60)


@pytest.fixture(scope="module")
def streaming(services: Settings) -> dict[str, float]:
    return last_line_of("streaming", services, "--events", "40000", "--live-seconds", "3")


@pytest.fixture(scope="module")
def batch(services: Settings) -> dict[str, float]:
    return last_line_of("batch", services, "--events", "40000")


@pytest.fixture(scope="module")
def serving(services: Settings) -> dict[str, float]:
    return last_line_of("serving", services, "--rows", "100000", "--customers", "3")


@of_the_layers
def test_the_streaming_benchmark_prints_every_ratio(streaming: dict[str, float]):
    assert streaming.keys() == STREAMING_RATIOS.keys()


@of_the_layers
def test_the_batch_benchmark_prints_every_ratio(batch: dict[str, float]):
    assert batch.keys() == BATCH_RATIOS.keys()


def test_the_serving_benchmark_prints_the_seconds_of_every_query_and_every_ratio(serving: dict[str, float]):
    queries = report_queries(days=3)
    assert serving.keys() == {f"{name}_seconds" for name in queries} | ratios_of(queries).keys()


def test_the_command_lines_benchmark_prints_the_seconds_of_every_command_and_every_ratio(services: Settings):
    printed = last_line_of("cli", services)
    assert printed.keys() == {f"{name}_seconds" for name in COMMANDS} | ratios().keys()


@of_the_layers
@pytest.mark.usefixtures("streaming", "batch", "serving")
def test_the_benchmarks_leave_no_topic_and_no_database_behind(services: Settings):
    topics = AdminClient({"bootstrap.servers": services.kafka_bootstrap}).list_topics(timeout=10).topics
    with psycopg.connect(services.owner_database_url.get_secret_value()) as connection:
        databases = [name for (name,) in connection.execute("SELECT datname FROM pg_catalog.pg_database")]
    assert [name for name in (*topics, *databases) if name.startswith("bench")] == []


@pytest.fixture
def written(services: Settings) -> Iterator[Settings]:
    """A database of its own with `_ROWS` in a table."""
    with own_database(services) as settings:
        execute(
            settings,
            f"""
            INSERT INTO {_TABLE} (customer, metric, average, as_of, value_sum, event_count)
            SELECT 'c', 'm', 'hour', to_timestamp(3600 * count), -1.5 + (count - 1) * 10000000001.500001, count + 1
            FROM generate_series(1, 2) AS count
            """,
        )
        yield settings


def execute(settings: Settings, statement: str) -> None:
    with psycopg.connect(settings.owner_database_url.get_secret_value(), autocommit=True) as connection:
        connection.execute(statement.encode())


def test_a_table_that_holds_what_it_should_is_accepted(written: Settings):
    require_rows(written, _TABLE, digest_of(_ROWS))


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM {table} WHERE event_count = 3",
        "UPDATE {table} SET value_sum = value_sum + 0.000001 WHERE event_count = 3",
        "UPDATE {table} SET as_of = as_of + INTERVAL '1 millisecond' WHERE event_count = 3",
        "INSERT INTO {table} SELECT 'd', metric, average, as_of, value_sum, event_count FROM {table}",
    ],
)
def test_a_table_that_holds_anything_else_is_refused(written: Settings, damage: str):
    execute(written, damage.format(table=_TABLE))
    with pytest.raises(SmaError, match="the figure means nothing"):
        require_rows(written, _TABLE, digest_of(_ROWS))


def test_a_run_finds_nothing_of_what_an_earlier_one_has_written(services: Settings, written: Settings):
    with own_database(services) as settings:
        require_rows(settings, _TABLE, digest_of([]))
