"""What binary COPY is sent reads back, by psycopg's own loaders, as the rows that were to be written."""

import struct
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import polars as pl
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.adapt import Transformer
from psycopg.pq import Format

from batch.store.averages_schema import AVERAGES_SCHEMA, KEY
from batch.store.copy_format import BLOCK_ROWS, HEADER, TRAILER, encode_rows
from sma.errors import SmaError
from sma.limits import EARLIEST_EVENT_TIME_MS, LATEST_EVENT_TIME_MS

LARGEST_MICROS = 10**38 - 1
TYPES = ("text", "text", "text", "timestamptz", "numeric", "int8")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

names = st.text(
    st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="/"), min_size=1, max_size=128
) | st.sampled_from(["\\N", "\\.", 'a "b", c', "a\\tb", " ", "ä", "日本", "🙂"])
rows = st.tuples(
    names,
    names,
    names,
    st.integers(EARLIEST_EVENT_TIME_MS, LATEST_EVENT_TIME_MS),
    st.integers(-LARGEST_MICROS, LARGEST_MICROS) | st.integers(-(10**9), 10**9),
    st.integers(1, 2**63 - 1),
)


def frame(*rows):
    return pl.DataFrame(list(rows), AVERAGES_SCHEMA, orient="row")


def row(value_sum_micros=5, as_of_ms=0, customer="AA"):
    return (customer, "delay", "hour", as_of_ms, value_sum_micros, 2)


def sent(encoded):
    """The fields of each row as bytes, out of the whole that was sent."""
    assert encoded.startswith(HEADER)
    at, found = len(HEADER), []
    while encoded[at : at + 2] != TRAILER:
        assert struct.unpack_from(">h", encoded, at) == (len(TYPES),)
        at += 2
        fields = []
        for _ in TYPES:
            (size,) = struct.unpack_from(">i", encoded, at)
            fields.append(encoded[at + 4 : at + 4 + size])
            at += 4 + size
        found.append(fields)
    assert encoded[at:] == TRAILER
    return found


def read_back(averages):
    transformer = Transformer()
    loaders = [transformer.get_loader(psycopg.adapters.types[kind].oid, Format.BINARY) for kind in TYPES]
    for fields in sent(b"".join(encode_rows(averages))):
        *key, value_sum, event_count = (loader.load(field) for loader, field in zip(loaders, fields, strict=True))
        yield (*key, int(Fraction(value_sum) * 10**6), event_count)


def told(customer, metric, average, as_of_ms, value_sum_micros, event_count):
    return customer, metric, average, EPOCH + timedelta(milliseconds=as_of_ms), value_sum_micros, event_count


@given(st.lists(rows, max_size=20))
def test_rows_read_back_as_they_were(held):
    assert sorted(read_back(frame(*held))) == sorted(told(*row) for row in held)


def test_rows_of_the_same_size_keep_their_order():
    held = [row(customer=customer, as_of_ms=as_of_ms) for customer in ("AA", "BB") for as_of_ms in (60_000, 120_000)]
    assert list(read_back(frame(*held))) == [told(*row) for row in held]


@pytest.mark.parametrize(
    "micros", [0, 1, -1, 99, 100, 10_000, 10**6, -(10**14), 10**14 - 1, 10**30, 2**63, LARGEST_MICROS, -LARGEST_MICROS]
)
def test_sums_of_every_length_are_exact(micros):
    ((*_, value_sum_micros, _),) = read_back(frame(row(micros)))
    assert value_sum_micros == micros


@pytest.mark.parametrize("micros", [LARGEST_MICROS + 1, -LARGEST_MICROS - 1, 2**127 - 1, -(2**127)])
def test_a_sum_that_the_column_cannot_hold_is_refused(micros):
    with pytest.raises(SmaError, match=r"too large for numeric\(38, 6\)"):
        list(encode_rows(frame(row(micros))))


def test_numbers_other_than_the_sum_are_the_bytes_that_psycopg_would_send():
    ((*_, as_of, _, event_count),) = sent(b"".join(encode_rows(frame(row(as_of_ms=1_357_034_400_001)))))
    transformer = Transformer()
    for value, field in ((EPOCH + timedelta(milliseconds=1_357_034_400_001), as_of), (2, event_count)):
        dumper = transformer.get_dumper(value, psycopg.adapt.PyFormat.BINARY)
        assert int.from_bytes(dumper.dump(value), "big", signed=True) == int.from_bytes(field, "big", signed=True)


def test_the_scale_of_a_sum_is_that_of_its_column():
    ((*_, value_sum, _),) = sent(b"".join(encode_rows(frame(row(1_500_000)))))
    loader = Transformer().get_loader(psycopg.adapters.types["numeric"].oid, Format.BINARY)
    assert str(loader.load(value_sum)) == str(Decimal("1.500000"))


def test_a_frame_larger_than_a_block_is_sent_whole():
    every_row = pl.select(as_of_ms=pl.int_range(BLOCK_ROWS + 10)).select(
        customer=pl.lit("AA"),
        metric=pl.lit("delay"),
        average=pl.lit("hour"),
        as_of_ms="as_of_ms",
        value_sum_micros=pl.col("as_of_ms").cast(pl.Int128),
        event_count=pl.lit(1, pl.Int64),
    )
    assert every_row.select(KEY).is_unique().all()
    parts = list(encode_rows(every_row))
    assert len(sent(b"".join(parts))) == BLOCK_ROWS + 10
    assert max(map(len, parts)) < 1 << 24
