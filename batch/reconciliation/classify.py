"""Compares the streamed with the batch rows, and classifies each difference as explained or not.

Late events explain one, and so does a series that is in two partitions, of which the stream has one.

Pure functions of frames of one day and one average, with the columns of `batch.store.averages_schema`.
"""

from dataclasses import dataclass, field
from typing import Literal, get_args

import polars as pl

from batch.store.averages_schema import AVERAGES_SCHEMA, KEY

DifferenceClass = Literal["changed", "missing_in_stream", "extra_in_stream"]

DIFFERENCES_SCHEMA = {
    "customer": pl.String,
    "metric": pl.String,
    "average": pl.String,
    "as_of_ms": pl.Int64,
    "class": pl.String,
    "is_explained": pl.Boolean,
    "late_event_count": pl.Int64,
    "stream_value_sum_micros": pl.Int128,
    "stream_event_count": pl.Int64,
    "batch_value_sum_micros": pl.Int128,
    "batch_event_count": pl.Int64,
    "of_one_partition": pl.Boolean,
}


@dataclass(frozen=True, slots=True)
class Summary:
    """How many windows either layer has, by the result of comparing them.

    windows_compared = equal + changed + missing_in_stream + extra_in_stream; explained + unexplained = the others.
    `of_one_partition` of the explained ones are the windows of one partition, of a series that has more.
    """

    windows_compared: int
    equal: int
    changed: int
    missing_in_stream: int
    extra_in_stream: int
    explained: int
    unexplained: int
    of_one_partition: int = 0


@dataclass(frozen=True, slots=True)
class Recomputed:
    """The rows recomputed from the log, by which a difference is classified.

    batch: from the log up to where the batch result was computed from.
    stream: from the log up to where the stream has read it, without the late events.
    late: customer str, metric str, average str, as_of_ms Int64, late_event_count: how many late events each window
        holds; unique in the first four, windows that hold none left out.
    of_one_partition: as `stream`, over the events of each partition alone; only of series that have more than one, and
        a row for each of them.
    """

    batch: pl.DataFrame
    stream: pl.DataFrame
    late: pl.DataFrame
    of_one_partition: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=AVERAGES_SCHEMA))


def compare(streamed: pl.DataFrame, batch: pl.DataFrame) -> pl.DataFrame:
    """Return the windows that differ.

    Returns:
        differing: `DIFFERENCES_SCHEMA` less is_explained and late_event_count; the pair of a layer that has no row is
        null; sorted by and unique in the key.
    """
    pairs = _named(streamed, "stream").join(_named(batch, "batch"), on=KEY, how="full", coalesce=True)
    is_equal = pl.col("stream_value_sum_micros").eq_missing(pl.col("batch_value_sum_micros")) & pl.col(
        "stream_event_count"
    ).eq_missing(pl.col("batch_event_count"))
    difference_class = (
        pl.when(pl.col("stream_event_count").is_null())
        .then(pl.lit("missing_in_stream"))
        .when(pl.col("batch_event_count").is_null())
        .then(pl.lit("extra_in_stream"))
        .otherwise(pl.lit("changed"))
    )
    return pairs.filter(~is_equal).with_columns(difference_class.alias("class")).sort(KEY)


def classify_differences(differing: pl.DataFrame, recomputed: Recomputed) -> pl.DataFrame:
    """Classify each differing window as explained or not.

    A difference is explained iff its window recomputed without the late events equals the streamed pair to the last
    digit (no events left: the stream has no row), and with them the batch pair. Of a series in more than one partition,
    the streamed pair may also be that of the events of one of them. Anything else is a defect or a loss.

    Returns:
        differences: `DIFFERENCES_SCHEMA`; sorted by and unique in the key.
    """
    of_one_partition = _named(recomputed.of_one_partition, "stream").unique().with_columns(is_of_one=True)
    classified = (
        differing.join(_named(recomputed.stream, "recomputed_stream"), on=KEY, how="left")
        .join(_named(recomputed.batch, "recomputed_batch"), on=KEY, how="left")
        .join(recomputed.late, on=KEY, how="left")
        .join(of_one_partition, on=[*KEY, "stream_value_sum_micros", "stream_event_count"], how="left")
        .with_columns(_is_right("stream").alias("is_stream_right"), _is_right("batch").alias("is_batch_right"))
        .with_columns(
            (pl.col("is_batch_right") & ~pl.col("is_stream_right") & pl.col("is_of_one").fill_null(value=False)).alias(
                "of_one_partition"
            ),
            pl.col("late_event_count").fill_null(0),
        )
        .with_columns(
            (pl.col("is_batch_right") & pl.col("is_stream_right") | pl.col("of_one_partition")).alias("is_explained")
        )
    )
    return classified.select(pl.col(column).cast(kind) for column, kind in DIFFERENCES_SCHEMA.items()).sort(KEY)


def _is_right(layer: str) -> pl.Expr:
    """Return whether the pair of a layer equals the recomputed one."""
    return pl.all_horizontal(
        pl.col(f"{layer}_{column}").eq_missing(pl.col(f"recomputed_{layer}_{column}"))
        for column in ("value_sum_micros", "event_count")
    )


def difference_size() -> pl.Expr:
    """Return how far apart the sums of a difference are, in micro-units; no row counts as 0."""
    return (pl.col("batch_value_sum_micros").fill_null(0) - pl.col("stream_value_sum_micros").fill_null(0)).abs()


def summarize(equal: int, differences: pl.DataFrame) -> Summary:
    """Count the results of `compare` and `classify_differences`; `equal` is how many windows are equal."""
    counts = dict(differences["class"].value_counts().iter_rows())
    classes = {name: int(counts.get(name, 0)) for name in get_args(DifferenceClass)}
    explained = int(differences["is_explained"].sum())
    return Summary(
        windows_compared=equal + differences.height,
        equal=equal,
        **classes,
        explained=explained,
        unexplained=differences.height - explained,
        of_one_partition=int(differences["of_one_partition"].sum()),
    )


def _named(rows: pl.DataFrame, layer: str) -> pl.DataFrame:
    return rows.select(
        *KEY,
        pl.col("value_sum_micros").alias(f"{layer}_value_sum_micros"),
        pl.col("event_count").alias(f"{layer}_event_count"),
    )
