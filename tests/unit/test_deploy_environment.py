"""sma.env: made once, kept by later commands, moved by the environment, and empty of what runs elsewhere."""

import stat
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from deploy.local.environment import (
    DATABASE_URLS,
    PARTS,
    plan_environment,
    read_environment,
    write_environment,
)
from sma.errors import SmaError
from sma.settings import Settings


def test_a_first_up_makes_addresses_and_a_password_for_each_role(tmp_path):
    planned = plan_environment(tmp_path, {}, None)
    assert planned.parts == PARTS
    assert planned.values["SMA_KAFKA_BOOTSTRAP"] == "127.0.0.1:19000"
    assert planned.values["SMA_BATCH_DATABASE_URL"] == (
        f"postgresql://sma_batch:{planned.password('sma_batch')}@127.0.0.1:19002/sma"
    )
    assert len({planned.password(role) for role in ("postgres", "sma_owner", "sma_batch", "sma_reader")}) == 4


def test_what_was_written_is_read_back_and_kept_by_the_next_up(tmp_path):
    first = plan_environment(tmp_path, {"SMA_PORT_BASE": "21000"}, None)
    write_environment(first)
    read = read_environment(tmp_path)
    assert read == first
    assert plan_environment(tmp_path, {}, read) == first


@given(password=st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), min_size=1))
@example("it's ${HOME} #1; \"so\" \\' \\\\ \n end ")
def test_a_password_of_any_characters_is_read_back_by_every_command(tmp_path_factory, password):
    folder = tmp_path_factory.mktemp("state")
    chosen = {"SMA_KAFKA_BOOTSTRAP": "kafka.example:9094", "SMA_KAFKA_PASSWORD": password}
    planned = plan_environment(folder, chosen, None)
    write_environment(planned)
    assert read_environment(folder) == planned
    settings = Settings(_env_file=folder / "sma.env")
    assert settings.kafka_password.get_secret_value() == password


def test_sma_env_is_for_its_owner_only(tmp_path):
    write_environment(plan_environment(tmp_path, {}, None))
    assert stat.S_IMODE((tmp_path / "sma.env").stat().st_mode) == 0o600


def test_another_port_base_moves_the_addresses_and_keeps_the_passwords(tmp_path):
    first = plan_environment(tmp_path, {"SMA_KAFKA_PORT": "9092"}, None)
    moved = plan_environment(tmp_path, {"SMA_PORT_BASE": "21000"}, first)
    assert moved.values["SMA_KAFKA_BOOTSTRAP"] == "127.0.0.1:21000"
    assert moved.password("sma_owner") == first.password("sma_owner")


def test_a_listener_that_an_earlier_up_did_not_have_is_next_to_the_others(tmp_path):
    first = plan_environment(tmp_path, {"SMA_PORT_BASE": "21000", "SMA_KAFKA_PORT": "9092"}, None)
    values = {name: value for name, value in first.values.items() if "OVERVIEW" not in name}
    earlier = replace(first, values=values | {"SMA_LOCAL_PARTS": "kafka,timescaledb,flink,dagster,prometheus"})
    later = plan_environment(tmp_path, {}, earlier)
    assert later.parts == PARTS
    assert later.values["SMA_OVERVIEW_URL"] == "http://127.0.0.1:21012"
    assert later.values["SMA_KAFKA_BOOTSTRAP"] == "127.0.0.1:9092"


def test_a_service_elsewhere_is_not_started_here(tmp_path):
    planned = plan_environment(tmp_path, {"SMA_KAFKA_BOOTSTRAP": "kafka.example:9092"}, None)
    assert "kafka" not in planned.parts
    assert planned.values["SMA_KAFKA_BOOTSTRAP"] == "kafka.example:9092"
    assert "kafka" not in plan_environment(tmp_path, {}, planned).parts


def test_how_a_kafka_elsewhere_is_connected_to_is_kept(tmp_path):
    chosen = {
        "SMA_KAFKA_BOOTSTRAP": "kafka.example:9094",
        "SMA_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "SMA_KAFKA_SASL_MECHANISM": "PLAIN",
        "SMA_KAFKA_USERNAME": "sma",
        "SMA_KAFKA_PASSWORD_FILE": "/run/secrets/kafka",
        "SMA_KAFKA_BATCH_USERNAME": "sma-batch",
    }
    planned = plan_environment(tmp_path, chosen | {"SMA_KAFKA_READER": "client"}, None)
    again = plan_environment(tmp_path, {"SMA_KAFKA_SASL_MECHANISM": "SCRAM-SHA-512"}, planned)
    assert {name: planned.values.get(name) for name in chosen} == chosen
    assert {name: again.values.get(name) for name in chosen} == chosen | {"SMA_KAFKA_SASL_MECHANISM": "SCRAM-SHA-512"}
    assert "SMA_KAFKA_READER" not in planned.values


def test_what_connects_to_the_kafka_here_is_not_kept_for_one_elsewhere(tmp_path):
    here = plan_environment(tmp_path, {"SMA_KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}, None)
    assert "SMA_KAFKA_BATCH_PASSWORD" in here.values
    elsewhere = plan_environment(tmp_path, {"SMA_KAFKA_BOOTSTRAP": "kafka.example:9092"}, here)
    assert [name for name in elsewhere.values if name.startswith("SMA_KAFKA_") and not name.endswith("_PORT")] == [
        "SMA_KAFKA_BOOTSTRAP"
    ]


def test_an_address_may_be_in_a_file(tmp_path):
    files = {f"{name}_FILE": f"/run/secrets/{name}" for name in DATABASE_URLS}
    planned = plan_environment(tmp_path, files, None)
    assert "timescaledb" not in planned.parts
    assert {name: planned.values.get(name) for name in files} == files
    itself = {"SMA_DATABASE_URL": "postgresql://reader@db.example/sma"}
    again = plan_environment(tmp_path, itself, planned)
    assert again.values["SMA_DATABASE_URL"] == itself["SMA_DATABASE_URL"]
    assert "SMA_DATABASE_URL_FILE" not in again.values


def test_exporting_what_sma_env_says_moves_nothing_elsewhere(tmp_path):
    first = plan_environment(tmp_path, {}, None)
    assert plan_environment(tmp_path, first.values, first) == first


def test_a_database_elsewhere_needs_all_its_urls(tmp_path):
    with pytest.raises(SmaError, match="timescaledb: SMA_DATABASE_URL names one elsewhere, so SMA_OWNER_DATABASE_URL"):
        plan_environment(tmp_path, {"SMA_DATABASE_URL": "postgresql://reader@db.example/sma"}, None)
    everything = {name: "postgresql://role@db.example/sma" for name in DATABASE_URLS}
    assert "timescaledb" not in plan_environment(tmp_path, everything, None).parts


def test_a_storage_of_ones_own_leaves_flink_here(tmp_path):
    planned = plan_environment(tmp_path, {"SMA_FLINK_STORAGE": "s3://checkpoints"}, None)
    assert "flink" in planned.parts
    assert planned.values["SMA_FLINK_STORAGE"] == "s3://checkpoints"


def test_a_file_that_up_did_not_write_is_refused(tmp_path):
    (tmp_path / "sma.env").write_text("SMA_KAFKA_BOOTSTRAP=elsewhere:9092\n")
    with pytest.raises(SmaError, match="was not written by `sma up`"):
        read_environment(tmp_path)
