"""Converts decimal text to whole micro-units and back, with the rounding that both layers share.

`ValueText.java` in streaming/operator is the same rule for the stream; tests/vectors/records.jsonl is run through both.
"""

import re

from sma.limits import VALUE_INTEGER_DIGITS, VALUE_SCALE

MICROS_PER_UNIT = 10**VALUE_SCALE

_NUMBER = re.compile(r"([+-]?)(?:([0-9]+)(?:\.([0-9]*))?|\.([0-9]+))(?:[eE]([+-]?[0-9]+))?", re.ASCII)
_HUGE_EXPONENT_DIGITS = 10  # no text that fits a Kafka record has as many digits as such an exponent moves the point


class NotANumber(ValueError):
    """The text is not a decimal number."""


class OutOfRange(ValueError):
    """The number's magnitude is 10^12 or more."""


def parse_value_micros(text: str) -> int:
    """Return a decimal number, exponents allowed, rounded half away from zero to 6 decimals, in micro-units.

    No float and no arithmetic on more than 19 digits takes part: rounding half away from zero depends on nothing
    but the first digit dropped. Linear in the length of the text, for any exponent.

    Raises:
        NotANumber: the text is not a number in ASCII digits; white space, `NaN` and `Infinity` are not.
        OutOfRange: its magnitude, before rounding, is 10^12 or more.
    """
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise NotANumber(text)
    sign, whole, fraction, bare_fraction, exponent_text = match.groups()
    fraction = fraction or bare_fraction or ""
    digits = ((whole or "") + fraction).lstrip("0")
    if not digits:
        return 0
    # the number is digits x 10^shift micro-units
    shift = _bounded_exponent(exponent_text or "0") - len(fraction) + VALUE_SCALE
    kept = len(digits) + shift
    if kept > VALUE_INTEGER_DIGITS + VALUE_SCALE:
        raise OutOfRange(text)
    if kept < 0:
        return 0
    # rounding half away from zero looks at the first dropped digit alone
    magnitude = int(digits + "0" * shift) if shift >= 0 else int(digits[:kept] or "0") + (digits[kept] >= "5")
    return -magnitude if sign == "-" else magnitude


def _bounded_exponent(text: str) -> int:
    significant = text.lstrip("+-").lstrip("0") or "0"
    bounded = int(significant) if len(significant) < _HUGE_EXPONENT_DIGITS else 10**_HUGE_EXPONENT_DIGITS
    return -bounded if text.startswith("-") else bounded


def format_micros(micros: int) -> str:
    """Return micro-units as decimal text with 6 decimals, e.g. 12500000 as `12.500000`."""
    whole, fraction = divmod(abs(micros), MICROS_PER_UNIT)
    return f"{'-' if micros < 0 else ''}{whole}.{fraction:0{VALUE_SCALE}d}"
