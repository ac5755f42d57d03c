"""Settings by part: each is read alone, together they are all settings, and a bad value is named."""

import pytest

from sma.errors import SmaError
from sma.settings import KafkaSettings, Settings, load_settings
from sma.settings.part import Part
from tests.support.settings_parts import PARTS


@pytest.fixture
def fresh_settings(monkeypatch, tmp_path):
    monkeypatch.setenv("SMA_STATE_DIR", str(tmp_path))
    load_settings.cache_clear()
    yield tmp_path
    load_settings.cache_clear()


def test_a_part_is_read_without_the_others(monkeypatch):
    monkeypatch.setenv("SMA_TOPIC_PREFIX", "mine.")
    monkeypatch.setenv("SMA_PARALLELISM", "not a number")
    assert KafkaSettings().events_topic == "mine.events"


def test_each_setting_is_in_one_part_and_all_of_them_are_the_settings():
    own = [name for part in PARTS if part is not Part for name in part.model_fields.keys() - Part.model_fields.keys()]
    assert sorted([*own, *Part.model_fields]) == sorted(Settings.model_fields)


def test_the_environment_comes_before_the_file_of_the_state_folder(monkeypatch, fresh_settings):
    (fresh_settings / "sma.env").write_text("SMA_JOB_NAME=of-the-file\nSMA_PARTITIONS=7\n")
    monkeypatch.setenv("SMA_JOB_NAME", "of-the-environment")
    settings = load_settings()
    assert (settings.job_name, settings.partitions, settings.state_dir) == ("of-the-environment", 7, fresh_settings)


def test_a_value_that_cannot_be_read_is_named_with_its_variable(monkeypatch, fresh_settings):
    monkeypatch.setenv("SMA_PARTITIONS", "four")
    with pytest.raises(SmaError, match=r"^SMA_PARTITIONS: .*, not 'four'$"):
        load_settings()


def test_a_setting_that_was_renamed_is_named_with_its_new_name(monkeypatch, fresh_settings):
    monkeypatch.setenv("SMA_LOG_READER", "plain")
    with pytest.raises(
        SmaError, match="^SMA_LOG_READER is now called SMA_KAFKA_READER, and its value `plain` is `client`"
    ):
        load_settings()


@pytest.mark.parametrize("first_day", ["0001-01-01", "1799-12-31", "yesterday", "1970-1-1"])
def test_a_first_day_that_makes_too_many_partitions_or_is_none_is_refused(monkeypatch, fresh_settings, first_day):
    monkeypatch.setenv("SMA_FIRST_DAY", first_day)
    with pytest.raises(SmaError, match=rf"^SMA_FIRST_DAY: .*, not '{first_day}'$"):
        load_settings()
