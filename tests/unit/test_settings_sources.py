"""Settings that one variable does not hold: a secret's file, options of Kafka's clients, a principal for each part."""

import pytest

from sma.errors import SmaError
from sma.settings import KafkaSettings, load_settings
from sma.settings.kafka_parts import KAFKA_PARTS


@pytest.fixture
def secret_file(tmp_path):
    path = tmp_path / "secret"
    path.write_text("of the file\n")
    return path


def test_a_secret_is_read_from_its_file_without_the_end_of_the_line(monkeypatch, secret_file):
    monkeypatch.setenv("SMA_KAFKA_PASSWORD_FILE", str(secret_file))
    assert KafkaSettings().kafka_password.get_secret_value() == "of the file"


def test_a_secret_itself_comes_before_its_file(monkeypatch, secret_file):
    monkeypatch.setenv("SMA_KAFKA_PASSWORD", "itself")
    monkeypatch.setenv("SMA_KAFKA_PASSWORD_FILE", str(secret_file))
    assert KafkaSettings().kafka_password.get_secret_value() == "itself"


def test_the_file_of_the_environment_comes_before_the_secret_of_the_state_folder(monkeypatch, tmp_path, secret_file):
    (tmp_path / "sma.env").write_text("SMA_DATABASE_URL=of the state folder\n")
    monkeypatch.setenv("SMA_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("SMA_DATABASE_URL_FILE", str(secret_file))
    load_settings.cache_clear()
    try:
        assert load_settings().database_url.get_secret_value() == "of the file"
    finally:
        load_settings.cache_clear()


def test_a_file_that_is_not_there_is_named_with_its_variable(monkeypatch, tmp_path):
    monkeypatch.setenv("SMA_KAFKA_PASSWORD_FILE", str(tmp_path / "none"))
    with pytest.raises(SmaError, match=r"^SMA_KAFKA_PASSWORD_FILE: .*none: No such file or directory$"):
        KafkaSettings()


def test_options_of_kafkas_clients_are_passed_on(monkeypatch):
    monkeypatch.setenv("SMA_KAFKA_CLIENT_SOCKET_TIMEOUT_MS", "5000")
    assert KafkaSettings().kafka_client == {"socket.timeout.ms": "5000"}


def test_no_option_of_kafkas_clients_is_shown_with_the_settings(monkeypatch):
    monkeypatch.setenv("SMA_KAFKA_CLIENT_SSL_KEYSTORE_PASSWORD", "of the store")
    assert "of the store" not in f"{KafkaSettings()!r} {KafkaSettings()}"


def test_a_part_connects_as_its_own_principal_and_the_others_as_that_of_all(monkeypatch, secret_file):
    monkeypatch.setenv("SMA_KAFKA_USERNAME", "all")
    monkeypatch.setenv("SMA_KAFKA_PASSWORD", "of all")
    monkeypatch.setenv("SMA_KAFKA_STREAM_USERNAME", "the-stream")
    monkeypatch.setenv("SMA_KAFKA_STREAM_PASSWORD_FILE", str(secret_file))
    monkeypatch.setenv("SMA_KAFKA_BATCH_CERT_FILE", str(secret_file))
    settings = KafkaSettings()
    named = {part: settings.kafka_as(part) for part in KAFKA_PARTS}
    assert {part: each.kafka_username for part, each in named.items() if each.kafka_username != "all"} == {
        "stream": "the-stream"
    }
    assert named["stream"].kafka_password.get_secret_value() == "of the file"
    assert named["batch"].kafka_cert_file == secret_file
    assert named["monitoring"].kafka_as("stream").kafka_username == "all"


def test_no_secret_is_printed(monkeypatch, secret_file):
    for name in ("PASSWORD", "KEY_PASSWORD", "OAUTH_CLIENT_SECRET", "BATCH_PASSWORD", "STREAM_OAUTH_CLIENT_SECRET"):
        monkeypatch.setenv(f"SMA_KAFKA_{name}", "never-printed")
    settings = KafkaSettings()
    assert "never-printed" not in f"{settings!r} {settings} {settings.kafka_as('batch')!r}"
