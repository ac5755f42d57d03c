"""Stores averages.yaml's averages in the database, where the serving view looks up how many events a window has."""

from collections.abc import Sequence

import psycopg

from database.migrate import connect
from sma.averages import Average
from sma.durations import format_duration
from sma.errors import SmaError, first_line_of
from sma.window import CountWindow, DurationWindow

_UPSERT = """
INSERT INTO sma.averages (name, window_events, window_ms, every_ms, description)
VALUES (%(name)s, %(window_events)s, %(window_ms)s, %(every_ms)s, %(description)s)
ON CONFLICT (name) DO UPDATE
SET window_events = excluded.window_events,
    window_ms = excluded.window_ms,
    every_ms = excluded.every_ms,
    description = excluded.description
"""


def store_definitions(owner_url: str, averages: Sequence[Average]) -> None:
    """Store these averages in `sma.averages`; a second call changes nothing.

    Averages that are no longer among them stay, so that their rows are served as before.

    Args:
        owner_url: PostgreSQL URL of the role that owns the schemas.
        averages: those of averages.yaml.

    Raises:
        SmaError: the database cannot be reached, or was not migrated.
    """
    try:
        with connect(owner_url) as connection, connection.transaction(), connection.cursor() as cursor:
            cursor.executemany(_UPSERT, [_row(average) for average in averages])
    except psycopg.Error as error:
        raise SmaError(f"the database: sma.averages: {first_line_of(error)}") from error


def _row(average: Average) -> dict[str, object]:
    window = average.window
    return {
        "name": average.name,
        "window_events": window.event_count if isinstance(window, CountWindow) else None,
        "window_ms": window.duration_ms if isinstance(window, DurationWindow) else None,
        "every_ms": average.every_ms,
        "description": f"last {_size(window)}, every {format_duration(average.every_ms)}",
    }


def _size(window: CountWindow | DurationWindow) -> str:
    return f"{window.event_count} events" if isinstance(window, CountWindow) else format_duration(window.duration_ms)
