"""Records what each day of event time holds in a partition, and how far in the log its events go.

Written with each pass over the log, in its transaction. The table is described in
sql/migrations/0025_days_of_the_log.sql, the choices in docs/decisions/0054-days-of-the-log.md.
"""

from batch.index.index_pass import IndexPass
from batch.store.database import Connection
from clients.statements import load_statements
from sma.days import day_of_number

_SQL = load_statements(__file__)


def record_days(connection: Connection, partition: int, done: IndexPass) -> None:
    """Add the events of a pass to their days; in the pass's transaction, after `sma.series_days`.

    Args:
        connection: to the database.
        partition: of the pass.
        done: the pass.
    """
    if not done.days:
        return
    gains = done.days.values()
    connection.execute(
        _SQL["add_days"],
        {
            "partition": partition,
            "days": [day_of_number(day) for day in done.days],
            "events": [gain.events for gain in gains],
            "late_events": [gain.late_events for gain in gains],
            "min_ms": [gain.min_event_time_ms for gain in gains],
            "max_ms": [gain.max_event_time_ms for gain in gains],
            "first_offsets": [gain.first_offset for gain in gains],
            "next_offsets": [gain.next_offset for gain in gains],
            "late_next_offsets": [gain.late_next_offset for gain in gains],
        },
    )
    gained = list(done.day_counts())
    customers, metrics = zip(*(done.series[series] for series, *_ in gained), strict=True)
    connection.execute(
        _SQL["add_reach"],
        {
            "partition": partition,
            "customers": list(customers),
            "metrics": list(metrics),
            "days": [day_of_number(day) for _, day, *_ in gained],
            "next_offsets": [done.days[day].next_offset if events else 0 for _, day, events, _ in gained],
            "late_next_offsets": [done.days[day].late_next_offset if late else 0 for _, day, _, late in gained],
        },
    )
