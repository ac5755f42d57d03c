"""Builds the JSON document of an explanation: exact sums as decimal text, times in ISO 8601, UTC."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from heapq import nlargest
from typing import Any

from batch.explain.explanation import Explanation
from batch.explain.layer_checks import LayerCheck
from batch.explain.wording import check_in_words, sentence
from batch.windows.window_events import Pair, SeriesEvent, by_time
from sma.instants import format_instant, milliseconds
from sma.value import format_micros
from sma.window import DurationWindow


def as_document(explained: Explanation, dagster_url: str, most_events: int) -> dict[str, Any]:
    """Return the explanation with `most_events` events at most, as `listed_events` selects them."""
    records, average = explained.records, explained.average
    positions_by_layer = explained.positions_by_layer()
    served, result = records.served, records.result
    is_duration = isinstance(average.window, DurationWindow)
    return {
        "customer": explained.customer,
        "metric": explained.metric,
        "average": average.name,
        "as_of": format_instant(explained.as_of_ms),
        "case": explained.case.name.lower(),
        "sentence": sentence(explained),
        "is_wrong": explained.is_wrong,
        "served": served
        and {
            "source": served.source,
            "is_final": served.is_final,
            "sma": f"{served.sma:f}",
            **_pair(served.pair),
            "is_full": served.is_full,
        },
        "window": {
            "from": _instant(explained.from_ms),
            "until": format_instant(explained.as_of_ms),
            "duration_ms": average.window.duration_ms if isinstance(average.window, DurationWindow) else None,
            "event_count": None if is_duration else getattr(average.window, "event_count", None),
        },
        "stream": _layer(explained, explained.stream),
        "batch": _layer(explained, explained.batch),
        "event_count": len(explained.events),
        "late_event_count": len(explained.late_events),
        "events": [_event(event, positions_by_layer) for event in listed_events(explained, most_events)],
        "lost_offsets": explained.log.lost
        and dict(zip(("kafka_partition", "first", "last"), explained.log.lost, strict=True)),
        "stale": sorted(explained.day_state.reasons),
        "late_since": explained.day_state.late_since and _time(explained.day_state.late_since),
        "low_watermark": _instant(explained.day_state.low_watermark_ms),
        "held_back_by": list(explained.day_state.held_back_by),
        "answer": result
        and {
            "read_to": {str(partition): offset for partition, offset in result.read_to.items()},
            "closed_until": format_instant(result.low_watermark_ms),
            "written_at": _time(result.written_at),
            "run_id": result.run_id,
            "run_url": run_url(dagster_url, result.run_id),
        },
        "reconciliations": [
            {
                "run_id": row.run_id,
                "run_url": run_url(dagster_url, row.run_id),
                "reconciled_at": _time(row.reconciled_at),
                "windows_compared": row.windows_compared,
                "equal": row.equal,
                "changed": row.changed,
                "missing_in_stream": row.missing_in_stream,
                "extra_in_stream": row.extra_in_stream,
                "explained": row.explained,
                "unexplained": row.unexplained,
            }
            for row in records.reconciliations
        ],
        "differences": [
            {
                "run_id": row.run_id,
                "reconciled_at": _time(row.reconciled_at),
                "class": row.difference_class,
                "is_explained": row.is_explained,
                "late_event_count": row.late_event_count,
                "stream": row.stream and _pair(row.stream),
                "batch": row.batch and _pair(row.batch),
            }
            for row in records.differences
        ],
        "corrections": [
            {
                "run_id": row.run_id,
                "corrected_at": _time(row.corrected_at),
                "before": row.before and _pair(row.before),
                "after": row.after and _pair(row.after),
            }
            for row in records.corrections
        ],
    }


def listed_events(explained: Explanation, most_events: int) -> Sequence[SeriesEvent]:
    """Return the events to list, by time: the late ones and then the newest, `most_events` at most."""
    return by_time(nlargest(most_events, explained.events, key=lambda event: (event.is_late, event.event_time_ms)))


def run_url(dagster_url: str, run_id: str) -> str:
    """Return where Dagster's UI shows a run."""
    return f"{dagster_url.rstrip('/')}/runs/{run_id}"


def _layer(explained: Explanation, check: LayerCheck) -> dict[str, Any]:
    row = check.row
    return {
        "row": row and {"sma": f"{row.sma:f}", **_pair(row.pair), "written_at": _time(row.written_at)},
        "expected": check.recomputed and _pair(check.recomputed),
        "verdict": check.verdict.name.lower(),
        "is_wrong": check.is_wrong,
        "checked": check_in_words(explained, check),
        "new_events": len(check.new_events),
    }


def _event(event: SeriesEvent, positions_by_layer: Mapping[str, frozenset[tuple[int, int]]]) -> dict[str, Any]:
    return {
        "kafka_partition": event.kafka_partition,
        "kafka_offset": event.kafka_offset,
        "event_time": format_instant(event.event_time_ms),
        "value": format_micros(event.value_micros),
        "in_stream": event.position in positions_by_layer["stream"],
        "in_batch": event.position in positions_by_layer["batch"],
        "is_late": event.is_late,
        "newest_event_time_before": _instant(event.newest_before_ms),
        "behind_ms": event.behind_ms,
    }


def _pair(pair: Pair) -> dict[str, Any]:
    return {"value_sum": format_micros(pair.value_sum_micros), "event_count": pair.event_count}


def _instant(time_ms: int | None) -> str | None:
    return None if time_ms is None else format_instant(time_ms)


def _time(time: datetime) -> str:
    return format_instant(milliseconds(time))
