"""A job that was started and that Flink does not know: its start is in the database, its snapshots in the storage."""

from dataclasses import replace
from datetime import UTC

import pytest

from sma.averages import Average, Averages
from sma.window import DurationWindow
from streaming.control import progress
from streaming.control.job_config import JobConfig
from streaming.control.job_starts import add_start, newest_start
from tests.support.fake_flink import Flink

HOUR = Average("hour", DurationWindow(3_600_000), 60_000)
JOB = JobConfig.of(Averages(watermark_delay_ms=1, allowed_lateness_ms=2, max_ahead_ms=3, averages=(HOUR,)), 4)


class Log:
    """Kafka, as far as the status asks: five records of which a checkpoint covers none."""

    def ends(self):
        return {0: 5}

    def read_to(self):
        return {0: 0}

    def readable_ends(self, positions, before=None):
        return {0: 5}

    def open_transactions(self, written_to):
        return []


@pytest.fixture
def settings(own_database, tmp_path):
    flink = Flink()
    flink.has_jobs()
    yield own_database.settings.model_copy(update={"flink_url": flink.url, "flink_storage": tmp_path.as_uri()})
    flink.close()


def test_before_the_first_start_no_job_is_lost(settings):
    assert progress.status(settings, log=Log()).state == "NOT STARTED"


def test_a_job_that_was_started_is_lost_and_not_never_started(settings):
    add_start(settings, replace(JOB, generation=1), None)
    found = progress.status(settings, log=Log())
    assert (found.state, found.lag, found.resumes_from) == ("LOST", 5, None)
    assert found.started_at == newest_start(settings).astimezone(UTC).isoformat(timespec="seconds")
