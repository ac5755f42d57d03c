"""Records in the database what the job computes from each start on, for the batch layer and for readers.

Each start with empty state begins a generation: a number that the rows and side outputs of the job carry from then on.
What carries a former one follows from rules that may have been others, and is left out. The generation of a state is
kept with it, in its job config.
"""

from datetime import datetime

from psycopg.types.json import Jsonb

from clients.postgres import session
from sma.errors import SmaError
from sma.settings import StreamingSettings
from streaming.control.job_config import JobConfig

_NEWEST = "SELECT started_at FROM sma.job_starts ORDER BY start_id DESC LIMIT 1"
_PRESENT = "SELECT sma.present_generation()"
_ADD = """
    INSERT INTO sma.job_starts (
        generation, resumed_from, watermark_delay_ms, allowed_lateness_ms, max_ahead_ms, averages
    )
    VALUES (
        %(generation)s,
        %(resumed_from)s,
        %(watermark_delay_ms)s,
        %(allowed_lateness_ms)s,
        %(max_ahead_ms)s,
        %(averages)s
    )
"""
_COLUMNS = ("generation", "watermark_delay_ms", "allowed_lateness_ms", "max_ahead_ms")


def newest_start(settings: StreamingSettings) -> datetime | None:
    """Return when the job was started last; None before the first start.

    Raises:
        SmaError: the database does not answer.
    """
    with session(settings.streaming_database_url, "SMA_STREAMING_DATABASE_URL", "streaming") as connection:
        row = connection.execute(_NEWEST).fetchone()
    return row[0] if row else None


def present_generation(settings: StreamingSettings) -> int:
    """Return the generation of the newest start; 0 before the first.

    Raises:
        SmaError: the database does not answer.
    """
    with session(settings.streaming_database_url, "SMA_STREAMING_DATABASE_URL", "streaming") as connection:
        ((generation,),) = connection.execute(_PRESENT).fetchall()
    return int(generation)


def require_present(settings: StreamingSettings, generation: int) -> None:
    """Refuse a state whose rows would be left out, such as one that was copied back from before a fresh start.

    Raises:
        SmaError: a later start has begun a later generation, or the database does not answer.
    """
    present = present_generation(settings)
    if generation < present:
        raise SmaError(
            f"the state of the job is of generation {generation}, and a later start of the job has begun generation "
            f"{present}: `sma stream start --fresh` computes everything again"
        )


def add_start(settings: StreamingSettings, config: JobConfig, resumed_from: str | None) -> None:
    """Record a start: what the job computes, and from which snapshot; None with empty state.

    Raises:
        SmaError: the database does not answer.
    """
    values = {column: getattr(config, column) for column in _COLUMNS}
    averages = {
        name: {key: value for key, value in window.items() if key != "average"}
        for name, window in config.windows.items()
    }
    with session(settings.streaming_database_url, "SMA_STREAMING_DATABASE_URL", "streaming") as connection:
        connection.execute(_ADD, values | {"resumed_from": resumed_from, "averages": Jsonb(averages)})
