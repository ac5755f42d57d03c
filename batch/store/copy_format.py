"""Encodes rows of averages for PostgreSQL's binary COPY: columns to bytes, in a few passes of numpy.

PostgreSQL then parses no text, which is most of what a row costs it. A numeric is sent in groups of four decimal digits
and may have leading and trailing groups of zeros, which PostgreSQL drops: so every sum of a block gets as many groups
as the largest needs, and rows whose names have equally many bytes are equally long. What is sent, and when, does not
belong here.

Source: PostgreSQL, COPY, binary format; numeric_recv, timestamptz_recv.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import polars as pl

from sma.errors import SmaError
from sma.limits import VALUE_SCALE

Int64s = npt.NDArray[np.int64]

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
POSTGRES_EPOCH_MS = 946_684_800_000  # 2000-01-01
BLOCK_ROWS = 1 << 15

_NAMES = ["customer", "metric", "average"]
_FIELDS = 6  # the names, as_of, value_sum, event_count
_GROUP = 10_000
_NEGATIVE = 0x4000
# a sum counts 10^-6, the last digit of its last group 10^-8
_LAST_GROUP_FACTOR = 100
_GROUPS_AFTER_POINT = 2
_LANE_GROUPS = 4
_LANE = _GROUP**_LANE_GROUPS
_LOWEST_LANE = _LANE // _LAST_GROUP_FACTOR  # in micro-units, as are sums
_LARGEST_MICROS = 10**38 - 1  # in numeric(38, 6)


def encode_rows(rows: pl.DataFrame) -> Iterator[bytes]:
    """Return what `COPY … (customer, metric, average, as_of, value_sum, event_count) FROM STDIN (FORMAT binary)` reads.

    Args:
        rows: `batch.store.averages_schema`, in any order; fastest where the rows of a series are together.

    Returns:
        header, rows, trailer; at most BLOCK_ROWS rows at a time.

    Raises:
        SmaError: a sum is too large for numeric(38, 6).
    """
    yield HEADER
    for block in rows.iter_slices(BLOCK_ROWS):
        yield from _encode_block(block)
    yield TRAILER


def _encode_block(rows: pl.DataFrame) -> Iterator[bytes]:
    """Yield a block's rows, grouped by how many bytes the names of a series have together."""
    heads, head_of_row = _heads(rows)
    groups = _groups(rows["value_sum_micros"])
    columns = {
        "as_of": (rows["as_of_ms"].to_numpy() - POSTGRES_EPOCH_MS) * 1_000,
        "sign": rows.select(pl.col("value_sum_micros") < 0).to_series().to_numpy() * _NEGATIVE,
        "groups": groups,
        "event_count": rows["event_count"].to_numpy(),
    }
    head_bytes = np.array([len(head) for head in heads])
    for size in np.unique(head_bytes):
        alike = np.flatnonzero(head_bytes == size)
        chosen = slice(None) if len(alike) == len(heads) else np.flatnonzero(head_bytes[head_of_row] == size)
        place = np.zeros(len(heads), np.int64)
        place[alike] = np.arange(len(alike))
        table = np.frombuffer(b"".join(heads[index] for index in alike), f"V{size}")
        head = table[place[head_of_row[chosen]]]
        records = np.repeat(_template(int(size), groups.shape[1]), len(head))
        records["head"] = head
        for name, values in columns.items():
            records[name] = values[chosen]
        yield records.tobytes()


def _heads(rows: pl.DataFrame) -> tuple[list[bytes], Int64s]:
    """Return a row's first bytes, up to the value of `as_of`, for each run of rows with the same names.

    Returns:
        heads: of the runs; and for each row, which of them is its own.
    """
    is_first = pl.any_horizontal((pl.col(name) != pl.col(name).shift(1)).fill_null(value=True) for name in _NAMES)
    firsts = rows.select(is_first.alias("is_first"), *_NAMES).with_row_index("at").filter("is_first")
    heads = [
        _FIELDS.to_bytes(2, "big") + b"".join(map(_with_length, names)) + (8).to_bytes(4, "big")
        for names in firsts.select(_NAMES).iter_rows()
    ]
    run_lengths = np.diff(firsts["at"].to_numpy().astype(np.int64), append=rows.height)
    return heads, np.repeat(np.arange(len(heads)), run_lengths)


def _with_length(name: str) -> bytes:
    encoded = name.encode()
    return len(encoded).to_bytes(4, "big") + encoded


def _groups(sums: pl.Series) -> npt.NDArray[np.int16]:
    """Return the sizes of sums in micro-units in groups of four decimal digits: rows x groups, the highest group first.

    The last group ends at 10^-8. There are as many as the largest sum needs, and at least one.
    """
    largest = max(-int(sums.min()), int(sums.max()))  # type: ignore[arg-type]  # whole numbers, of at least one row
    if largest > _LARGEST_MICROS:
        raise SmaError(f"value_sum: {largest} micro-units are too large for numeric(38, 6)")
    rest = sums.abs().to_frame("sum")
    groups: list[Int64s] = []
    lane, factor = _LOWEST_LANE, _LAST_GROUP_FACTOR
    while not groups or largest:
        low = rest
        if largest >= lane:  # most sums fit one lane, and need no division of 128 bits
            low, rest = rest.select(pl.col("sum") % lane), rest.select(pl.col("sum") // lane)
        groups += _split(low["sum"].cast(pl.Int64).to_numpy() * factor, min(largest, lane - 1) * factor)
        largest //= lane
        lane, factor = _LANE, 1
    return np.stack(groups[::-1], axis=1, dtype=np.int16)


def _split(lane: Int64s, largest: int) -> list[Int64s]:
    """Return a lane's groups, the lowest first: as many as its largest number needs, and at least one."""
    groups: list[Int64s] = []
    while not groups or largest:
        rest = lane // _GROUP
        groups.append(lane - rest * _GROUP)  # faster than %
        lane, largest = rest, largest // _GROUP
    return groups


def _template(head_bytes: int, group_count: int) -> npt.NDArray[np.void]:
    """Return the binary form of a row, with the bytes that all rows share; each value follows its length in bytes."""
    record = np.dtype(
        [
            ("head", f"V{head_bytes}"),
            ("as_of", ">i8"),
            ("sum_bytes", ">i4"),
            ("group_count", ">i2"),
            ("weight", ">i2"),
            ("sign", ">u2"),
            ("scale", ">i2"),
            ("groups", ">i2", (group_count,)),
            ("count_bytes", ">i4"),
            ("event_count", ">i8"),
        ]
    )
    template = np.zeros(1, record)
    template["sum_bytes"] = 2 * (4 + group_count)
    template["group_count"] = group_count
    template["weight"] = group_count - 1 - _GROUPS_AFTER_POINT
    template["scale"] = VALUE_SCALE
    template["count_bytes"] = 8
    return template
