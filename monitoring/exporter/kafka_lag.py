"""Measures where the log ends, and how far behind its end the Flink job is, in events and in seconds.

The job's position comes from its operator, so that lag does not rise and fall between two checkpoints. While no job
runs, it is the last one known, or what the newest completed checkpoint has committed, if that is more: a job that was
stopped with a savepoint has not always committed it. So the lag of a dead consumer grows.
"""

import time
from collections.abc import Callable, Mapping

from confluent_kafka import KafkaError, KafkaException
from prometheus_client.core import Metric

from clients.answers import CHECK_TIMEOUT_S
from clients.flink import FlinkRest
from clients.kafka.connection import reading
from monitoring.exporter.families import by_partition
from monitoring.exporter.log_history import load, save
from sma.errors import SmaError
from sma.settings import StreamingSettings
from streaming.control.accounts import read_accounts
from streaming.control.kafka_log import KafkaLog


class KafkaLag:
    """The collector `kafka`; it remembers where the log ended over time."""

    def __init__(
        self,
        settings: StreamingSettings,
        now_s: Callable[[], float] = time.time,
        read_by_job: Callable[[StreamingSettings], Mapping[int, int]] | None = None,
    ) -> None:
        """Load the history that an earlier exporter saved.

        Args:
            settings: where Kafka and Flink are.
            now_s: the clock.
            read_by_job: how far the running job has read; asks Flink unless given.
        """
        settings = settings.kafka_as("monitoring")
        self._settings = settings
        self._log = KafkaLog(settings)
        self._now_s = now_s
        self._read_by_job = read_by_job or read_by_the_job
        self._history_path = settings.state_dir / "exporter" / f"{settings.events_topic}.json"
        self._history = load(self._history_path, settings.events_topic)
        self._empty: dict[int, tuple[int, int]] = {}  # offset ranges without records, by partition

    def look(self) -> list[Metric]:
        """Read the metrics from Kafka and Flink.

        Raises:
            SmaError: Kafka does not answer.
        """
        starts, ends, committed = self._log.starts(), self._log.ends(), self._log.read_to()
        now_s = self._now_s()
        read = self._read_by_job(self._settings)
        self._history.read.update(read)
        positions = {
            partition: read.get(partition, max(committed[partition], self._history.read.get(partition, 0)))
            for partition in ends
        }
        self._history.observe(now_s, ends, positions)
        positions = {partition: min(position, ends[partition]) for partition, position in positions.items()}
        save(self._history, self._history_path, self._settings.events_topic)
        lags = {
            partition: 0 if self._is_empty(partition, positions[partition], end) else end - positions[partition]
            for partition, end in ends.items()
        }
        waiting = {
            partition: self._history.waiting_s(now_s, partition, positions[partition]) if lag > 0 else 0.0
            for partition, lag in lags.items()
        }
        return [
            by_partition("sma_log_start_offset", "First Kafka offset that the log still holds", starts),
            by_partition("sma_log_end_offset", "Kafka offset that the next record gets", ends),
            by_partition("sma_consumer_position", "First Kafka offset that the job has not read", positions),
            by_partition("sma_consumer_committed_offset", "First Kafka offset that no checkpoint covers", committed),
            by_partition("sma_consumer_lag_events", "Records from the position to the end", lags),
            by_partition("sma_consumer_lag_seconds", "How long the oldest record not read has been there", waiting),
        ]

    def _is_empty(self, partition: int, position: int, end: int) -> bool:
        """Return whether there are Kafka offsets but no records from `position` on, as behind a transaction's marker.

        The log is read only if the position has not moved for two readings: a job that reads lags behind anyway.
        """
        if position >= end:
            return True
        known = self._empty.get(partition)
        is_empty = known is not None and known[0] <= position and known[1] == end
        if not is_empty and self._is_idle(partition, position, end):
            is_empty = not has_record(self._settings, partition, position)
        if is_empty:
            self._empty[partition] = (position, end)
        return is_empty

    def _is_idle(self, partition: int, position: int, end: int) -> bool:
        spells = self._history.spells[partition]
        return spells[-1].end == end and spells[-1].last_s > spells[-1].first_s and position > 0


def read_by_the_job(settings: StreamingSettings) -> Mapping[int, int]:
    """Return the first Kafka offset of each partition that the running job has not read; empty where none runs."""
    rest = FlinkRest(settings.flink_url)
    try:
        job = next(iter(rest.jobs(settings.job_name)), None)
        if job is None or not job.is_running:
            return {}
        return {account.partition: account.next_offset for account in read_accounts(rest, job.job_id)}
    except SmaError:  # a cluster that does not answer runs no known job
        return {}


def has_record(settings: StreamingSettings, partition: int, offset: int) -> bool:
    """Return whether the log has a record at a Kafka offset or later; True where no end was reported in time.

    Raises:
        SmaError: Kafka refuses.
    """
    group = f"{settings.consumer_group}-exporter"
    at, report_end = {partition: offset}, {"enable.partition.eof": True}
    with reading(settings, group, settings.events_topic, at, **report_end) as consumer:
        record = consumer.poll(CHECK_TIMEOUT_S)
        error = record.error() if record is not None else None
        if error is not None and error.code() != KafkaError._PARTITION_EOF:
            raise KafkaException(error)
    return error is None  # and without a record, no end was reported
