"""What `--time-format` says: the pattern of a cell that is read by its digits, and formats that are refused.

A format is refused where a time would depend on the machine, or has no day.
"""

import re
from calendar import month_abbr
from datetime import datetime

from sma.errors import SmaError

EPOCH_SHIFTS = {"epoch_s": 3, "epoch_ms": 0, "epoch_us": -3, "epoch_ns": -6}
"""How far the decimal point moves to the right from each unit to milliseconds."""

EPOCH_BY_DIGITS = {10: "epoch_s", 13: "epoch_ms", 16: "epoch_us", 19: "epoch_ns"}
"""The unit of a time between 2001 and 2286, by its whole digits."""

_CLOCK = (
    r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:[.,](?P<fraction>[0-9]+))?)?"
    r" ?(?P<zone>Z|UTC|[+-](?P<zone_hour>[0-9]{2})(?::?(?P<zone_minute>[0-9]{2}))?)?"
)
ISO = re.compile(rf"(?P<year>[0-9]{{4}})-(?P<month>[0-9]{{2}})-(?P<day>[0-9]{{2}})(?:[T ]{_CLOCK})?", re.ASCII)

_DIRECTIVE = re.compile(r"%(.)", re.DOTALL)
_FIELDS = {
    "Y": r"(?P<year>[0-9]{4})",
    "m": r"(?P<month>[0-9]{1,2})",
    "d": r"(?P<day>[0-9]{1,2})",
    "H": r"(?P<hour>[0-9]{1,2})",
    "M": r"(?P<minute>[0-9]{1,2})",
    "S": r"(?P<second>[0-9]{1,2})",
    "y": r"(?P<short_year>[0-9]{2})",
    "b": r"(?P<month_name>[A-Za-z]{3})",
    "I": r"(?P<half_hour>[0-9]{1,2})",
    "p": r"(?P<half>[AP]M)",
    "f": r"(?P<fraction>[0-9]{1,6})",
    "z": r"(?P<zone>Z|[+-](?P<zone_hour>[0-9]{2}):?(?P<zone_minute>[0-9]{2}))",
    "%": "%",
}
MONTHS = {name: number for number, name in enumerate(month_abbr) if name}

_YEARS, _MONTHS, _WEEKDAYS = frozenset("YyG"), frozenset("mbB"), frozenset("aAwu")


def pattern_of(time_format: str | None, decimal: str) -> re.Pattern[str] | None:
    """Return the pattern of the cells of a format that are read by their digits; None where there is none.

    Args:
        time_format: as given; None is ISO 8601.
        decimal: the character before decimals of a number.
    """
    if time_format is None:
        return ISO
    if time_format in EPOCH_SHIFTS:
        return re.compile(rf"[+-]?(?P<whole>[0-9]+)(?:[.{decimal}](?P<fraction>[0-9]*))?", re.ASCII)
    directives = _DIRECTIVE.findall(time_format)
    is_plain = set(directives) <= _FIELDS.keys() and len(set(directives)) == len(directives)
    if not is_plain or re.search(r"%[a-zA-Z]%[a-zA-Z]", time_format):
        return None
    parts = re.split(r"(%.|\s+)", time_format)
    texts = (_FIELDS[part[1]] if part[:1] == "%" else r"\s+" if part.isspace() else re.escape(part) for part in parts)
    return re.compile("".join(texts), re.ASCII)


def check_time_format(time_format: str | None) -> None:
    """Refuse a format whose times are not instants.

    Raises:
        SmaError: the text says what is missing and the fix.
    """
    if time_format is None or time_format in EPOCH_SHIFTS:
        return
    where = f"--time-format: {time_format!r}"
    directives = set(_DIRECTIVE.findall(time_format))
    if not directives:
        raise SmaError(f"{where} is no format: give epoch_s, epoch_ms, epoch_us, epoch_ns, or e.g. '%d.%m.%Y %H:%M'")
    if "Z" in directives:
        raise SmaError(
            f"{where}: %Z is refused, since a name such as EST means another zone on another machine: "
            "use %z for offsets such as -05:00, or --time-zone"
        )
    if not directives & {"c", "x"} and not (directives & _YEARS and _has_day(directives)):
        raise SmaError(f"{where}: has no day: a time needs a year, a month and a day, e.g. '%d.%m.%Y %H:%M'")
    if "I" in directives and "p" not in directives:
        raise SmaError(f"{where}: %I is an hour of 12: add %p, or use %H")
    try:
        datetime.strptime("", time_format)  # noqa: DTZ007 - only the format is looked at
    except ValueError as error:
        if "does not match format" not in str(error):
            raise SmaError(f"{where}: {error}: see https://docs.python.org/3/library/datetime.html") from None


def _has_day(directives: set[str]) -> bool:
    of_month = bool(directives & _MONTHS) and "d" in directives
    of_week = bool(directives & set("UWV")) and bool(directives & _WEEKDAYS)
    return of_month or "j" in directives or of_week
