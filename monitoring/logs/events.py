"""Formats log events: one JSON object on a line, with the fields that on-call searches by, where there are any.

The parts in Java write the same fields (deploy/local/services/log4j/event.json). A field comes from `extra=` of the
logging call, or from what Dagster knows of the run. Nothing else of a record is written.
"""

import logging
from datetime import UTC, datetime
from typing import Any

from pythonjsonlogger.json import JsonFormatter

FIELDS = (
    "run_id",
    "job",
    "step",
    "asset",
    "day",
    "event_type",
    "average",
    "customer",
    "metric",
    "partition",
    "kafka_offset",
    "job_id",
    "outcome",
    "dropped",
)
ALWAYS = ("time", "level", "service", "logger", "message")
LEVELS = {"WARNING": "WARN", "CRITICAL": "FATAL"}  # as log4j names them
_LONGEST_TEXT = 16_000  # characters; the end of a traceback has its cause
_DAY_TAGS = ("dagster/partition", "dagster/asset_partition_range_start", "dagster/asset_partition_range_end")


class EventFormatter(JsonFormatter):
    """Formats a record as the event of a service."""

    def __init__(self, service: str) -> None:
        super().__init__(json_ensure_ascii=False)
        self.service = service

    def add_fields(self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]) -> None:
        """Fill `log_data` with the event."""
        moment = datetime.fromtimestamp(record.created, UTC)
        known = _of_dagster(record)
        log_data["time"] = moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"
        log_data["level"] = LEVELS.get(record.levelname, record.levelname)
        log_data["service"] = self.service
        log_data["logger"] = record.name
        log_data["message"] = str(known.pop("message", None) or record.message)[:_LONGEST_TEXT]
        for field in FIELDS:
            value = getattr(record, field, None)
            value = known.get(field) if value is None else value
            if value is not None:
                log_data[field] = value
        exception = message_dict.get("exc_info") or known.get("exception")
        if exception:
            log_data["exception"] = str(exception)[-_LONGEST_TEXT:]


def _of_dagster(record: logging.LogRecord) -> dict[str, Any]:
    """Return the fields that Dagster attached to a record of a run."""
    run = getattr(record, "dagster_meta", None)
    if not isinstance(run, dict):
        return {}
    tags = run.get("job_tags") or {}
    days = [tags[tag] for tag in _DAY_TAGS if tag in tags]
    known = {
        "message": run.get("orig_message"),
        "run_id": run.get("run_id"),
        "job": run.get("job_name"),
        "step": run.get("step_key"),
        "day": "..".join(dict.fromkeys(days)) or None,
    }
    event = run.get("dagster_event")
    if event is not None:
        asset = getattr(event, "asset_key", None)
        error = getattr(event.event_specific_data, "error", None)
        known |= {
            "asset": asset.to_user_string() if asset else None,
            "event_type": event.event_type_value,
            "exception": error.to_string() if error else None,
        }
        known["day"] = getattr(event, "partition", None) or known["day"]
    return known
