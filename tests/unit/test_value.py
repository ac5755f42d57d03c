"""Values are rounded exactly: held to `fractions` and `decimal`, which share no code with the rule."""

import re
from decimal import ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction
from math import floor

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sma.value import NotANumber, OutOfRange, format_micros, parse_value_micros

digits = st.text("0123456789", max_size=25)
signs = st.sampled_from(["", "-", "+"])
exponents = st.just("") | st.builds("{}{}".format, st.sampled_from("eE"), st.integers(-40, 40))


@st.composite
def number_texts(draw: st.DrawFn) -> str:
    whole, fraction = draw(st.tuples(digits, digits).filter(any))
    point = "." if fraction or draw(st.booleans()) else ""
    return f"{draw(signs)}{whole}{point}{fraction}{draw(exponents)}"


def exact_micros(text: str) -> int | None:
    """The rule in fractions: None where the magnitude is 10^12 or more."""
    exact = Fraction(Decimal(text))
    if abs(exact) >= 10**12:
        return None
    magnitude = floor(abs(exact) * 10**6 + Fraction(1, 2))
    return -magnitude if exact < 0 else magnitude


def micros_or_none(text: str) -> int | None:
    try:
        return parse_value_micros(text)
    except OutOfRange:
        return None


@given(number_texts())
@example("999999999999.9999995")
@example("-0.0000005")
@example("4.99999999999999999999e-7")
def test_a_number_is_rounded_as_fractions_say(text: str) -> None:
    assert micros_or_none(text) == exact_micros(text)


@given(st.integers(-(10**18) + 1, 10**18 - 1), st.integers(1, 30))
def test_a_half_goes_away_from_zero_and_less_than_a_half_towards_it(micros: int, zeros: int) -> None:
    text = format_micros(micros)
    away = micros - 1 if text.startswith("-") else micros + 1
    assert parse_value_micros(text + "5" + "0" * zeros) == away
    assert parse_value_micros(text + "4" + "9" * zeros) == micros


@given(number_texts())
def test_decimal_rounds_alike(text: str) -> None:
    with localcontext() as context:
        context.prec = 200
        micros = (Decimal(text) * 10**6).to_integral_value(ROUND_HALF_UP)
    if abs(Decimal(text)) < 10**12:
        assert parse_value_micros(text) == micros


@given(st.integers(-(10**18), 10**18))
def test_what_is_formatted_reads_back(micros: int) -> None:
    text = format_micros(micros)
    assert Fraction(text) * 10**6 == micros
    assert re.fullmatch(r"-?[0-9]+\.[0-9]{6}", text)


@given(st.text(max_size=8))
def test_any_text_is_a_number_or_refused(text: str) -> None:
    is_number = re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", text) is not None
    try:
        micros_or_none(text)
    except NotANumber:
        assert not is_number
    else:
        assert is_number


@pytest.mark.parametrize(
    "text",
    ["9e-" + "9" * 100_000, "0e" + "9" * 100_000, "0." + "0" * 200_000 + "1"],
    ids=["exponent", "exponent of zero", "fraction"],
)
def test_a_huge_exponent_or_fraction_costs_no_more_than_its_length(text: str) -> None:
    assert parse_value_micros(text) == 0
