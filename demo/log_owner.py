"""Whose events are in the log? The demo empties it before each run, but only if it is the demo's own.

The claim is a file in the demo's folder: where the log ended when the demo was done.
"""

import json
from pathlib import Path

from batch.log.offsets import retained_ranges
from sma.errors import SmaError
from sma.settings import KafkaSettings

_CLAIM = "log.json"


def claim_log(settings: KafkaSettings, folder: Path, *, is_complete: bool) -> None:
    """Note that the log is the demo's up to where it ends now; while a demo runs, whatever comes is its own."""
    claim = {"is_complete": is_complete, "ends": _ends(settings)}
    (folder / _CLAIM).write_text(json.dumps(claim) + "\n")


def require_own_log(settings: KafkaSettings, folder: Path) -> None:
    """Refuse a log that holds what the demo did not publish.

    Raises:
        SmaError: it does; the text has the ways out.
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
    return {str(partition): held.end for partition, held in sorted(ranges.items())}
