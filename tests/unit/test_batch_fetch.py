"""What is asked of Kafka, again where that helps, and what is said where it does not."""

import gc
import time
from collections.abc import Sequence

import pytest
from kafka.errors import (
    InvalidTopicError,
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    NotLeaderForPartitionError,
    UnsupportedCompressionTypeError,
    UnsupportedVersionError,
)

from batch.log.broker import Fetched
from batch.log.fast_reader import read_partition
from batch.log.fetch import fetch_batches
from batch.log.limits import LIMITS, ReadLimits
from batch.log.series_table import SeriesTable
from batch.log.source import Source
from batch.log.unreadable import FastReaderUnavailable
from sma.errors import SmaError
from sma.settings import Settings
from tests.support.fake_broker import HERE, broker_at, versions_answer
from tests.support.kafka_batches import encode_batch, events

DAY_MS = 86_400_000


def kafka_that_answers(monkeypatch: pytest.MonkeyPatch, answers: Sequence[Fetched | KafkaError]) -> list[int]:
    """Let each fetch have the next of these answers, the last one again and again; from where they were asked for."""
    waiting, positions = list(answers), list[int]()

    def fetch_once(_: object, position: int) -> Fetched:
        positions.append(position)
        answer = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        if isinstance(answer, KafkaError):
            raise answer
        return answer

    monkeypatch.setattr(Source, "fetch", fetch_once)
    return positions


def read_offsets(start: int, end: int) -> list[int]:
    limits = ReadLimits(first_pause_seconds=0.001)
    chunks = read_partition(Settings(), "events", 0, start, end, DAY_MS, SeriesTable(), limits)
    return [offset for chunk in chunks for offset in chunk.kafka_offsets.tolist()]


def test_an_empty_range_is_not_asked_for() -> None:
    assert list(fetch_batches(Settings(kafka_bootstrap="127.0.0.1:1"), "events", 0, 5, 5)) == []


def test_kafka_that_does_not_answer_is_one_clear_error_and_no_open_socket() -> None:
    limits = ReadLimits(retry_seconds=0.2, response_seconds=0.3)
    settings = Settings(kafka_bootstrap="127.0.0.1:1")
    with pytest.raises(
        SmaError, match=r"^Kafka does not answer at 127\.0\.0\.1:1 \(events: partition 0 could not be read"
    ):
        list(fetch_batches(settings, "events", 0, 0, 5, limits))
    gc.collect()  # an open socket is a warning, and a warning an error


def test_an_address_that_is_none_is_one_clear_error() -> None:
    with pytest.raises(SmaError, match="^SMA_KAFKA_BOOTSTRAP: 'kafka:port' is no list of host:port"):
        list(fetch_batches(Settings(kafka_bootstrap="kafka:port"), "events", 0, 0, 5))


def test_a_lost_connection_or_a_new_leader_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [KafkaConnectionError(), NotLeaderForPartitionError(), Fetched(b"", ()), Fetched(events(0, 10), ())]
    positions = kafka_that_answers(monkeypatch, [*answers, KafkaTimeoutError(), Fetched(events(10, 10), ())])
    assert read_offsets(0, 20) == list(range(20))
    assert positions == [0, 0, 0, 0, 10, 10]


def test_what_trying_again_cannot_help_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    kafka_that_answers(monkeypatch, [InvalidTopicError("events")])
    with pytest.raises(
        SmaError,
        match="refuses: events: partition 0 could not be read from Kafka offset 4: .*InvalidTopicError",
    ):
        read_offsets(4, 20)


def test_a_reader_that_is_left_half_way_does_not_wait_for_what_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    kafka_that_answers(monkeypatch, [Fetched(events(0, 10), ()), Fetched(b"", ())])
    reading = read_partition(Settings(), "events", 0, 0, 20, 0, SeriesTable())
    assert next(reading).next_offset == 10
    began = time.monotonic()
    reading.close()
    assert time.monotonic() - began < LIMITS.silence_seconds / 10


def test_what_was_read_is_not_read_again_where_a_new_leader_has_other_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    #  the old leader's:  0 ---- 9
    #  the new one's:        5 ------- 14, 15 -- 19
    kafka_that_answers(monkeypatch, [Fetched(events(0, 10), ()), Fetched(events(5, 10) + events(15, 5), ())])
    assert read_offsets(0, 20) == list(range(20))


def test_kafka_that_sends_the_same_again_is_not_asked_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    positions = kafka_that_answers(monkeypatch, [Fetched(events(0, 10), ())])
    with pytest.raises(SmaError, match="partition 0: asked for Kafka offset 10, Kafka sent what ends before 10"):
        read_offsets(0, 20)
    assert positions == [0, 10]


def test_a_header_that_leads_back_is_refused_for_what_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    kafka_that_answers(monkeypatch, [Fetched(encode_batch([], 7, last_delta=-3), ())])
    with pytest.raises(SmaError, match="at Kafka offset 7 contradicts itself"):
        read_offsets(7, 20)


def test_a_broker_that_closes_on_a_request_it_does_not_know_is_none_for_this_reader() -> None:
    #  asked for the leader it hangs up; asked for its versions it says why
    with broker_at([[b""], [versions_answer(metadata=(0, 7))]]) as address:
        settings = Settings(kafka_bootstrap=f"{HERE}:{address[1]}")
        with pytest.raises(
            FastReaderUnavailable, match="in version 8 of MetadataRequest, and .* versions 0 to 7 of it"
        ):
            list(fetch_batches(settings, "events", 0, 0, 5))


def test_a_broker_that_closes_a_connection_and_knows_the_requests_is_tried_again() -> None:
    with broker_at([[b""], [versions_answer()]]) as address:
        settings = Settings(kafka_bootstrap=f"{HERE}:{address[1]}")
        with pytest.raises(SmaError, match=r"^Kafka does not answer .*the connection was closed"):
            list(fetch_batches(settings, "events", 0, 0, 5, ReadLimits(retry_seconds=0.0)))


@pytest.mark.parametrize("error", [UnsupportedVersionError("Fetch"), UnsupportedCompressionTypeError("zstd")])
def test_a_broker_that_says_it_cannot_serve_these_requests_is_none_for_this_reader(
    monkeypatch: pytest.MonkeyPatch, error: KafkaError
) -> None:
    kafka_that_answers(monkeypatch, [Fetched(events(0, 10), ()), error])
    reading = read_partition(Settings(), "events", 0, 0, 20, DAY_MS, SeriesTable())
    assert next(reading).next_offset == 10
    with pytest.raises(FastReaderUnavailable, match="partition 0 could not be read from Kafka offset 10: "):
        next(reading)
