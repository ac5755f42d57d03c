"""Waits until the stream has committed the Kafka offsets that a batch result was computed from.

Flink commits offsets when a checkpoint that covers them is complete. The checkpoint's barrier flushes the rows of the
records before it to the database, so these rows can then be compared. The transactions with the late and rejected
events of those records are committed at about the same time.
"""

from collections.abc import Mapping, Sequence

from tenacity import RetryError, Retrying, retry_if_result, stop_after_delay, wait_fixed

from batch.log.offsets import Progress
from clients.kafka.groups import committed_offsets
from clients.kafka.offsets import ends
from clients.kafka.open_transactions import open_transactions
from sma.durations import parse_duration
from sma.errors import SmaError
from sma.settings import BatchSettings

POLL_SECONDS = 1.0


def wait_until_committed(settings: BatchSettings, read_to: Mapping[int, int], progress: Progress) -> dict[int, int]:
    """Wait until the stream has committed every offset before `read_to`, and return its committed offsets.

    The index's `read_to` are one past a record that can be read, so markers of transactions are not waited for.

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
        return poll(committed_offsets, settings.kafka_as("batch"), settings.events_topic, settings.consumer_group)
    except RetryError as error:
        committed: dict[int, int] = error.last_attempt.result()
        done = sum(min(committed.get(partition, 0), offset) for partition, offset in read_to.items())
        raise SmaError(
            f"the stream has committed only {done:,} of {sum(read_to.values()):,} offsets after "
            f"{settings.reconcile_timeout}: is the job running? `sma stream status`, `sma wait`"
        ) from None


def wait_until_visible(settings: BatchSettings, topics: Sequence[str], progress: Progress) -> None:
    """Wait until all that has been written to some topics is committed, or was aborted.

    Markers count: once its transactions have ended, a partition's stable end is the end of the log.

    Raises:
        SmaError: a transaction is still open after `reconcile_timeout`, or Kafka does not answer.
    """
    settings = settings.kafka_as("batch")
    written = {topic: ends(settings, topic) for topic in topics}

    def open_topics() -> list[str]:
        return [
            topic
            for topic, offsets in written.items()
            if uncommitted(ends(settings, topic, read_committed=True), offsets)
        ]

    if not (waiting := open_topics()):
        return
    progress(f"waiting until the stream has committed what it wrote to {', '.join(waiting)}")
    poll = Retrying(
        stop=stop_after_delay(parse_duration(settings.reconcile_timeout) / 1000),
        wait=wait_fixed(POLL_SECONDS),
        retry=retry_if_result(bool),
    )
    try:
        poll(open_topics)
    except RetryError as error:
        topic = error.last_attempt.result()[0]
        raise SmaError(
            f"{topic}: a transaction has been open for {settings.reconcile_timeout}: does the job that writes it run? "
            f"`sma stream status`{_named(settings, topic)}"
        ) from None


def _named(settings: BatchSettings, topic: str) -> str:
    still_open = open_transactions(settings, topic)
    return f"; {still_open[0]}: {still_open[0].way_out}" if still_open else ""


def uncommitted(committed: Mapping[int, int], read_to: Mapping[int, int]) -> dict[int, int]:
    """Return how many offsets before `read_to` are not committed yet, by partition; without those where none are."""
    missing = {partition: offset - committed.get(partition, 0) for partition, offset in read_to.items()}
    return {partition: offsets for partition, offsets in missing.items() if offsets > 0}
