"""Writes the plans that the operator reads: what a job computes, from which offsets to which, and how it connects.

A plan holds secrets: it goes to Flink and nowhere else. The files of certificates and keys that the settings name are
read here; nothing here connects to anything.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import SecretStr

from clients.kafka.java import java_properties
from sma.averages import Average, Averages
from sma.settings import StreamingSettings
from sma.window import CountWindow, DurationWindow
from streaming.submit.jdbc import JdbcAddress

LINGER_MS = 20  # how long a record may wait to be sent with others


def running_plan(
    settings: StreamingSettings,
    averages: Averages,
    generation: int,
    from_offsets: Mapping[int, int],
    publish_from: Mapping[int, int],
) -> dict[str, Any]:
    """Return the plan of the running job.

    Args:
        settings: where everything is.
        averages: what it computes.
        generation: of the rules; its rows replace those of earlier ones, whatever these were computed from.
        from_offsets: first Kafka offset of each partition; of no effect where it resumes from a snapshot.
        publish_from: what records before these offsets give is in the topics already.
    """
    plan = _plan(settings, averages, generation, from_offsets)
    plan["kafka"] |= {
        "late_events_topic": settings.late_events_topic,
        "rejected_events_topic": settings.rejected_events_topic,
        "averages_topic": settings.moving_averages_topic if settings.publish_averages else None,
        "publish_from_offsets": dict(publish_from),
        "commits_offsets": True,
    }
    plan["database"] = _database(settings.streaming_database_url)
    return plan


def catch_up_plan(
    settings: StreamingSettings, averages: Averages, generation: int, from_offsets: Mapping[int, int]
) -> dict[str, Any]:
    """Return the plan of a catch-up job, next to the running one, which alone writes to topics."""
    return _plan(settings, averages, generation, from_offsets) | {
        "database": _database(settings.streaming_database_url)
    }


def replay_plan(
    settings: StreamingSettings,
    averages: Averages,
    generation: int,
    from_offsets: Mapping[int, int],
    emit_from: Mapping[int, int],
    to_offsets: Mapping[int, int],
    is_dry: bool,
) -> dict[str, Any]:
    """Return the plan of a replay: a job that ends, next to the running one.

    Args:
        settings: where everything is.
        averages: what it computes.
        generation: that of the running job.
        from_offsets: where it begins to read, by partition.
        emit_from: where it begins to emit rows.
        to_offsets: where it ends.
        is_dry: whether it only counts the rows.
    """
    plan = _plan(settings, averages, generation, from_offsets)
    plan["kafka"] |= {"to_offsets": dict(to_offsets), "emit_from_offsets": dict(emit_from)}
    plan["database"] = None if is_dry else _database(settings.streaming_database_url)
    return plan


def reprocessing_plan(
    settings: StreamingSettings,
    finer: Average,
    coarser: Average,
    generation: int,
    start_ms: int,
    end_ms: int,
    splits: int,
    is_dry: bool,
) -> dict[str, Any]:
    """Return the plan of a reprocessing from the database.

    Args:
        settings: where everything is.
        finer: the average whose rows are read.
        coarser: the one that is derived from it.
        generation: of its rows, that of the running job.
        start_ms: no window begins before; milliseconds since the epoch.
        end_ms: no window ends after.
        splits: into how many the series are divided; each is read by one task.
        is_dry: whether it only counts the rows.
    """
    return {
        "generation": generation,
        "from": _database(settings.database_url),
        "finer": _window(finer),
        "coarser": _window(coarser),
        "start_ms": start_ms,
        "end_ms": end_ms,
        "splits": splits,
        "database": None if is_dry else _database(settings.streaming_database_url),
    }


def windows(averages: Averages) -> list[dict[str, Any]]:
    """Return the averages as the operator reads them."""
    return [_window(average) for average in averages.averages]


def average_of(window: Mapping[str, Any]) -> Average:
    """Return the average that the operator reads as `window`."""
    count, duration_ms = window["event_count"], window["duration_ms"]
    size = CountWindow(count) if count else DurationWindow(duration_ms)
    return Average(window["average"], size, window["every_ms"], window["offset_ms"])


def _plan(
    settings: StreamingSettings, averages: Averages, generation: int, from_offsets: Mapping[int, int]
) -> dict[str, Any]:
    return {
        "generation": generation,
        "watermark_delay_ms": averages.watermark_delay_ms,
        "allowed_lateness_ms": averages.allowed_lateness_ms,
        "max_ahead_ms": averages.max_ahead_ms,
        "windows": windows(averages),
        "linger_ms": LINGER_MS,
        "kafka": {
            "properties": java_properties(settings.kafka_as("stream")),
            "group": settings.consumer_group,
            "events_topic": settings.events_topic,
            "late_events_topic": None,
            "rejected_events_topic": None,
            "averages_topic": None,
            "transactional_id_prefix": f"{settings.topic_prefix}{settings.job_name}",
            "from_offsets": dict(from_offsets),
            "to_offsets": None,
            "emit_from_offsets": None,
            "publish_from_offsets": {},
            "commits_offsets": False,
        },
    }


def _window(average: Average) -> dict[str, Any]:
    window = average.window
    return {
        "average": average.name,
        "event_count": window.event_count if isinstance(window, CountWindow) else 0,
        "duration_ms": 0 if isinstance(window, CountWindow) else window.duration_ms,
        "every_ms": average.every_ms,
        "offset_ms": average.offset_ms,
    }


def _database(url: SecretStr) -> dict[str, Any]:
    address = JdbcAddress.from_url(url.get_secret_value())
    return {
        "url": address.url,
        "user": address.user,
        "password": address.password,
    }
