"""Which events of the log are late? A rule of the log alone: it needs neither the stream nor a clock.

An event is late iff its event time is older than the newest one among the events of its series that stand before it in
the log, less `allowed_lateness`. The stream uses every other event in all of its windows. So what it must have said are
the windows over the events that are not late.
"""

import polars as pl


def judged(events: pl.DataFrame, allowed_lateness_ms: int) -> pl.DataFrame:
    """Return the events of a log with one more column, is_late bool.

    Args:
        events: as in `batch.log.LogRead`, from the beginning of the log on and in its order; positions in two
            partitions have no order, so a series that stands in both is judged in each by itself, as by the stream.
        allowed_lateness_ms: of the averages.
    """
    # the newest so far may be the event itself, which is never behind itself
    newest = pl.col("event_time_ms").cum_max().over("kafka_partition", "customer", "metric")
    return events.with_columns(is_late=pl.col("event_time_ms") < newest - allowed_lateness_ms)
