"""Both readers of the log on a real Kafka, next to what a consumer of the test's own reads of the same log."""

import logging
import multiprocessing
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Literal

import pytest
from confluent_kafka import Consumer, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from batch.log import broker, reader
from batch.log.limits import LIMITS, ReadLimits
from batch.log.offsets import OffsetRange, retained_ranges
from batch.log.reader import read_partition
from batch.log.series_table import SeriesTable
from batch.reconciliation.stream_commits import wait_until_visible
from sma.errors import SmaError
from sma.event import Event, Heartbeat, Rejected, read_record
from sma.settings import Settings
from tests.support.kafka_batches import key_of
from tests.support.places import Place
from tests.support.slow_reader import Reading, readings
from tests.support.superuser import as_superuser, client_options

MAX_AHEAD_MS = 1_000
DEADLINE_SECONDS = 120
READERS: Sequence[Literal["fast", "client"]] = ("fast", "client")

Found = list[tuple[int, Reading]]


def records(count: int, first: int = 0) -> Iterator[tuple[bytes | None, int]]:
    """Values and timestamps; most are events, some are anything else that may be sent."""
    for number in range(first, first + count):
        value: bytes | None = b'{"customer": "c%d", "metric": "m", "event_time": %d, "value": "%d.25"}' % (
            number % 7,
            number,
            number,
        )
        if number % 50 == 7:
            others = [b"not JSON", None, b"", b'{"heartbeat": 5}', '{"customer": "Ä", "metric": 1}'.encode()]
            value = others[number // 50 % 5]
        yield value, number if number % 11 else max(0, number - 2 * MAX_AHEAD_MS)


def producer(settings: Settings, **others: object) -> Producer:
    return Producer({**client_options(settings), "log_level": 2, "linger.ms": 5, **others})


def send(to: Producer, topic: str, sent: Iterator[tuple[bytes | None, int]], partition: int = 0) -> None:
    for value, timestamp_ms in sent:
        key = key_of(value) or b"key"
        to.produce(topic, value, key, partition, timestamp=timestamp_ms, headers=[("h", b"1")])
    assert to.flush(30) == 0


def settings_of_readers(settings: Settings) -> list[Settings]:
    """The settings with each reader."""
    return [settings.model_copy(update={"kafka_reader": each}) for each in READERS]


def read(
    settings: Settings, topic: str, start: int, end: int, partition: int = 0, limits: ReadLimits = LIMITS
) -> Found:
    """What the reader of the setting reads."""
    series = SeriesTable()
    found: Found = []
    last = start
    for chunk in read_partition(settings, topic, partition, start, end, MAX_AHEAD_MS, series, limits):
        found += readings(chunk, series)
        assert last <= chunk.next_offset
        last = chunk.next_offset
    assert last >= end or start == end
    return found


def read_both(settings: Settings, topic: str, start: int, end: int, limits: ReadLimits = LIMITS) -> Found:
    """What both readers read, which must be the same."""
    fast, client = (read(each, topic, start, end, limits=limits) for each in settings_of_readers(settings))
    assert fast == client
    return fast


def read_ordinarily(settings: Settings, topic: str, start: int, end: int, partition: int = 0) -> Found:
    consumer = Consumer(
        {
            **client_options(settings),
            "group.id": "none",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "auto.offset.reset": "error",
        }
    )
    consumer.assign([TopicPartition(topic, partition, start)])
    found: list[Message] = []
    is_open = True
    try:
        while is_open:
            for message in consumer.consume(1_000, 1):
                is_open = is_open and not message.error() and message.offset() < end
                found += [message] if is_open else []
    finally:
        consumer.close()
    return [
        (message.offset(), read_record(message.key(), message.value(), message.timestamp()[1], MAX_AHEAD_MS))
        for message in found
    ]


def create(settings: Settings, topic: str, config: dict[str, str]) -> None:
    admin = AdminClient(client_options(settings))
    for future in admin.create_topics([NewTopic(topic, 1, 1, config=config)]).values():
        future.result()


def ends(settings: Settings, topic: str) -> OffsetRange:
    return retained_ranges(settings, topic)[0]


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_what_a_producer_compresses_is_read_as_kafka_s_consumer_reads_it(place: Place, codec: str) -> None:
    settings, topic = place.settings, place.settings.events_topic
    send(producer(settings, **{"compression.type": codec}), topic, records(5_000))
    found = read_both(settings, topic, 0, 5_000)
    assert [offset for offset, _ in found] == list(range(5_000))
    assert found == read_ordinarily(settings, topic, 0, 5_000)
    assert {type(record) for _, record in found} == {Event, Heartbeat, Rejected}


def test_a_range_begins_and_ends_within_a_batch_or_is_empty(place: Place) -> None:
    settings, topic = place.settings, place.settings.events_topic
    send(producer(settings, **{"compression.type": "lz4", "linger.ms": 500}), topic, records(1_000))
    whole = read_both(settings, topic, 0, 1_000)
    for start, end in [(0, 1), (1, 2), (17, 503), (999, 1_000), (400, 400), (1_000, 1_000)]:
        assert read_both(settings, topic, start, end) == whole[start:end]


def test_a_log_of_many_fetches_is_read_whole(place: Place) -> None:
    settings, topic = place.settings, place.settings.events_topic
    send(producer(settings, **{"batch.size": 20_000}), topic, records(5_000))
    assert read_both(settings, topic, 3, 4_990, ReadLimits(fetch_bytes=5_000)) == read_ordinarily(
        settings, topic, 3, 4_990
    )


def transactional(settings: Settings, name: str) -> Producer:
    made = producer(settings, **{"transactional.id": f"{settings.topic_prefix}{name}", "compression.type": "lz4"})
    made.init_transactions(30)
    return made


def test_committed_transactions_are_read_and_aborted_ones_are_not(place: Place) -> None:
    settings, topic = place.settings, place.settings.events_topic
    one, two, plain = transactional(settings, "one"), transactional(settings, "two"), producer(settings)
    for turn in range(12):
        one.begin_transaction()
        two.begin_transaction()
        send(one, topic, records(30, 1_000 * turn))
        send(plain, topic, records(5, 1_000 * turn + 100))
        send(two, topic, records(30, 1_000 * turn + 200))
        send(one, topic, records(30, 1_000 * turn + 300))
        (one.abort_transaction if turn % 3 else one.commit_transaction)(30)
        (two.commit_transaction if turn % 2 else two.abort_transaction)(30)
    wait_until_visible(settings, [topic], lambda _: None)  # Kafka answers a producer before it has written a marker
    held = ends(settings, topic)
    whole = read_ordinarily(settings, topic, 0, held.end)
    assert len(whole) == 4 * 60 + 6 * 30 + 12 * 5
    assert held.end > whole[-1][0] + 1  # a control record is the last
    assert read_both(settings, topic, 0, held.end) == whole
    for start in range(0, held.end, 97):
        assert read_both(settings, topic, start, held.end, ReadLimits(fetch_bytes=3_000)) == [
            each for each in whole if each[0] >= start
        ]


def test_records_of_every_kind_in_one_log_are_read_as_kafka_s_consumer_reads_them(place: Place) -> None:
    settings, topic = place.settings, place.settings.events_topic
    codecs = ("none", "gzip", "snappy", "lz4", "zstd")
    committed, aborted, open_one = (transactional(settings, name) for name in ("committed", "aborted", "open"))
    idempotent = producer(settings, **{"enable.idempotence": True, "message.max.bytes": 2_000_000})
    for turn, codec in enumerate(codecs):
        send(producer(settings, **{"compression.type": codec}), topic, records(260, 1_000 * turn))
        for ending, transaction in (("commit", committed), ("abort", aborted)):
            transaction.begin_transaction()
            send(transaction, topic, records(60, 1_000 * turn + 300))
            getattr(transaction, f"{ending}_transaction")(30)
        large = b'{"customer": "c1", "metric": "m", "event_time": 1, "value": "1.5", "more": "%s"}' % (b"x" * 900_000)
        send(idempotent, topic, iter([(large, 0), (None, 0), (b"\xff\x00", 0)]))
    wait_until_visible(settings, [topic], lambda _: None)
    for transaction in (committed, aborted):  # so that control records are the last
        transaction.begin_transaction()
        send(transaction, topic, records(1, 9_000))
    committed.commit_transaction(30)
    aborted.abort_transaction(30)
    wait_until_visible(settings, [topic], lambda _: None)
    end = ends(settings, topic).end
    open_one.begin_transaction()
    send(open_one, topic, records(5, 9_500))
    send(producer(settings), topic, records(5, 9_600))
    assert ends(settings, topic).end == end
    whole = read_ordinarily(settings, topic, 0, end)
    assert len(whole) == len(codecs) * (260 + 60 + 3) + 1
    assert end > whole[-1][0] + 1
    for limits in (LIMITS, ReadLimits(fetch_bytes=2_000)):
        assert read_both(settings, topic, 0, end, limits) == whole
    assert {type(record) for _, record in whole} == {Event, Heartbeat, Rejected}
    open_one.abort_transaction(30)


def test_nothing_is_read_past_a_transaction_that_is_open(place: Place) -> None:
    settings, topic = place.settings, place.settings.events_topic
    open_one = transactional(settings, "open")
    send(producer(settings), topic, records(10))
    open_one.begin_transaction()
    send(open_one, topic, records(10))
    send(producer(settings), topic, records(10))
    assert ends(settings, topic).end == 10
    assert len(read_both(settings, topic, 0, 10)) == 10
    for each in settings_of_readers(settings):
        with pytest.raises(SmaError, match="sent nothing for 1 seconds while .*from Kafka offset 10 to 30"):
            read(each, topic, 0, 30, limits=ReadLimits(silence_seconds=1.0))
    open_one.abort_transaction(30)


def test_offsets_that_kafka_does_not_hold_are_an_error(place: Place) -> None:
    settings, topic = place.settings, place.settings.events_topic
    send(producer(settings), topic, records(100))
    admin = AdminClient(client_options(settings))
    for future in admin.delete_records([TopicPartition(topic, 0, 60)]).values():
        future.result()
    assert len(read_both(settings, topic, 60, 100)) == 40
    for each in settings_of_readers(settings):
        with pytest.raises(SmaError, match=rf"^{topic}: partition 0 no longer holds the Kafka offsets 59 to 99"):
            read(each, topic, 59, 100)
        with pytest.raises(SmaError, match="no longer holds the Kafka offsets 101 to 109, or never did"):
            read(each, topic, 101, 110)


def test_a_topic_or_partition_that_is_not_there_is_an_error_and_is_not_made(place: Place) -> None:
    settings = as_superuser(place.settings)
    missing = f"{settings.topic_prefix}missing"
    limits = ReadLimits(retry_seconds=0.5)
    for each in settings_of_readers(settings):
        with pytest.raises(SmaError, match=f"refuses: {missing}: partition 0 could not be read"):
            read(each, missing, 0, 1, limits=limits)
        with pytest.raises(SmaError, match="refuses: .*partition 77 could not be read"):
            read(each, settings.events_topic, 0, 1, partition=77, limits=limits)
    assert missing not in AdminClient(client_options(settings)).list_topics().topics


def test_what_compaction_leaves_is_read_as_kafka_s_consumer_reads_it(place: Place) -> None:
    settings, topic = as_superuser(place.settings), f"{place.settings.topic_prefix}compacted"
    config = {
        "cleanup.policy": "compact",
        "segment.bytes": str(2**20),
        "min.cleanable.dirty.ratio": "0.01",
        "message.timestamp.type": "LogAppendTime",
    }
    create(settings, topic, config)
    to = producer(settings, **{"batch.size": 50_000})
    count = 30_000
    for number, (value, _) in enumerate(records(count)):
        to.produce(topic, value or b"x", str(number % 9 if number % 100 else number).encode(), 0)
        to.poll(0)
    assert to.flush(30) == 0
    give_up_at = time.monotonic() + DEADLINE_SECONDS
    fast, client = settings_of_readers(settings)
    found, by_client, ordinarily, again = Found(), Found(), Found(), None
    # Kafka goes on compacting: what counts is a reading between two that are alike
    while found != again or len(found) == count:
        assert time.monotonic() < give_up_at, "Kafka did not compact the topic, or did not come to rest"
        found = read(fast, topic, 0, count)
        by_client = read(client, topic, 0, count)
        ordinarily = read_ordinarily(settings, topic, 0, count)
        again = read(fast, topic, 0, count)
    assert found == by_client == ordinarily


def count_in_process(
    settings: Settings, topic: str, partition: int, end: int
) -> tuple[int, int, list[tuple[str, str]]]:
    series = SeriesTable()
    chunks = list(read_partition(settings, topic, partition, 0, end, MAX_AHEAD_MS, series))
    return (
        sum(chunk.records for chunk in chunks),
        sum(int(chunk.values_micros.sum()) for chunk in chunks),
        list(islice(series, len(series))),
    )


def test_partitions_are_read_by_processes_of_their_own(place: Place) -> None:
    settings, topic = place.settings, place.settings.events_topic
    for partition in (0, 1):
        send(producer(settings), topic, records(1_000, 1_000 * partition), partition)
    arguments: Sequence[tuple[Settings, str, int, int]] = [
        (each, topic, part, 1_000) for each in settings_of_readers(settings) for part in (0, 1)
    ]
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        apart = pool.starmap(count_in_process, arguments)
    assert apart == [count_in_process(*each) for each in arguments]
    assert [counted for counted, _, _ in apart] == 4 * [1_000]


def test_timestamps_are_the_time_of_appending_where_the_topic_says_so(place: Place) -> None:
    settings, topic = as_superuser(place.settings), f"{place.settings.topic_prefix}appended"
    create(settings, topic, {"message.timestamp.type": "LogAppendTime"})
    now_ms = int(time.time() * 1_000)
    far = b'{"customer": "c", "metric": "m", "event_time": %d, "value": 1}'
    send(producer(settings), topic, iter([(far % (now_ms + 10**7), now_ms + 10**7), (far % now_ms, 0)]))
    found = read_both(settings, topic, 0, 2)
    assert [type(record) for _, record in found] == [Rejected, Event]
    assert found == read_ordinarily(settings, topic, 0, 2)


def test_a_kafka_that_does_not_know_the_fast_reader_s_requests_is_read_with_client(
    place: Place, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    settings, topic = place.settings, place.settings.events_topic
    send(producer(settings), topic, records(100))
    monkeypatch.setattr(broker, "_FETCH_VERSION", 2)  # which Kafka 4 no longer knows
    assert read(settings, topic, 3, 90) == read_ordinarily(settings, topic, 3, 90)
    (warned,) = (record for record in caplog.records if record.name == reader.__name__)
    assert warned.levelno == logging.WARNING
    assert f"{topic} is read with Kafka's ordinary consumer" in warned.getMessage()
    assert "in version 2 of FetchRequest" in warned.getMessage()


def test_the_client_reader_leaves_no_consumer_group(place: Place) -> None:
    settings, topic = place.settings, place.settings.events_topic
    send(producer(settings), topic, records(10))
    client = settings.model_copy(update={"kafka_reader": "client"})
    assert len(read(client, topic, 0, 10)) == 10
    admin = AdminClient(client_options(settings))
    groups = {group.group_id for group in admin.list_consumer_groups().result().valid}
    assert not any(group.startswith(settings.topic_prefix) for group in groups)
