"""What PostgreSQL sends as binary arrays is read as the values that psycopg's own dumpers made them from."""

import struct
from decimal import Decimal

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.adapt import PyFormat, Transformer

from batch.store.array_format import decode_integers, decode_micros
from sma.errors import SmaError

LARGEST_MICROS = 10**38 - 1
micros = st.integers(-LARGEST_MICROS, LARGEST_MICROS) | st.integers(-(10**9), 10**9)


def array(values, kind):
    """Values as `array_send` sends them; what each is sent as is up to psycopg."""
    transformer = Transformer()
    elements = [bytes(transformer.get_dumper(value, PyFormat.BINARY).dump(value)) for value in values]
    header = struct.pack(">iiIii", 1, 0, psycopg.adapters.types[kind].oid, len(values), 1)
    return header + b"".join(struct.pack(">i", len(element)) + element for element in elements)


def in_units(value_sum_micros):
    return Decimal(f"{value_sum_micros}E-6")  # exact; scaleb would round to 28 digits


@given(st.lists(st.lists(micros, min_size=1, max_size=8), max_size=4))
def test_sums_of_many_series_are_exact(series):
    arrays = [array([in_units(held) for held in sums], "numeric") for sums in series]
    assert decode_micros(arrays, sum(map(len, series))).to_list() == [held for sums in series for held in sums]


@pytest.mark.parametrize(
    "held", [0, 1, -1, 99, 100, 10**6, 10**14 - 1, -(10**14), 10**30, 2**63, LARGEST_MICROS, -LARGEST_MICROS]
)
def test_sums_of_every_length_are_exact(held):
    assert decode_micros([array([in_units(held)], "numeric")], 1).to_list() == [held]


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_number_is_refused(value):
    with pytest.raises(SmaError, match="NaN or infinite"):
        decode_micros([array([Decimal(value)], "numeric")], 1)


@given(st.lists(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=8), max_size=4))
def test_times_and_counts_of_many_series_are_unchanged(series):
    arrays = [array([], "int8") + b"".join(struct.pack(">iq", 8, one) for one in held) for held in series]
    assert decode_integers(arrays).tolist() == [one for held in series for one in held]


def test_digits_that_look_like_the_beginning_of_a_sum_are_not_taken_for_one():
    # 0000 0010 0001 0000 0000 0006: a length of 10, one group, weight, sign and scale
    lookalike = 1_0000_0010_0001_0000_0000_0006_0000 * 10**6
    held = [lookalike, 5, -lookalike]
    assert decode_micros([array([in_units(one) for one in held], "numeric")], 3).to_list() == held
