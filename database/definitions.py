"""Stores averages.yaml's averages in the database, where the serving view looks up how many events a window has.

A name is bound to its window for as long as rows of it are stored: readers would else see rows of two windows as one
average.
"""

from collections.abc import Mapping, Sequence

import psycopg

from database.migrate import connect
from sma.averages import Average
from sma.errors import SmaError, first_line_of
from sma.window import CountWindow, DurationWindow, window_in_words

# with the definitions locked, so that of two commands the second sees what the first has stored
_OTHER = """
SELECT
    stored.description,
    EXISTS (SELECT FROM sma.streaming_averages AS row WHERE row.average = stored.name)
    OR EXISTS (SELECT FROM sma.batch_averages AS row WHERE row.average = stored.name)
    OR EXISTS (SELECT FROM sma.batch_days AS computed WHERE computed.average = stored.name)
FROM sma.averages AS stored
WHERE stored.name = %(name)s
    AND (stored.window_events, stored.window_ms, stored.every_ms, stored.offset_ms)
        IS DISTINCT FROM (%(window_events)s::bigint, %(window_ms)s::bigint, %(every_ms)s::bigint, %(offset_ms)s::bigint)
"""
_UPSERT = """
INSERT INTO sma.averages (name, window_events, window_ms, every_ms, offset_ms, description)
VALUES (%(name)s, %(window_events)s, %(window_ms)s, %(every_ms)s, %(offset_ms)s, %(description)s)
ON CONFLICT (name) DO UPDATE
SET window_events = excluded.window_events,
    window_ms = excluded.window_ms,
    every_ms = excluded.every_ms,
    offset_ms = excluded.offset_ms,
    description = excluded.description
"""


def store_definitions(owner_url: str, averages: Sequence[Average]) -> None:
    """Store these averages in `sma.averages`; a second call changes nothing.

    Averages that are no longer among them stay, so that their rows are served as before, and so does their name.

    Args:
        owner_url: PostgreSQL URL of the role that owns the schemas.
        averages: those of averages.yaml.

    Raises:
        SmaError: the database cannot be reached, or was not migrated, or has rows of another window under a name.
    """
    rows = [_row(average) for average in averages]
    try:
        with connect(owner_url) as connection, connection.transaction(), connection.cursor() as cursor:
            cursor.execute("LOCK TABLE sma.averages IN SHARE ROW EXCLUSIVE MODE")
            for row in rows:
                _require_unbound(cursor.execute(_OTHER, row).fetchone(), row)
            cursor.executemany(_UPSERT, rows)
    except psycopg.Error as error:
        raise SmaError(f"the database: sma.averages: {first_line_of(error)}") from error


def _require_unbound(other: tuple[str, bool] | None, row: Mapping[str, object]) -> None:
    if other is None:
        return
    description, has_rows = other
    if has_rows:
        raise SmaError(
            f"average {row['name']}: averages.yaml has the {row['description']}, and rows of the {description} are "
            "stored under that name: give the new one a name of its own"
        )


def _row(average: Average) -> dict[str, object]:
    window = average.window
    return {
        "name": average.name,
        "window_events": window.event_count if isinstance(window, CountWindow) else None,
        "window_ms": window.duration_ms if isinstance(window, DurationWindow) else None,
        "every_ms": average.every_ms,
        "offset_ms": average.offset_ms,
        "description": f"last {window_in_words(window)}, every {average.every_in_words}",
    }
