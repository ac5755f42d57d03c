"""Writes values as the model's format strings show them: for the pictures, and for the tests of the formats.

A measure with a dynamic format has no format string: its format is an expression, computed for each value.
"""

from datetime import date, datetime
from decimal import ROUND_FLOOR, Decimal
from typing import Any

from powerbi.checks.model import Object

# An age below so many seconds is shown in whole units of so many seconds; the last unit has no end.
AGE_UNITS = ((120, 1, "s"), (7_200, 60, "min"), (172_800, 3_600, "h"), (63_158_400, 86_400, "d"))
LONGEST_AGE_UNIT = (31_557_600, "years")

_TIMES = {"yyyy-mm-dd hh:nn:ss": "%Y-%m-%d %H:%M:%S", "yyyy-mm-dd": "%Y-%m-%d"}
_PATTERNS = {
    "#,0": ",.0f",
    "0": ".0f",
    "0.0%": ".1%",
    "+#,0.0%;-#,0.0%;0.0%": "+,.1%",
}


def text(described: Object, value: Any) -> str:
    """Return a value of a column or measure as its format shows it; '' for None.

    Raises:
        KeyError: its format is none of those that this model uses.
    """
    if value is None:
        return ""
    properties = described.properties
    if "formatStringDefinition" in properties:
        return _dynamic(properties["formatStringDefinition"], value)
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, date | datetime):
        return f"{value:{_TIMES[properties['formatString']]}}"
    if isinstance(value, str):
        return value
    return f"{value:{_PATTERNS[properties['formatString']]}}" if value else f"{value:{_zero(properties)}}"


def number(value: Decimal | int) -> str:
    """Return a number with separators of thousands and up to nine decimals, without zeros at the end."""
    whole, _, decimals = f"{value:,.9f}".partition(".")
    return f"{whole}.{decimals}".rstrip("0").rstrip(".")


def signed(value: Decimal | int) -> str:
    """Return a number as `number` does, with its sign; zero has none."""
    return f"+{number(value)}" if value > 0 else number(value)


def age(seconds: int) -> str:
    """Return an age in the unit that a person would use, rounded down: '119 s', '5 min', '2 d', '13 years'."""
    for end, length, unit in AGE_UNITS:
        if seconds < end:
            return f"{seconds // length:,} {unit}"
    length, unit = LONGEST_AGE_UNIT
    return f"{seconds // length:,} {unit}"


def _dynamic(expression: str, value: Any) -> str:
    if "years" in expression:
        return age(int(Decimal(value).to_integral_value(ROUND_FLOOR)))
    return signed(value) if '"+#,0' in expression else number(value)


def _zero(properties: dict[str, str]) -> str:
    return _PATTERNS[properties["formatString"].split(";")[-1]]
