"""Which part of averages.yaml is in force: what the job computes since its newest start, by its rules."""

from dataclasses import replace

import psycopg
import pytest

from batch.store.job_starts import InForce, in_force
from sma.averages import Average, Averages
from sma.errors import SmaError
from sma.window import CountWindow, DurationWindow
from streaming.control.job_config import JobConfig
from streaming.control.job_starts import add_start, newest_start, present_generation, require_present

HOUR = Average("hour", DurationWindow(3_600_000), 60_000)
LAST_20 = Average("last_20", CountWindow(20), 60_000)
JOB = Averages(watermark_delay_ms=1, allowed_lateness_ms=2, max_ahead_ms=3, averages=(HOUR, LAST_20))


def start(place, averages, generation=1):
    add_start(place.settings, replace(JobConfig.of(averages, 4), generation=generation), None)


def found(place, averages):
    with psycopg.connect(place.settings.batch_database_url.get_secret_value()) as connection:
        return in_force(connection, averages)


def test_each_start_is_the_newest_one_afterwards(own_database):
    assert newest_start(own_database.settings) is None
    start(own_database, JOB)
    first = newest_start(own_database.settings)
    start(own_database, JOB)
    assert first is not None
    assert newest_start(own_database.settings) > first


def test_before_the_first_start_all_of_the_file_is_in_force(own_database):
    assert found(own_database, JOB) == InForce(JOB, 0)


def test_what_the_job_computes_is_in_force(own_database):
    start(own_database, JOB)
    assert found(own_database, JOB) == InForce(JOB, 1)


def test_an_average_is_in_force_once_the_job_computes_it(own_database):
    start(own_database, replace(JOB, averages=(HOUR,)))
    rules = found(own_database, JOB)
    assert rules.averages.averages == (HOUR,)
    assert rules.left_out == ("average last_20: the job does not compute it yet: `sma stream upgrade`",)
    start(own_database, JOB)
    assert found(own_database, JOB) == InForce(JOB, 1)


def test_another_window_under_a_name_is_left_out(own_database):
    start(own_database, JOB)
    edited = replace(JOB, averages=(HOUR, Average("last_20", CountWindow(21), 60_000)))
    rules = found(own_database, edited)
    assert rules.averages.averages == (HOUR,)
    assert "last_20: the job computes another window under that name" in rules.left_out[0]


def test_an_average_that_was_taken_out_of_the_file_is_not_in_force(own_database):
    start(own_database, JOB)
    assert found(own_database, replace(JOB, averages=(HOUR,))) == InForce(replace(JOB, averages=(HOUR,)), 1)


def test_the_rules_are_those_of_the_job_whatever_the_file_says(own_database):
    start(own_database, JOB)
    rules = found(own_database, replace(JOB, watermark_delay_ms=10, allowed_lateness_ms=20, max_ahead_ms=30))
    assert rules.averages == JOB
    assert [line.split(":")[0] for line in rules.left_out] == ["watermark_delay", "allowed_lateness", "max_ahead"]


def test_a_file_of_which_the_job_computes_nothing_is_refused(own_database):
    start(own_database, replace(JOB, averages=(HOUR,)))
    with pytest.raises(SmaError, match="^the job computes no average of averages.yaml: average last_20: the job does"):
        found(own_database, replace(JOB, averages=(LAST_20,)))


def test_a_state_of_a_former_generation_is_not_started(own_database):
    assert present_generation(own_database.settings) == 0
    start(own_database, JOB, generation=2)
    assert present_generation(own_database.settings) == 2
    require_present(own_database.settings, 2)
    with pytest.raises(SmaError, match="the state of the job is of generation 1, and .* has begun generation 2"):
        require_present(own_database.settings, 1)
