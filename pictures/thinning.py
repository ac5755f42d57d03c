"""Thins windows to as many as a picture can show: the extremes of each span of time stay, and so does each difference.

Gaps are marked before anything is left out, so a gap between two windows that stay is still one.
"""

import polars as pl

SPANS = 400  # of a picture; each keeps up to 9 windows


def mark_runs(windows: pl.DataFrame, every_ms: int) -> pl.DataFrame:
    """Add the column run Int64: windows on consecutive grid points have one number, and a line connects them.

    Args:
        windows: with as_of_ms Int64, sorted and unique.
        every_ms: distance of two grid points of the average.
    """
    follows_a_gap = (pl.col("as_of_ms").diff() > every_ms).fill_null(value=False)
    return windows.with_columns(run=follows_a_gap.cast(pl.Int64).cum_sum())


def thin(windows: pl.DataFrame, spans: int = SPANS) -> pl.DataFrame:
    """Return the windows to draw: all of them if they are few, else some of each of `spans` equal spans of time.

    A span keeps its first and last window, the lowest and highest of each layer, and of each kind of difference the
    window in which the layers are furthest apart. So no difference and no extreme is hidden.

    Args:
        windows: columns of `batch.report.series_windows.SeriesWindows.windows` and run; sorted in as_of_ms.
        spans: into how many the time is divided.
    """
    if windows.height <= 9 * spans:
        return windows
    first_ms, last_ms = windows["as_of_ms"][0], windows["as_of_ms"][-1]
    width_ms = (last_ms - first_ms) // spans + 1
    numbered = windows.with_row_index("row").with_columns(
        span=(pl.col("as_of_ms") - first_ms) // width_ms,
        # a window that one layer lacks counts as furthest apart
        apart=(pl.col("stream") - pl.col("batch")).abs().cast(pl.Float64).fill_null(float("inf")),
    )
    row = pl.col("row")
    extremes = numbered.group_by("span").agg(
        row.first().alias("first"),
        row.last().alias("last"),
        *(row.get(pl.col(layer).arg_min(), null_on_oob=True).alias(f"{layer}_low") for layer in ("stream", "batch")),
        *(row.get(pl.col(layer).arg_max(), null_on_oob=True).alias(f"{layer}_high") for layer in ("stream", "batch")),
    )
    kept = [extremes[name] for name in extremes.columns if name != "span"]
    furthest = (
        numbered.filter(pl.col("difference").is_not_null())
        .group_by("span", "difference")
        .agg(row.get(pl.col("apart").arg_max()).alias("furthest"))
    )
    rows = pl.concat([*kept, furthest["furthest"]]).drop_nulls().unique()
    return numbered.filter(row.is_in(rows.implode())).select(windows.columns)
