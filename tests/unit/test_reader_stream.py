"""The stream's rows, read from a topic as they come, and their averages, worked out with `decimal`."""

import json
from contextlib import nullcontext
from decimal import Decimal
from types import SimpleNamespace

import pytest
from confluent_kafka import KafkaError
from hypothesis import given
from hypothesis import strategies as st

from cli.tail import _since_ms, line_of
from reader.stream import EmittedBefore, EmittedRow, emitted_rows, parse_row
from sma.errors import SmaError
from sma.settings import Settings
from tests.support.fake_kafka import TOPIC, Log, kafka_with
from tests.support.kafka_batches import Entry, control_batch, encode_batch
from tests.support.served import rounded

GENERATION = 4


def record(customer="AA", as_of=0, value_sum="12.500000", event_count=2, generation=GENERATION, **others):
    """A record as the Flink job writes it."""
    names = {"customer": customer, "metric": "departure_delay", "average": "hour", "as_of": as_of}
    numbers = {"value_sum": value_sum, "event_count": event_count, "is_full": True, "newest_offset": 7}
    return json.dumps(names | numbers | others | {"generation": generation}).encode()


def batch(values, base_offset, **others):
    """A batch of records, each under the key of its row."""

    def key(value):
        row = json.loads(value)
        return "/".join(str(row[name]) for name in ("customer", "metric", "average", "as_of")).encode()

    return encode_batch([Entry(value, at, 0, key(value)) for at, value in enumerate(values)], base_offset, **others)


def rows_of(kafka, count, said=None):
    """Read so many rows."""
    found = []
    say = [].append if said is None else said.append
    for rows in emitted_rows(Settings(kafka_bootstrap=kafka), TOPIC, {0: 0}, GENERATION, say):
        found += rows
        if len(found) >= count:
            return found
    return found


def test_a_record_is_read_to_its_last_digit():
    largest = "-99999999999999999999999999999999.999999"
    assert parse_row(record(value_sum=largest, event_count=10**12, as_of=1357034400000)) == EmittedRow(
        customer="AA",
        metric="departure_delay",
        average="hour",
        as_of_ms=1357034400000,
        value_sum_micros=-(10**38 - 1),
        event_count=10**12,
        is_full=True,
        generation=GENERATION,
    )


@pytest.mark.parametrize(
    "value",
    [b"", b"null", b"[]", b"{}", b"\xff", record(value_sum=12.5), record(value_sum="12.5"), record(value_sum="1e3")],
)
def test_what_is_no_row_is_refused(value):
    with pytest.raises(ValueError, match="."):
        parse_row(value)


@given(micros=st.integers(-(10**38) + 1, 10**38 - 1), event_count=st.integers(1, 10**12))
def test_the_average_is_the_exact_quotient_rounded_half_away_from_zero(micros, event_count):
    row = EmittedRow("AA", "m", "hour", 0, micros, event_count, True, 0)
    assert row.sma == rounded(Decimal(f"{micros}E-6"), event_count)
    assert row.sma.as_tuple().exponent == -9


@pytest.mark.parametrize(("micros", "text"), [(1, "0.000000001"), (-1, "-0.000000001"), (0, "0.000000000")])
def test_a_tie_is_rounded_away_from_zero(micros, text):
    row = EmittedRow("AA", "m", "hour", 0, micros, 2000, True, 0)
    assert f"{row.sma:f}" == text


def test_a_row_that_is_emitted_again_is_a_correction():
    with kafka_with(
        Log([batch([record(as_of=1), record(as_of=2), record(as_of=1, value_sum="9.000000")], 0)])
    ) as kafka:
        found = rows_of(kafka, 3)
    assert [(row.as_of_ms, is_correction) for row, is_correction in found] == [(1, False), (2, False), (1, True)]


def test_rows_of_transactions_that_were_aborted_are_not_printed():
    batches = [
        batch([record("lost")], 0, producer_id=1, is_transactional=True),
        control_batch(1, 1, is_commit=False),
        batch([record("kept")], 2, producer_id=1, is_transactional=True),
        control_batch(3, 1, is_commit=True),
    ]
    with kafka_with(Log(batches, aborted=[(1, 0, 1)])) as kafka:
        assert [row.customer for row, _ in rows_of(kafka, 1)] == ["kept"]


def test_rows_of_a_former_generation_are_left_out():
    values = [record("old", generation=GENERATION - 1), record("present"), record("next", generation=GENERATION + 1)]
    with kafka_with(Log([batch(values, 0)])) as kafka:
        assert [row.customer for row, _ in rows_of(kafka, 2)] == ["present", "next"]


def test_a_record_that_is_no_row_is_named_by_its_place():
    log = Log([batch([record()], 0), encode_batch([Entry(b"x", 0)], 1)])
    with kafka_with(log) as kafka, pytest.raises(SmaError, match=f"topic {TOPIC}, partition 0, offset 1: no row"):
        rows_of(kafka, 2)


def test_a_kafka_that_is_gone_is_reported_once():
    said = []
    with kafka_with(Log([batch([record()], 0)])) as kafka:
        following = emitted_rows(Settings(kafka_bootstrap=kafka), TOPIC, {0: 0}, GENERATION, said.append)
        while not next(following):
            pass
    for rows in following:
        assert rows == []
        if said:
            break
    assert said == [f"Kafka does not answer at {kafka}: still trying"]
    assert [next(following), next(following)] == [[], []]
    assert len(said) == 1
    following.close()


@pytest.mark.parametrize("is_back", [False, True])
def test_a_kafka_that_goes_while_rows_come_is_reported_unless_it_is_back(monkeypatch, is_back):
    errors = []

    class Failing:
        """A consumer that is told beside its last rows, and only there, that the brokers are gone."""

        polls = 0

        def consume(self, *_):
            self.polls += 1
            if self.polls > 1:
                return []
            errors[0](KafkaError(KafkaError._ALL_BROKERS_DOWN))
            return [SimpleNamespace(error=lambda: None, value=record, key=lambda: b"k")]

    def reading(*_, error_cb, **__):
        errors.append(error_cb)
        return nullcontext(Failing())

    said = []
    monkeypatch.setattr("reader.stream.reading", reading)
    with kafka_with(Log([])) as kafka:
        following = emitted_rows(
            Settings(kafka_bootstrap=kafka if is_back else "127.0.0.1:1"), TOPIC, {0: 0}, GENERATION, said.append
        )
        assert [len(next(following)) for _ in range(4)] == [1, 0, 0, 0]
    assert said == ([] if is_back else ["Kafka does not answer at 127.0.0.1:1: still trying"])


def test_only_the_newest_rows_are_remembered():
    before = EmittedBefore(most=2)
    assert [before.add(1, key) for key in (b"a", b"b", b"a", b"c", b"b", b"c")] == [
        False,
        False,
        True,  # a is newer than b now
        False,  # which c puts out
        False,
        True,
    ]
    assert not before.add(2, b"c")  # of another generation


def test_a_row_is_one_line():
    row = parse_row(record(as_of=1357856100000, value_sum="-8.800000", event_count=5))
    assert line_of(row, False, False) == "2013-01-10T22:15:00Z  AA/departure_delay  hour  -1.760000000  (5 events)"
    one = parse_row(record(as_of=1357856100500, event_count=1, is_full=False))
    assert line_of(one, True, False) == (
        "2013-01-10T22:15:00.500Z  AA/departure_delay  hour  12.500000000  (1 event, not full, correction)"
    )


def test_a_row_is_one_line_of_json_with_exact_text():
    row = parse_row(record(customer="Ä\n", as_of=1357856100000, value_sum="-8.800000", event_count=3))
    line = line_of(row, True, True)
    assert "\n" not in line
    assert json.loads(line) == {
        "customer": "Ä\n",
        "metric": "departure_delay",
        "average": "hour",
        "as_of": "2013-01-10T22:15:00Z",
        "sma": "-2.933333333",
        "value_sum": "-8.800000",
        "event_count": 3,
        "is_full": True,
        "is_correction": True,
    }


@pytest.mark.parametrize(
    ("text", "since_ms"),
    [("10 minutes", 400_000), ("1970-01-01T00:05", 300_000), ("1970-01-01T01:05+01:00", 300_000)],
)
def test_since_is_a_time_or_a_duration_before_now(text, since_ms):
    assert _since_ms(text, now_ms=1_000_000) == since_ms


def test_another_since_is_refused():
    with pytest.raises(SmaError, match="--since 'lately' is neither a time nor a duration"):
        _since_ms("lately", now_ms=0)
