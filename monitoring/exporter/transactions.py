"""Measures how long a transaction has been open in each topic of the pipeline, and so has held its readers back.

A running job has transactions open in the topics that it writes, each until the next checkpoint.
"""

import time
from collections.abc import Callable

from prometheus_client.core import Metric

from clients.kafka.offsets import ends
from clients.kafka.open_transactions import open_transactions
from monitoring.exporter.families import gauges
from sma.settings import StreamingSettings


class OpenTransactionAges:
    """Part of the collector `kafka`; it remembers since when it has seen each open transaction."""

    def __init__(self, settings: StreamingSettings, now_s: Callable[[], float] = time.time) -> None:
        """Have seen none yet.

        Args:
            settings: where Kafka is.
            now_s: the clock.
        """
        self._settings = settings.kafka_as("monitoring")
        self._now_s = now_s
        self._seen_since: dict[tuple[str, int, int], float] = {}  # by topic, partition and first Kafka offset

    def look(self) -> list[Metric]:
        """Read the metrics from Kafka.

        Raises:
            SmaError: Kafka does not answer.
        """
        now_s, seen, ages = self._now_s(), dict[tuple[str, int, int], float](), dict[tuple[str, str], float]()
        for topic in self._topics():
            written_to = ends(self._settings, topic)
            ages |= {(topic, str(partition)): 0.0 for partition in written_to}
            for each in open_transactions(self._settings, topic, written_to):
                key = (topic, each.partition, each.start_offset)
                seen[key] = self._seen_since.get(key, now_s)
                ages[topic, str(each.partition)] = max(each.age_s or 0.0, now_s - seen[key])
        self._seen_since = seen
        what = "How long the oldest open transaction has been open; 0 without one"
        return [gauges("sma_open_transaction_age_seconds", what, ["topic", "partition"], ages)]

    def _topics(self) -> list[str]:
        settings = self._settings
        topics = [settings.events_topic, settings.late_events_topic, settings.rejected_events_topic]
        return [*topics, settings.moving_averages_topic] if settings.publish_averages else topics
