"""Records where the log ended over time, to compute how long a record has been in the log.

Record timestamps are event times, so they do not show it. A partition's history is spells during which its end did not
move, oldest first. A record arrived between the end of the spell before it and the start of the one that contains it;
arrivals in between are taken to be even. For a record that was there at the first reading, only a minimum age is known.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from clients.files import make_private_folder, write_whole

MOST_SPELLS = 500


@dataclass(frozen=True, slots=True)
class Spell:
    """The end of a partition was `end` from first_s to last_s, in seconds since the Unix epoch."""

    first_s: float
    last_s: float
    end: int


class LogHistory:
    """The spells of each partition that are still needed, and how far the job was last seen to have read it."""

    def __init__(
        self, spells: Mapping[int, Iterable[Spell]] | None = None, read: Mapping[int, int] | None = None
    ) -> None:
        """Begin with the saved spells and positions, if there are any."""
        self.spells = {partition: list(of_one) for partition, of_one in (spells or {}).items()}
        self.read = dict(read or {})

    def observe(self, now_s: float, ends: Mapping[int, int], positions: Mapping[int, int]) -> None:
        """Add a reading: the ends, and the positions before which no record is asked for any more."""
        for partition, end in ends.items():
            of_one = self.spells.setdefault(partition, [])
            if of_one and end < of_one[-1].end:  # another topic of that name
                of_one.clear()
                self.read.pop(partition, None)
            if of_one and end == of_one[-1].end:
                of_one[-1] = Spell(of_one[-1].first_s, now_s, end)
            else:
                of_one.append(Spell(now_s, now_s, end))
            position = positions.get(partition, 0)
            while len(of_one) > 1 and of_one[1].end <= position:
                del of_one[0]
            if len(of_one) > MOST_SPELLS:
                del of_one[1:-1:2]

    def waiting_s(self, now_s: float, partition: int, offset: int) -> float:
        """Return for how many seconds the record at a Kafka offset has been in the log; 0 if it is not there yet."""
        before: Spell | None = None
        for spell in self.spells.get(partition, ()):
            if spell.end > offset:
                return max(0.0, now_s - _arrival_s(before, spell, offset))
            before = spell
        return 0.0


def _arrival_s(before: Spell | None, holding: Spell, offset: int) -> float:
    if before is None:
        return holding.first_s
    share = (offset + 1 - before.end) / (holding.end - before.end)
    return before.last_s + (holding.first_s - before.last_s) * share


def save(history: LogHistory, path: Path, topic: str) -> None:
    """Write the history, whole or not at all, so that the next exporter can load it."""
    make_private_folder(path.parent)
    partitions = {
        str(partition): [[spell.first_s, spell.last_s, spell.end] for spell in of_one]
        for partition, of_one in history.spells.items()
    }
    write_whole(path, json.dumps({"topic": topic, "partitions": partitions, "read": history.read}))


def load(path: Path, topic: str) -> LogHistory:
    """Return the saved history of a topic; an empty one where there is none, or it cannot be read."""
    try:
        saved = json.loads(path.read_text())
        if saved["topic"] != topic:
            return LogHistory()
        return LogHistory(
            {
                int(partition): [Spell(float(first), float(last), int(end)) for first, last, end in of_one]
                for partition, of_one in saved["partitions"].items()
            },
            {int(partition): int(offset) for partition, offset in saved["read"].items()},
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return LogHistory()
