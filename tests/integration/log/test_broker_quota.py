"""A real broker with a quota: the reader of the log waits as long as the broker says, and loses no connection by it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from kafka.protocol.admin import AlterClientQuotasRequest, AlterClientQuotasResponse

from batch.log.fast_reader import read_values
from batch.log.limits import ReadLimits
from clients.kafka.pool import WIRES
from clients.kafka.wire import Wire, raise_for
from sma.settings import Settings
from tests.support.places import Place
from tests.support.publishing import Sent, publish
from tests.support.superuser import as_superuser

pytestmark = pytest.mark.nightly("a broker's quota")

BATCHES, RECORDS, VALUE_BYTES = 10, 40, 1_000
BYTES_PER_SECOND = 30_000.0  # the broker forgives what ten seconds of it are
LIMITS = ReadLimits(fetch_bytes=50_000, response_seconds=2.0, retry_seconds=0.0, silence_seconds=0.0)
DEADLINE_SECONDS = 60


@contextmanager
def quota(settings: Settings, bytes_per_second: float) -> Iterator[None]:
    """Let the broker send so many bytes a second to the project's own client, and no more."""
    _alter(settings, bytes_per_second, remove=False)
    try:
        yield
    finally:
        _alter(settings, bytes_per_second, remove=True)


def _alter(settings: Settings, bytes_per_second: float, *, remove: bool) -> None:
    asked: Any = AlterClientQuotasRequest.EntryData
    entry = asked(
        entity=[asked.EntityData(entity_type="client-id", entity_name="sma")],
        ops=[asked.OpData(key="consumer_byte_rate", value=bytes_per_second, remove=remove)],
    )
    request: Any = AlterClientQuotasRequest[0](entries=[entry], validate_only=False)
    answer = WIRES.ask_any(as_superuser(settings), 30, lambda wire: wire.ask(request, AlterClientQuotasResponse))
    (answered,) = answer.entries
    raise_for(answered.error_code)


def test_a_reader_over_its_quota_waits_and_reads_everything(place: Place, monkeypatch: Any) -> None:
    for _ in range(BATCHES):
        publish(place.settings, [Sent(bytes(VALUE_BYTES), 0, partition=0) for _ in range(RECORDS)])
    told = list[int]()
    throttle = Wire.throttle

    def note(wire: Wire, throttle_time_ms: int) -> None:
        told.append(throttle_time_ms)
        throttle(wire, throttle_time_ms)

    monkeypatch.setattr(Wire, "throttle", note)
    deadline = time.monotonic() + DEADLINE_SECONDS
    with quota(place.settings, BYTES_PER_SECOND):
        while max(told, default=0) <= 1_000 * LIMITS.response_seconds:  # the quota comes into force with some delay
            assert time.monotonic() < deadline, (
                f"the broker never said to wait for longer than a response may take: {told}"
            )
            found = read_values(place.settings, place.settings.events_topic, 0, 0, BATCHES * RECORDS, LIMITS)
            assert sum(len(values) for values in found) == BATCHES * RECORDS


def test_a_log_is_read_at_the_rate_of_the_quota(place: Place) -> None:
    rate, forgiven_s = 1_000_000.0, 11  # the broker averages over so many seconds
    records = 24_000
    publish(place.settings, [Sent(bytes(VALUE_BYTES), 0, partition=0) for _ in range(records)])
    limits = ReadLimits(fetch_bytes=200_000)
    with quota(place.settings, rate):
        time.sleep(2)  # it comes into force with some delay
        came = list[tuple[float, int]]()
        for values in read_values(place.settings, place.settings.events_topic, 0, 0, records, limits):
            came.append((time.monotonic(), len(values)))
    assert sum(count for _, count in came) == records
    read, steady = 0, list[tuple[float, int]]()
    for moment, count in came:
        read += count
        if read * VALUE_BYTES > (forgiven_s + 1) * rate:
            steady.append((moment, read))
    (began, first), (ended, last) = steady[0], steady[-1]
    assert (last - first) * (VALUE_BYTES + 10) / (ended - began) == pytest.approx(rate, rel=0.1)
