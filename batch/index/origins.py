"""Tells from which time on series are known, where the log was indexed without its beginning (`sma.origin`).

Which rows follow from that is decided in `batch.windows`. The stream may know more, since it has read more of the log;
what it alone can know is left out of comparisons here.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from batch.index.known_series import read_definitions
from batch.store.database import Connection
from clients.statements import load_statements
from sma.origin import EVERYTHING_MS, Origin
from sma.window import DurationWindow

Names = tuple[str, str]

_SQL = load_statements(__file__)
_NEVER_MS = 1 << 62


@dataclass(frozen=True, slots=True)
class KnownFrom:
    """The time in ms from which on all events of a series are known: of some, and of all others.

    by_series: by (customer, metric).
    others_ms: `EVERYTHING_MS` where the log has their beginning.
    """

    by_series: Mapping[Names, int] = field(default_factory=dict)
    others_ms: int = EVERYTHING_MS


@dataclass(frozen=True, slots=True)
class PartitionOrigin:
    """The origin of a partition, and the rule that tells from when on its series are known."""

    kafka_partition: int
    allowed_lateness_ms: int
    max_ahead_ms: int
    origin: Origin

    def known_from_ms(self, first_log_time_ms: int) -> int:
        """Return from when on a series is known, by the log time of its first event."""
        return int(self.origin.known_from_ms(first_log_time_ms, self.allowed_lateness_ms, self.max_ahead_ms))

    def latest_first_log_time_ms(self, known_from_ms: int) -> int:
        """Return the latest log time that the first event of a series may have, where it is known from a time on."""
        if self.known_from_ms(_NEVER_MS) <= known_from_ms:
            return _NEVER_MS
        at_most_ms = known_from_ms - self.allowed_lateness_ms - self.max_ahead_ms - 1
        return at_most_ms if self.known_from_ms(EVERYTHING_MS) <= known_from_ms else EVERYTHING_MS


def read_known_from(connection: Connection, partitions: Collection[int], since_ms: int) -> KnownFrom:
    """Return from when on the series of partitions are known that share series, or of one.

    Args:
        connection: sees the offset index.
        partitions: one, or all those that have a part of one another's series.
        since_ms: no earlier event is wanted, so series that are known from before are known from here on.
    """
    origins = [each for each in read_origins(connection) if each.kafka_partition in partitions]
    is_shared = len(partitions) > 1
    known: dict[Names, int] = {}
    for each in origins:
        bound = {
            "partition": each.kafka_partition,
            "since_ms": EVERYTHING_MS if is_shared else each.latest_first_log_time_ms(since_ms),
        }
        for customer, metric, first_ms in connection.execute(_SQL["read_series_since"], bound):
            _keep_latest(known, (customer, metric), each.known_from_ms(first_ms))
    return KnownFrom(known, since_ms if origins and not is_shared else EVERYTHING_MS)


def known_from_of(connection: Connection, series: Collection[Names]) -> dict[Names, int]:
    """Return from when on some series are known, in ms; those of which the log has the beginning are left out."""
    origins = {each.kafka_partition: each for each in read_origins(connection)} if series else {}
    known: dict[Names, int] = {}
    if origins:
        for partition, customer, metric, first_ms in connection.execute(_SQL["read_series"], _names(series)):
            if partition in origins:
                _keep_latest(known, (customer, metric), origins[partition].known_from_ms(first_ms))
    return known


def read_origins(connection: Connection) -> list[PartitionOrigin]:
    """Return the origins of the partitions that were indexed without their beginning."""
    return [
        PartitionOrigin(partition, allowed_lateness_ms, max_ahead_ms, Origin(*origin))
        for partition, allowed_lateness_ms, max_ahead_ms, *origin in connection.execute(_SQL["read_origins"])
    ]


def without_unknown(connection: Connection, differing: pl.DataFrame, average: str) -> pl.DataFrame:
    """Leave out the rows of the stream alone whose windows reach before what the batch layer knows.

    Args:
        connection: sees the offset index and the batch rows.
        differing: as `batch.reconciliation.classify.compare` returns them, of one average.
        average: its name.
    """
    is_extra = pl.col("class") == "extra_in_stream"
    extra = differing.filter(is_extra).select("customer", "metric").unique().rows()
    known = known_from_of(connection, extra)
    if not known:
        return differing
    window = read_definitions(connection)[average].window
    if isinstance(window, DurationWindow):
        whole = {names: known_ms + window.duration_ms for names, known_ms in known.items()}
    else:
        # N events are known from the first row on that has them
        rows = connection.execute(_SQL["read_first_rows"], {"average": average, **_names(known)}).fetchall()
        whole = dict.fromkeys(known, _NEVER_MS) | {(customer, metric): first_ms for customer, metric, first_ms in rows}
    schema = {"customer": pl.String, "metric": pl.String, "whole_ms": pl.Int64}
    bounds = pl.DataFrame([(*names, whole_ms) for names, whole_ms in whole.items()], schema, orient="row")
    joined = differing.join(bounds, on=["customer", "metric"], how="left", maintain_order="left")
    is_unknown = is_extra & (pl.col("as_of_ms") < pl.col("whole_ms")).fill_null(value=False)
    return joined.filter(~is_unknown).drop("whole_ms")


def _names(series: Collection[Names]) -> dict[str, Any]:
    return {"customers": [customer for customer, _ in series], "metrics": [metric for _, metric in series]}


def _keep_latest(known: dict[Names, int], names: Names, known_ms: int) -> None:
    known[names] = max(known_ms, known.get(names, known_ms))
