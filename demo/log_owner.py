"""Checks that the log holds only events of the demo, which empties it before each run.

The claim is a file in the demo's folder with the ends of the log when the demo was done.
"""

import json
from pathlib import Path

from batch.log.offsets import retained_ranges
from sma.errors import SmaError
from sma.settings import KafkaSettings

_CLAIM = "log.json"


def claim_log(settings: KafkaSettings, folder: Path, *, is_complete: bool) -> None:
    """Record that the log is the demo's up to its present end; while a demo runs, all new events are its own."""
    claim = {"is_complete": is_complete, "ends": _ends(settings)}
    (folder / _CLAIM).write_text(json.dumps(claim) + "\n")


def require_own_log(settings: KafkaSettings, folder: Path) -> None:
    """Refuse a log with events that the demo did not publish.

    Raises:
        SmaError: it has such events; the text has the ways out.
    """
    ends = _ends(settings)
    if not any(ends.values()):
        return
    path = folder / _CLAIM
    claim = json.loads(path.read_text()) if path.exists() else {"is_complete": True, "ends": {}}
    if claim["is_complete"] and claim["ends"] != ends:
        raise SmaError(
            "the log holds events that the demo did not publish, and the demo starts with an empty log: "
            "`make demo FRESH=1` deletes them all; a second checkout with another SMA_PORT_BASE leaves them alone"
        )


def _ends(settings: KafkaSettings) -> dict[str, int]:
    ranges = retained_ranges(settings, settings.events_topic)
    return {str(partition): retained.end for partition, retained in sorted(ranges.items())}
