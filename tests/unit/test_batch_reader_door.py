"""Which reader reads: the one of the setting, or the client reader from where the fast one is unavailable."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Literal

import google_crc32c
import pytest

from batch.log.broker import Fetched
from batch.log.chunk import Chunk, Value
from batch.log.client_reader import Record, chunk_of
from batch.log.limits import ReadLimits
from batch.log.reader import read_partition, read_values
from batch.log.series_table import SeriesTable
from batch.log.unreadable import FastReaderUnavailable
from sma.errors import SmaError
from sma.settings import KafkaSettings, Settings
from tests.support.fake_kafka import TOPIC, Log, kafka_with
from tests.support.kafka_batches import control_batch, encode_old_message, event, events, key_of
from tests.support.slow_reader import readings

DAY_MS = 86_400_000
END = 20
UNAVAILABLE = FastReaderUnavailable("events: partition 0: an old batch")

Fetches = Sequence[Fetched | Exception]
Setting = Literal["auto", "fast", "client"]


@dataclass
class Sources:
    """What the fast reader fetches, and an event at each offset for the client reader; where each began."""

    fetches: Fetches
    fast: list[int] = field(default_factory=list)
    client: list[int] = field(default_factory=list)

    def fetch(self, _: KafkaSettings, __: str, ___: int, start: int, *____: object) -> Iterator[Fetched]:
        self.fast.append(start)
        for each in self.fetches:
            if isinstance(each, Exception):
                raise each
            yield each

    def consume(
        self, _: KafkaSettings, __: str, ___: int, start: int, end: int, ____: ReadLimits
    ) -> Iterator[tuple[list[Record], int]]:
        self.client.append(start)
        yield [Record(offset, 0, key_of(event(offset)), event(offset)) for offset in range(start, end)], end

    def chunks(self, settings: Settings, series: SeriesTable) -> Iterator[Chunk]:
        return read_partition(settings, TOPIC, 0, 0, END, DAY_MS, series, fetch=self.fetch, consume=self.consume)

    def values(self, settings: Settings, topic: str = TOPIC) -> list[Value]:
        found = read_values(settings, topic, 0, 0, END, fetch=self.fetch, consume=self.consume)
        return [value for values in found for value in values]

    def offsets(self, kafka_reader: Setting) -> list[int]:
        """Read columns, and then values: which must be of the same records."""
        settings = Settings(kafka_reader=kafka_reader)
        values = [value.offset for value in self.values(settings)]
        chunks = self.chunks(settings, SeriesTable())
        assert [offset for chunk in chunks for offset in chunk.kafka_offsets.tolist()] == values
        return values


@pytest.mark.parametrize(
    ("kafka_reader", "fast", "client"), [("auto", [0, 0], []), ("fast", [0, 0], []), ("client", [], [0, 0])]
)
def test_the_setting_selects_the_reader(
    kafka_reader: Setting, fast: list[int], client: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    sources = Sources([Fetched(events(0, 10)), Fetched(events(10, 10))])
    assert sources.offsets(kafka_reader) == list(range(END))
    assert (sources.fast, sources.client) == (fast, client)
    assert caplog.records == []


@pytest.mark.parametrize(
    ("fetches", "resumed_at"),
    [
        ([UNAVAILABLE], 0),
        ([Fetched(events(0, 10)), UNAVAILABLE], 10),
        ([Fetched(events(0, 10)), Fetched(events(10, 5)), UNAVAILABLE], 15),
        ([Fetched(events(0, 10)), Fetched(encode_old_message(b"x", 10, 1))], 10),
        ([Fetched(events(0, 10)), Fetched(events(10, 2) + encode_old_message(b"x", 12, 1))], 10),
        ([Fetched(events(0, 30)), UNAVAILABLE], 20),
    ],
)
def test_where_the_fast_reader_is_unavailable_the_client_reader_resumes_at_the_next_offset(
    fetches: Fetches, resumed_at: int
) -> None:
    sources = Sources(fetches)
    assert sources.offsets("auto") == list(range(END))
    assert sources.client == [resumed_at, resumed_at]


def test_it_resumes_after_gaps_and_control_records() -> None:
    # 0-4 aborted, 5 its mark: the chunk is empty, and what it covers is not read again
    aborted = events(0, 5, producer_id=1, is_transactional=True) + control_batch(5, 1, is_commit=False)
    sources = Sources([Fetched(aborted, ((1, 0),)), UNAVAILABLE])
    chunks = list(sources.chunks(Settings(), SeriesTable()))
    assert [(chunk.records, chunk.next_offset) for chunk in chunks] == [(0, 6), (14, 20)]
    assert sources.client == [6]


def test_why_the_client_reader_reads_is_warned_of_once_for_a_topic(caplog: pytest.LogCaptureFixture) -> None:
    sources = Sources([UNAVAILABLE])
    for topic in ("warned.events", "warned.late_events", "warned.events"):
        assert sources.values(Settings(), topic)
    assert [(record.levelno, record.getMessage()) for record in caplog.records] == [
        (logging.WARNING, f"{topic} is read with Kafka's ordinary consumer, which is slower: {UNAVAILABLE}")
        for topic in ("warned.events", "warned.late_events")
    ]


def test_the_fast_reader_alone_says_why_it_is_unavailable() -> None:
    sources = Sources([Fetched(events(0, 10)), UNAVAILABLE])
    with pytest.raises(FastReaderUnavailable, match="an old batch"):
        sources.offsets("fast")
    assert sources.client == []


def damaged() -> bytes:
    raw = bytearray(events(10, 10))
    raw[-3] ^= 1
    return bytes(raw)


@pytest.mark.parametrize(
    ("failing", "why"),
    [
        (Fetched(damaged()), "at Kafka offset 10 is damaged: its checksum is wrong"),
        (SmaError("Kafka does not answer"), "Kafka does not answer"),
    ],
)
def test_any_other_error_of_the_fast_reader_is_raised(failing: Fetched | SmaError, why: str) -> None:
    sources = Sources([Fetched(events(0, 10)), failing])
    with pytest.raises(SmaError, match=why):
        sources.offsets("auto")
    assert sources.client == []


def test_an_error_that_is_none_of_ours_is_raised() -> None:
    sources = Sources([ZeroDivisionError()])
    with pytest.raises(ZeroDivisionError):
        sources.offsets("auto")
    assert sources.client == []


def test_both_readers_number_series_in_one_table() -> None:
    series = SeriesTable()
    chunks = list(Sources([Fetched(events(0, 10)), UNAVAILABLE]).chunks(Settings(), series))
    records = [Record(offset, 0, key_of(event(offset)), event(offset)) for offset in range(END)]
    expected = chunk_of(records, END, DAY_MS, series)
    assert [each for chunk in chunks for each in readings(chunk, series)] == readings(expected, series)
    assert len(series) == 3


def test_a_kafka_that_is_older_than_the_fast_reader_is_read_all_the_same() -> None:
    log = Log([events(0, 10), events(10, 10)], fetch_versions=(0, 10))
    with kafka_with(log) as kafka:
        settings = Settings(kafka_bootstrap=kafka)
        chunks = list(read_partition(settings, TOPIC, 0, 3, 20, DAY_MS, SeriesTable()))
        assert [offset for chunk in chunks for offset in chunk.kafka_offsets.tolist()] == list(range(3, 20))
        with pytest.raises(FastReaderUnavailable, match="in version 11 of FetchRequest"):
            list(read_values(settings.model_copy(update={"kafka_reader": "fast"}), TOPIC, 0, 3, 20))


def test_a_log_that_an_older_kafka_wrote_is_read_all_the_same() -> None:
    #  format 2: 0-9;  format 1: 10, 11;  format 2: 12-14
    old = [encode_old_message(event(offset), offset, offset) for offset in (10, 11)]
    with kafka_with(Log([events(0, 10), *old, events(12, 3)], fetched_batches=1)) as kafka:
        series = SeriesTable()
        chunks = list(read_partition(Settings(kafka_bootstrap=kafka), TOPIC, 0, 0, 15, DAY_MS, series))
        assert [offset for chunk in chunks for offset in chunk.kafka_offsets.tolist()] == list(range(15))
        assert chunks[0].next_offset == 10
        values = list(chain.from_iterable(read_values(Settings(kafka_bootstrap=kafka), TOPIC, 0, 10, 12)))
    assert values == [Value(0, offset, event(offset)) for offset in (10, 11)]


@pytest.mark.parametrize(("at_byte", "changed_to"), [(16, 0), (16, 1), (16, 5), (22, 1), (22, 5)])
def test_a_batch_that_neither_reader_can_read_is_an_error(at_byte: int, changed_to: int) -> None:
    #  its format or its codec is not what it was: a checksum of the right bytes is wrong for these
    raw = bytearray(events(10, 10))
    raw[at_byte] = changed_to
    with kafka_with(Log([events(0, 10), bytes(raw)], fetched_batches=1)) as kafka:
        reading = read_partition(Settings(kafka_bootstrap=kafka), TOPIC, 0, 0, 20, DAY_MS, SeriesTable())
        assert next(reading).next_offset == 10
        with pytest.raises(SmaError, match="^events: partition 0: the record batch at Kafka offset 10 "):
            next(reading)


def test_a_codec_that_neither_reader_knows_is_an_error() -> None:
    raw = bytearray(events(10, 10, "zstd"))
    raw[22] |= 5
    raw[17:21] = google_crc32c.value(bytes(raw[21:])).to_bytes(4, "big")
    with kafka_with(Log([events(0, 10), bytes(raw)], fetched_batches=1)) as kafka:
        reading = read_partition(Settings(kafka_bootstrap=kafka), TOPIC, 0, 0, 20, DAY_MS, SeriesTable())
        assert next(reading).next_offset == 10
        with pytest.raises(SmaError, match="^events: partition 0: the record batch at Kafka offset 10 "):
            next(reading)
