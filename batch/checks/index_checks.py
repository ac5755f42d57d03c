"""Checks that the offset index is complete, and that the batch results keep up with the stream; each within seconds."""

from batch.checks.finding import Finding
from batch.index.split_series import read_split_series
from batch.store.database import Connection
from clients.statements import load_statements
from sma.averages import Averages
from sma.durations import format_duration

LISTED_SERIES = 3
NEWEST_BLOCKS = 5_000  # 20 million events
WAY_OUT = "let all producers use murmur2, and see docs/runbooks/SeriesInTwoPartitions.md"

_SQL = load_statements(__file__)


def index_has_no_gaps(connection: Connection, most_blocks: int = NEWEST_BLOCKS) -> Finding:
    """Tell whether the newest blocks of each partition touch one another, up to where it was indexed to.

    Older ones were looked at when they were new: nothing but a hand in the database moves them.
    """
    gaps = connection.execute(_SQL["find_gaps"], {"most": most_blocks}).fetchall()
    figures = {"gaps": len(gaps), "newest_blocks": most_blocks}
    if not gaps:
        return Finding(True, f"the newest {most_blocks:,} blocks of each partition touch one another", figures)
    partition, ended_at, first_offset = gaps[0]
    fault = "are in no block" if ended_at < first_offset else "are in two"
    first, last = sorted((ended_at, first_offset))
    return Finding(False, f"partition {partition}: the Kafka offsets {first} to {last - 1} {fault}", figures)


def series_live_in_one_partition(connection: Connection) -> Finding:
    """Tell whether no series had events in more than one partition indexed within the last day.

    Else the order of its events is undefined, and the stream's rows of it are wrong.
    """
    found = read_split_series(connection, LISTED_SERIES)
    figures = {"series_in_two_partitions": found.count, "series_with_rows_not_final": found.marked}
    if not found.count:
        return Finding(True, "each series lives in one partition", figures)
    return Finding(False, f"{found.in_words()}; {WAY_OUT}", figures)


def batch_keeps_up(connection: Connection, averages: Averages, most_ms: int) -> Finding:
    """Tell whether rows that no batch result covers yet have been there for no longer than `most_ms`."""
    waiting: dict[str, tuple[int, int]] = {}
    for average in averages.averages:
        row = connection.execute(_SQL["read_computed_until"], {"average": average.name}).fetchone() or ("-infinity",)
        bound = {"average": average.name, "computed_until": row[0]}
        waiting[average.name] = connection.execute(_SQL["count_not_computed"], bound).fetchone() or (0, 0)
    oldest, (rows, seconds) = max(waiting.items(), key=lambda item: item[1][1])
    figures = {"seconds": seconds, "rows_without_result": sum(count for count, _ in waiting.values())}
    passed = seconds * 1000 <= most_ms
    description = f"average {oldest}: {rows:,} streamed rows have had no batch result for up to {seconds:,} s"
    return Finding(passed, f"{description}; {format_duration(most_ms)} are allowed", figures, is_error=False)
