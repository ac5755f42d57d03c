"""Fetches record batches as Kafka keeps them: the bytes of one partition's explicit range of offsets, read-committed.

It tries again where that helps, and requests the next bytes while the last are being used; `batch.log.source` knows
which broker has them. Of their content it reads only the offset of the next fetch. Nothing is committed, and no group
is joined.
"""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from kafka.errors import KafkaError, OffsetOutOfRangeError, UnsupportedCompressionTypeError, UnsupportedVersionError

from batch.log.broker import Fetched
from batch.log.limits import LIMITS, ReadLimits
from batch.log.record_batches import end_of_batches
from batch.log.source import Source
from batch.log.unreadable import (
    FastReaderUnavailable,
    could_not_be_read,
    not_retained,
    silent,
)
from clients.kafka.wire import failure
from sma.errors import SmaError
from sma.settings import KafkaSettings

LONGEST_PAUSE_SECONDS = 2.0


def fetch_batches(
    settings: KafkaSettings, topic: str, partition: int, start: int, end: int, limits: ReadLimits = LIMITS
) -> Iterator[Fetched]:
    """Yield the batches at start <= Kafka offset < end, and perhaps more around them; each fetch has a whole batch.

    While one is being used, the next is requested, so memory holds up to twice `limits.fetch_bytes`.

    Raises:
        FastReaderUnavailable: the broker does not know these requests, or a batch is of an older format.
        Denied: Kafka does not let the principal in, or read.
        SmaError: Kafka does not answer, no longer has those offsets, has nothing at them for `limits.silence_seconds`,
            or sends records before them.
    """
    if start >= end:
        return
    with (
        closing(_Fetching(settings, topic, partition, limits)) as source,
        ThreadPoolExecutor(1, "kafka-fetch") as thread,
    ):
        try:
            position = start
            next_fetch = thread.submit(source.fetch, position, end)
            while position < end:
                fetched = next_fetch.result()
                requested, position = position, end_of_batches(fetched.records, source.where)
                if requested < position < end:
                    next_fetch = thread.submit(source.fetch, position, end)
                yield fetched
                if position <= requested:  # raised only now, so that a damaged header is reported first
                    raise SmaError(
                        f"{source.where}: asked for Kafka offset {requested}, Kafka sent what ends before {position}"
                    )
        finally:
            source.stop()


class _Fetching:
    """Fetches of one partition, each tried again while that can help; used by one thread at a time."""

    def __init__(self, settings: KafkaSettings, topic: str, partition: int, limits: ReadLimits) -> None:
        self._limits = limits
        self._bootstrap = settings.kafka_bootstrap
        self._source = Source(settings, topic, partition, limits)
        self._stopped = threading.Event()
        self.where = f"{topic}: partition {partition}"

    def close(self) -> None:
        """Give the connections back."""
        self._source.leave()

    def stop(self) -> None:
        """Stop the retries of a running fetch; called from another thread."""
        self._stopped.set()

    def fetch(self, position: int, end: int) -> Fetched:
        """Return record batches from a position on, at least one; try again while that can help.

        Raises:
            FastReaderUnavailable: the broker does not know these requests.
            SmaError: no try succeeded.
        """
        give_up_at = time.monotonic() + self._limits.retry_seconds
        silent_at = time.monotonic() + self._limits.silence_seconds
        pause = self._limits.first_pause_seconds
        while not self._stopped.is_set():
            if (throttled_s := self._source.throttled_s) > 0:
                self._stopped.wait(throttled_s)  # here and not in the connection, since here it can be stopped
                give_up_at, silent_at = give_up_at + throttled_s, silent_at + throttled_s
                continue
            try:
                fetched = self._source.fetch(position)
            except OffsetOutOfRangeError:
                raise not_retained(self.where, position, end) from None
            except (UnsupportedVersionError, UnsupportedCompressionTypeError) as error:
                raise FastReaderUnavailable(f"{could_not_be_read(self.where, position)}: {error}") from error
            except KafkaError as error:
                if isinstance(error.__cause__, ConnectionResetError):
                    self._source.require_versions()
                if not error.retriable or time.monotonic() > give_up_at:
                    raise failure(self._bootstrap, error, could_not_be_read(self.where, position)) from error
                self._source.leave()
                self._stopped.wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
                continue
            if len(fetched.records):
                return fetched
            if time.monotonic() > silent_at and not self._source.throttled_s:
                raise silent(self._bootstrap, self._limits.silence_seconds, self.where, position, end)
            give_up_at = time.monotonic() + self._limits.retry_seconds
        return Fetched()  # nobody waits for it
