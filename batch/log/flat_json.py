"""Reads the fields of a flat record from its bytes: a JSON object in ASCII, without nesting, escapes and exponents.

It reads eight bytes at a time, which may go past a record's end; it checks for that afterwards. Constants of other
modules are passed in (`compiled` has the reason).
"""

from typing import Any

import numpy as np

from batch.log.compiled import compiled, inlined, load_byte, load_word, lowest_byte
from batch.log.records import Bytes, Int64s

REST, EVENT, HEARTBEAT = range(3)
PADDING_BYTES = 64  # how far beyond a record's end may be read

# the indices in `Limits`
EARLIEST_MS, LATEST_MS, NAME_CHARACTERS, NO_TIMESTAMP_MS, INTEGER_DIGITS, SCALE = range(6)

Limits = tuple[int, int, int, int, int, int]

_TIME_DIGITS = 18
_UNKNOWN, _CUSTOMER, _METRIC, _EVENT_TIME, _VALUE, _HEARTBEAT = 0, 1, 2, 4, 8, 16
_AN_EVENT = _CUSTOMER | _METRIC | _EVENT_TIME | _VALUE
_NOT_FLAT = -1


def _word(text: bytes) -> np.uint64:
    return np.uint64(int.from_bytes(text, "little"))


_QUOTE, _COLON, _COMMA, _POINT, _MINUS, _ZERO, _OPEN, _CLOSE, _SLASH = b'":,.-0{}/'
_KEYS_1_TO_8 = _word(b"customer"), _word(b'metric"'), _word(b"event_ti"), _word(b'value"'), _word(b"heartbea")
_KEYS_9_ON = _word(b'"'), _word(b'me"'), _word(b't"')
_FIRST = tuple(_word(b"\xff" * count) for count in range(8))
_EACH_1, _EACH_HIGH, _EACH_SPACE = _word(b"\x01" * 8), _word(b"\x80" * 8), _word(b" " * 8)
_EACH_QUOTE, _EACH_BACKSLASH = _word(b'"' * 8), _word(b"\\" * 8)
_EACH_SLASH, _EACH_DEL = _word(b"/" * 8), _word(b"\x7f" * 8)
_EACH_UPPER_HALF, _EACH_6, _EACH_0, _EACH_3S = (
    _word(b"\xf0" * 8), _word(b"\x06" * 8), _word(b"0" * 8), _word(b"\x33" * 8)
)  # fmt: skip


@inlined
def _skip_space(at: int, end: int) -> int:
    while at < end:
        character = load_byte(at)
        if character > 0x20 or not (character == 0x20 or character == 0x0A or character == 0x0D or character == 0x09):
            break
        at += 1
    return at


@inlined
def _string_end(at: int, end: int, is_name: bool) -> int:
    """Return the end of the string whose first character is at `at`, if it has no escapes.

    The highest bit of each byte is set if it is another character; up to the first such byte that is exact.
    """
    while at < end:
        word = load_word(at)
        noted = word | (word - _EACH_SPACE) | ((word ^ _EACH_QUOTE) - _EACH_1) | ((word ^ _EACH_BACKSLASH) - _EACH_1)
        if is_name:
            noted |= ((word ^ _EACH_SLASH) - _EACH_1) | ((word ^ _EACH_DEL) - _EACH_1)
        noted &= _EACH_HIGH
        if noted:
            at += lowest_byte(noted)
            return at if at < end and load_byte(at) == _QUOTE else _NOT_FLAT
        at += 8
    return _NOT_FLAT


@inlined
def _key(at: int, end: int) -> tuple[int, int]:
    """Return the field whose key begins at `at`, and the address after its closing quote."""
    word, next_word = load_word(at), load_word(at + 8)
    customer, metric, event_time, value, heartbeat = _KEYS_1_TO_8
    quote, event_time_rest, heartbeat_rest = _KEYS_9_ON
    if word == customer and next_word & _FIRST[1] == quote:
        return _CUSTOMER, at + 9
    if word & _FIRST[7] == metric:
        return _METRIC, at + 7
    if word == event_time and next_word & _FIRST[3] == event_time_rest:
        return _EVENT_TIME, at + 11
    if word & _FIRST[6] == value:
        return _VALUE, at + 6
    if word == heartbeat and next_word & _FIRST[2] == heartbeat_rest:
        return _HEARTBEAT, at + 10
    key_end = _string_end(at, end, False)
    return _UNKNOWN, key_end if key_end == _NOT_FLAT else key_end + 1


@inlined
def _digits(at: int, end: int) -> tuple[int, int]:
    """Return the number of the digits from `at` on, right for up to 18 of them, and where they end."""
    number = 0
    while end - at >= 8:
        word = load_word(at)
        upper_halves = (word & _EACH_UPPER_HALF) | (((word + _EACH_6) & _EACH_UPPER_HALF) >> np.uint64(4))
        if upper_halves != _EACH_3S:
            break
        # neighbours together: digits to pairs, pairs to fours, fours to eight
        word -= _EACH_0
        word = word * np.uint64(10) + (word >> np.uint64(8))
        word = (word & np.uint64(0x000000FF000000FF)) * np.uint64(0x000F424000000064) + (
            (word >> np.uint64(16)) & np.uint64(0x000000FF000000FF)
        ) * np.uint64(0x0000271000000001)
        eight: Any = np.int64(word >> np.uint64(32))
        number = number * 100_000_000 + eight
        at += 8
    while at < end:
        digit = load_byte(at) - _ZERO
        if digit < 0 or digit > 9:
            break
        number = number * 10 + digit
        at += 1
    return number, at


@inlined
def _number(at: int, end: int, field: int, limits: Limits) -> tuple[int, int]:
    """Return the number at `at` as its field requires it, and the address after it; _NOT_FLAT where it is not right."""
    is_string = load_byte(at) == _QUOTE
    at += is_string
    sign = 1
    if load_byte(at) == _MINUS:
        sign = -1
        at += 1
    number, stop = _digits(at, end)
    digits = stop - at
    if digits == 0 or (digits > 1 and not is_string and load_byte(at) == _ZERO):
        return 0, _NOT_FLAT
    fraction, decimals = 0, 0
    if load_byte(stop) == _POINT:
        point = stop
        fraction, stop = _digits(point + 1, end)
        decimals = stop - point - 1
        if decimals < 1:
            return 0, _NOT_FLAT
    if field == _VALUE:
        if digits > limits[INTEGER_DIGITS] or decimals > limits[SCALE]:
            return 0, _NOT_FLAT
        for place in range(limits[SCALE]):
            number *= 10
            if place >= decimals:
                fraction *= 10
        number += fraction
        if is_string:
            if load_byte(stop) != _QUOTE:
                return 0, _NOT_FLAT
            stop += 1
    elif field != _UNKNOWN:
        is_time = not is_string and decimals == 0 and digits <= _TIME_DIGITS
        if not is_time or not limits[EARLIEST_MS] <= sign * number < limits[LATEST_MS]:
            return 0, _NOT_FLAT
    return sign * number, stop


@inlined
def _name_end(at: int, end: int, limits: Limits) -> int:
    """Return the end of the name whose opening quote is at `at`."""
    stop = _string_end(at + 1, end, True)
    return stop if load_byte(at) == _QUOTE and 1 < stop - at <= limits[NAME_CHARACTERS] + 1 else _NOT_FLAT


@inlined
def _read_object(at: int, end: int, limits: Limits) -> tuple[int, int, int, int, int, int, int]:
    """Return the fields, all of them flat, or _NOT_FLAT; where the names begin and end; time; micro-units."""
    fields = 0
    customer, customer_end, metric, metric_end, time_ms, micros = at, at, at, at, 0, 0
    at = _skip_space(at, end)
    following = _COMMA if load_byte(at) == _OPEN else _NOT_FLAT
    while following == _COMMA:
        following = _NOT_FLAT
        at = _skip_space(at + 1, end)
        if load_byte(at) != _QUOTE:
            break
        field, at = _key(at + 1, end)
        if at == _NOT_FLAT or fields & field:
            break
        fields |= field
        at = _skip_space(at, end)
        if load_byte(at) != _COLON:
            break
        at = _skip_space(at + 1, end)
        if field == _CUSTOMER:
            customer, customer_end = at + 1, _name_end(at, end, limits)
            at = customer_end if customer_end == _NOT_FLAT else customer_end + 1
        elif field == _METRIC:
            metric, metric_end = at + 1, _name_end(at, end, limits)
            at = metric_end if metric_end == _NOT_FLAT else metric_end + 1
        elif field == _VALUE:
            micros, at = _number(at, end, field, limits)
        elif field != _UNKNOWN:
            time_ms, at = _number(at, end, field, limits)
        elif load_byte(at) == _QUOTE:
            at = _string_end(at + 1, end, False)
            at = at if at == _NOT_FLAT else at + 1
        else:
            _, at = _number(at, end, field, limits)
        if at == _NOT_FLAT:
            break
        at = _skip_space(at, end)
        following = load_byte(at)
    if following != _CLOSE or _skip_space(at + 1, end) != end:
        fields = _NOT_FLAT
    return fields, customer, customer_end, metric, metric_end, time_ms, micros


@inlined
def _is_equal(at: int, end: int, other: int) -> bool:
    while end - at >= 8 and load_word(at) == load_word(other):
        at += 8
        other += 8
    return at == end or (end - at < 8 and (load_word(at) ^ load_word(other)) & _first(end - at) == 0)


@inlined
def _first(count: int) -> Any:
    """The bits of the first bytes of a word: fewer than all."""
    return (np.uint64(1) << np.uint64(8 * count)) - np.uint64(1)


@inlined
def _is_series(key: int, length: int, customer: int, customer_end: int, metric: int, metric_end: int) -> bool:
    """Return whether a key is the names of customer and metric with a slash between them."""
    slash = key + customer_end - customer
    return (
        length == customer_end - customer + 1 + metric_end - metric
        and load_byte(slash) == _SLASH
        and _is_equal(customer, customer_end, key)
        and _is_equal(metric, metric_end, slash + 1)
    )


@compiled(
    "void(uint8[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64, UniTuple(int64, 6), "
    "uint8[::1], int64[::1], int64[::1], int64[::1])"
)
def read_flat(
    text: Bytes,
    key_starts: Int64s,
    key_lengths: Int64s,
    starts: Int64s,
    lengths: Int64s,
    timestamps_ms: Int64s,
    max_ahead_ms: int,
    limits: Limits,
    kinds: Bytes,
    times_ms: Int64s,
    log_times_ms: Int64s,
    values_micros: Int64s,
) -> None:
    """Read the records at `starts`; see `FlatRecords` for the results.

    Args:
        text: the bytes, and `PADDING_BYTES` more of any value.
        key_starts: where each record's key begins.
        key_lengths: how long it is; -1 for none.
        starts: where each record's value begins.
        lengths: how long it is; -1 for none.
        timestamps_ms: the records' own; or limits[NO_TIMESTAMP_MS].
        max_ahead_ms: how far an event time may be ahead of that.
        limits: what is in range; the time limits[LATEST_MS] is not.
        kinds: receives REST, EVENT or HEARTBEAT.
        times_ms: receives the time of an event.
        log_times_ms: receives the time of an event or a heartbeat, or the record's timestamp where that is earlier.
        values_micros: receives the value of an event.
    """
    base: Any = np.int64(text.ctypes.data)
    for row in range(len(kinds)):
        kinds[row] = REST
        if lengths[row] < 0:
            continue
        at = base + starts[row]
        fields, customer, customer_end, metric, metric_end, time_ms, micros = _read_object(
            at, at + lengths[row], limits
        )
        has_timestamp = timestamps_ms[row] != limits[NO_TIMESTAMP_MS]
        log_time_ms = timestamps_ms[row] if has_timestamp and timestamps_ms[row] < time_ms else time_ms
        if fields == _AN_EVENT:
            key = base + key_starts[row]
            is_ahead = has_timestamp and time_ms - max_ahead_ms > timestamps_ms[row]
            if not is_ahead and _is_series(key, key_lengths[row], customer, customer_end, metric, metric_end):
                kinds[row] = EVENT
        elif fields == _HEARTBEAT:
            kinds[row] = HEARTBEAT
        times_ms[row], log_times_ms[row], values_micros[row] = time_ms, log_time_ms, micros
