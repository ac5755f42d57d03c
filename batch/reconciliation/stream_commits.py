"""Waits until the stream has committed the Kafka offsets that a batch result was computed from.

Flink commits offsets when a checkpoint that covers them is complete. The checkpoint's barrier flushes the rows of the
records before it to the database, so these rows can then be compared.
"""

from collections.abc import Mapping

from tenacity import RetryError, Retrying, retry_if_result, stop_after_delay, wait_fixed

from batch.log.offsets import Progress
from clients.kafka.groups import committed_offsets
from sma.durations import parse_duration
from sma.errors import SmaError
from sma.settings import BatchSettings

POLL_SECONDS = 1.0


def wait_until_committed(settings: BatchSettings, read_to: Mapping[int, int], progress: Progress) -> dict[int, int]:
    """Wait until the stream has committed every offset before `read_to`, and return its committed offsets.

    Raises:
        SmaError: it has not within `reconcile_timeout`, or Kafka does not answer.
    """
    progress(f"waiting until the stream has committed {sum(read_to.values()):,} offsets")
    timeout_seconds = parse_duration(settings.reconcile_timeout) / 1000
    poll = Retrying(
        stop=stop_after_delay(timeout_seconds),
        wait=wait_fixed(POLL_SECONDS),
        retry=retry_if_result(lambda committed: bool(uncommitted(committed, read_to))),
    )
    try:
        return poll(committed_offsets, settings, settings.events_topic, settings.consumer_group)
    except RetryError as error:
        committed: dict[int, int] = error.last_attempt.result()
        done = sum(min(committed.get(partition, 0), offset) for partition, offset in read_to.items())
        raise SmaError(
            f"the stream has committed only {done:,} of {sum(read_to.values()):,} offsets after "
            f"{settings.reconcile_timeout}: is the job running? `sma stream status`, `sma wait`"
        ) from None


def uncommitted(committed: Mapping[int, int], read_to: Mapping[int, int]) -> dict[int, int]:
    """Return how many offsets before `read_to` are not committed yet, by partition; without those where none are."""
    missing = {partition: offset - committed.get(partition, 0) for partition, offset in read_to.items()}
    return {partition: offsets for partition, offsets in missing.items() if offsets > 0}
