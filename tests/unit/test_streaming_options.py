"""The job's configuration, and the database's address as a JVM wants it."""

from pathlib import Path

import pytest

from sma.errors import SmaError
from sma.settings import Settings
from streaming.submit.jdbc import JdbcAddress
from streaming.submit.options import client_options, jars, job_options, rest_address, the_jar


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "b.jar").touch()
    (tmp_path / "a.jar").touch()
    (tmp_path / "notes.txt").touch()
    return Settings(
        flink_jars=tmp_path, flink_url="http://flink.example:8081", job_name="j", checkpoint_interval="3 seconds"
    )


def test_the_client_submits_detached_to_the_cluster_of_the_settings_with_all_jars(settings: Settings) -> None:
    options = client_options(settings)
    assert options["execution.target"] == "remote"
    assert options["execution.attached"] == "false"
    assert (options["rest.address"], options["rest.port"]) == ("flink.example", "8081")
    assert [Path(jar).name for jar in options["pipeline.jars"].split(";")] == ["a.jar", "b.jar"]


def test_a_job_has_its_name_and_parallelism_and_nothing_that_only_a_client_reads(settings: Settings) -> None:
    options = job_options(settings, 4, "file:///h", None)
    assert options["pipeline.name"] == "j"
    assert options["parallelism.default"] == "4"
    assert not options.keys() & client_options(settings).keys()


def test_checkpoints_are_exactly_once_and_retained_in_the_history(settings: Settings) -> None:
    options = job_options(settings, 4, "file:///h", None)
    assert options["execution.checkpointing.mode"] == "EXACTLY_ONCE"
    assert options["execution.checkpointing.interval"] == "3000 ms"
    assert options["execution.checkpointing.externalized-checkpoint-retention"] == "RETAIN_ON_CANCELLATION"
    assert options["execution.checkpointing.dir"] == "file:///h/checkpoints"


def test_a_snapshot_is_resumed_from_only_when_there_is_one(settings: Settings) -> None:
    assert "execution.state-recovery.path" not in job_options(settings, 4, "file:///h", None)
    resumed = job_options(settings, 4, "file:///h", "file:///h/savepoints/s")
    assert resumed["execution.state-recovery.path"] == "file:///h/savepoints/s"


def test_a_folder_without_jars_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SmaError, match="no jars there"):
        jars(tmp_path / "missing")


def test_the_jar_is_the_only_one_of_its_folder(settings: Settings) -> None:
    with pytest.raises(SmaError, match="has 2 jars, and Flink's REST API runs a job from one"):
        the_jar(settings.flink_jars)
    (settings.flink_jars / "a.jar").unlink()
    assert the_jar(settings.flink_jars).name == "b.jar"


@pytest.mark.parametrize("url", ["127.0.0.1:8081", "ftp://host:1", "http://", "http://host:port", ""])
def test_a_flink_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(SmaError, match="SMA_FLINK_URL: must be http://host:port"):
        rest_address(url)


def test_credentials_are_decoded_and_are_not_in_the_jdbc_url() -> None:
    address = JdbcAddress.from_url("postgresql://us%40er:p%2F%3Aw@host:5433/my%20db?sslmode=require")
    assert (address.user, address.password) == ("us@er", "p/:w")
    assert address.url.startswith("jdbc:postgresql://host:5433/my%20db?reWriteBatchedInserts=true")
    assert address.url.endswith("&sslmode=require")
    assert "p/:w" not in repr(address)


def test_the_port_is_postgresqls_own_unless_given() -> None:
    assert JdbcAddress.from_url("postgres://[::1]/db").url.startswith("jdbc:postgresql://[::1]:5432/db?")


@pytest.mark.parametrize(
    "url", ["", "mysql://u:secret@h/db", "postgresql:///db", "postgresql://u:secret@h:x/db", "postgresql://u:secret@h"]
)
def test_a_url_that_is_none_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(SmaError, match="SMA_STREAMING_DATABASE_URL") as refused:
        JdbcAddress.from_url(url)
    assert "secret" not in str(refused.value)
