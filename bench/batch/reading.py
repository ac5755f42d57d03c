"""Kafka to columns without TLS and with it: the same log, of one broker of the case's own, which listens for both.

The broker runs only while the case does, and keeps its log for later runs. One process reads one partition after
another.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

from batch.log.reader import read_partition
from batch.log.series_table import SeriesTable
from bench.batch.setting import AVERAGES
from bench.events import Log, preloaded
from cli.console import say
from sma.errors import SmaError
from sma.settings import CHECKOUT, Settings
from tests.support.secured_broker import SecuredKafka, secured_kafka

_FOLDER = CHECKOUT / ".local" / "bench" / "tls"
_TIMES, _WARM_UP = 10, 5
_JAVA = ("-Xmx512m",)  # both compilers, as the stack's broker has


def plaintext(log: Log) -> float:
    """Read the log without TLS; return seconds."""
    with _broker(log) as (kafka, own):
        return _time_warm(own, own.settings, kafka)


def over_tls(log: Log) -> float:
    """Read the log over TLS; return seconds."""
    with _broker(log) as (kafka, own):
        listener = kafka.settings("sasl_ssl", "PLAIN")
        secured = {name: getattr(listener, name) for name in listener.model_fields_set}
        return _time_warm(own, own.settings.model_copy(update=secured), kafka)


@contextmanager
def _broker(log: Log) -> Iterator[tuple[SecuredKafka, Log]]:
    _FOLDER.mkdir(parents=True, exist_ok=True)
    with secured_kafka(_FOLDER, nodes=(1,), java=_JAVA) as kafka:
        plain = log.settings.model_copy(update={"kafka_bootstrap": kafka.bootstrap("plain")})
        yield kafka, preloaded(plain, log.events, say, log.timeline)


def _time_warm(log: Log, settings: Settings, kafka: SecuredKafka) -> float:
    """Read the log often, since the broker has just started; return the seconds of the last times, in the middle."""
    return median([_read(log, settings, kafka) for _ in range(_TIMES)][_WARM_UP:])


def _read(log: Log, settings: Settings, kafka: SecuredKafka) -> float:
    topic, series, records = settings.events_topic, SeriesTable(), 0
    settings = settings.model_copy(update={"kafka_reader": "fast"})
    with kafka.allowed(("read", "topic", topic)):
        began = time.monotonic()
        for partition, end in log.closed_ends.items():
            for chunk in read_partition(settings, topic, partition, 0, end, AVERAGES.max_ahead_ms, series):
                records += chunk.records
        seconds = time.monotonic() - began
    if records < log.events:
        raise SmaError(f"{records} records were read of {log.events} events")
    return seconds
