"""The lag that the exporter sees of a job that runs, is stopped, falls behind and catches up."""

from dataclasses import dataclass
from pathlib import Path

from monitoring.exporter import flink_job
from monitoring.exporter.kafka_lag import KafkaLag
from tests.support.metrics import Clock, eventually, of_partitions, samples
from tests.support.publishing import Sent, publish
from tests.support.stored import succeed

START = 1_357_034_400_000
MINUTE = 60_000
YAML = """
watermark_delay: 1 minute
allowed_lateness: 1 hour
averages:
  - {name: tumbling, window: 1 minute, every: 1 minute}
"""
EVENTS_A_PARTITION = 50


def events(first_ms, partitions=4):
    return [
        Sent(
            b'{"customer": "c%d", "metric": "m", "event_time": %d, "value": 1}'
            % (partition, first_ms + second * 1_000),
            first_ms + second * 1_000,
            partition=partition,
        )
        for partition in range(partitions)
        for second in range(EVENTS_A_PARTITION)
    ]


@dataclass(frozen=True)
class Lag:
    """What was seen of the log and of the job: while it ran, once it was stopped, dead with new events, run again."""

    running: list
    running_job: dict
    stopped: list
    dead: list
    dead_job: dict
    caught_up: list


def lag_of_a_job(place, averages_file: Path, state_dir: Path) -> Lag:
    """Run a job that checkpoints every ten minutes only, stop it, publish, and start it again; it runs in the end."""
    averages_file.write_text(YAML)
    place.environ.update(
        SMA_AVERAGES=str(averages_file), SMA_CHECKPOINT_INTERVAL="10 minutes", SMA_PUBLISH_AVERAGES="false"
    )
    own = {"averages": averages_file, "checkpoint_interval": "10 minutes", "publish_averages": False}
    settings = place.settings.model_copy(update=own | {"state_dir": state_dir})
    succeed(place.sma("stream", "start"))
    clock = Clock()
    collector = KafkaLag(settings, clock)
    publish(settings, events(START))
    for attempt in eventually():
        with attempt:  # read without a checkpoint, so nothing is committed, and yet nothing lags
            running = collector.look()
            assert of_partitions(running, "sma_consumer_lag_events") == [0, 0, 0, 0]
            assert of_partitions(running, "sma_log_end_offset") == [EVENTS_A_PARTITION] * 4
    running_job = samples(flink_job.look(settings))

    succeed(place.sma("stream", "stop"))
    clock.now += 100
    stopped = collector.look()
    publish(settings, events(START + MINUTE))
    collector.look()
    clock.now += 60
    collector = KafkaLag(settings, clock)  # the exporter was started anew, and knows what it knew
    dead = collector.look()
    dead_job = samples(flink_job.look(settings))

    succeed(place.sma("stream", "start"))
    for attempt in eventually():
        with attempt:
            caught_up = collector.look()
            assert of_partitions(caught_up, "sma_consumer_lag_events") == [0, 0, 0, 0]
    return Lag(running, running_job, stopped, dead, dead_job, caught_up)
