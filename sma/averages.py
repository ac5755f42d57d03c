"""Reads and validates averages.yaml, once for all parts of the system: the averages that both layers compute.

An error names the file, the key and the fix.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast, get_args

import yaml

from sma.durations import HOUR_MS, MINUTE_MS, format_duration, parse_duration
from sma.errors import SmaError
from sma.grid import grid_point_after
from sma.window import CountWindow, DurationWindow

DEFAULT_MAX_AHEAD_MS = HOUR_MS
DEFAULT_MAX_ROWS_PER_EVENT = 20_000  # a week every minute makes 10,080
DEFAULT_IDLE_AFTER_MS = MINUTE_MS
SHORTEST_IDLE_AFTER_MS = 1_000

Heartbeats = Literal["newest", "clock", "off"]
"""Of what time the system writes heartbeats to quiet partitions: the newest log time, or the clock; or none at all."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}", re.ASCII)
_COUNT = re.compile(r"([0-9]{1,9}) events?")
_KEYS = {
    "watermark_delay",
    "allowed_lateness",
    "max_ahead",
    "max_rows_per_event",
    "heartbeats",
    "idle_after",
    "averages",
}
_AVERAGE_KEYS = {"name", "window", "every"}
_OPTIONAL_AVERAGE_KEYS = {"offset"}


@dataclass(frozen=True, slots=True)
class Average:
    """A named moving average, emitted at `offset_ms` since the Unix epoch and every `every_ms` before and after.

    The duration of a duration window is a whole multiple of `every_ms`, and 0 <= offset_ms < every_ms.
    """

    name: str
    window: CountWindow | DurationWindow
    every_ms: int
    offset_ms: int = 0

    @property
    def length_ms(self) -> int:
        """How far an event's last row is after the grid point at or before it; a count window has one row of it."""
        return self.window.duration_ms if isinstance(self.window, DurationWindow) else self.every_ms

    @property
    def every_in_words(self) -> str:
        """The grid as averages.yaml has it, e.g. `15 minutes`, or `1 week, offset 4 days`."""
        offset = f", offset {format_duration(self.offset_ms)}" if self.offset_ms else ""
        return f"{format_duration(self.every_ms)}{offset}"

    @property
    def rows_per_event(self) -> int:
        """How many rows exist because of one event, at most."""
        return self.length_ms // self.every_ms

    def as_ofs_made_by(self, event_time_ms: int) -> range:
        """Return every grid point T at which a row exists because of an event at t, oldest first.

        Those of a duration window D are all with T - D <= t < T; that of a count window is the first one after t.

        Source: Flink SQL, window table-valued functions, HOP.
        """
        first = grid_point_after(event_time_ms, self.every_ms, self.offset_ms)
        return range(first, first + self.length_ms, self.every_ms)


@dataclass(frozen=True, slots=True)
class Averages:
    """All of averages.yaml; durations in milliseconds."""

    watermark_delay_ms: int
    allowed_lateness_ms: int
    max_ahead_ms: int
    averages: tuple[Average, ...]
    heartbeats: Heartbeats = "newest"
    idle_after_ms: int = DEFAULT_IDLE_AFTER_MS


def load_averages(path: Path) -> Averages:
    """Read and validate an averages file.

    Raises:
        SmaError: the file is missing, is not YAML, or has a value that cannot be computed.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise SmaError(f"{path}: {os.strerror(error.errno or 0)}: SMA_AVERAGES must name an averages file") from error
    except UnicodeDecodeError as error:
        raise SmaError(f"{path}: not UTF-8 text: {error.reason} at byte {error.start}") from error
    return parse_averages(text, path.name)


def parse_averages(text: str, file_name: str) -> Averages:
    """Validate the text of an averages file; `file_name` names it in errors.

    Raises:
        SmaError: as `load_averages`.
    """
    try:
        document = yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" line {mark.line + 1}:" if mark else ""
        what = "" if isinstance(error, _KeyTwice) else "not YAML: "
        raise SmaError(f"{file_name}:{where} {what}{getattr(error, 'problem', None) or error}") from error
    try:
        return _read_document(document)
    except SmaError as error:
        raise SmaError(f"{file_name}: {error}") from None


class _KeyTwice(yaml.constructor.ConstructorError):
    """A mapping has a key twice, of which YAML's readers keep the last one without a word."""


class _Mapping(dict[Any, Any]):
    """A mapping of the file, and the line in which it begins."""

    line: int


class _Loader(yaml.SafeLoader):
    """Refuses a key that stands twice in a mapping, and keeps the line of each mapping."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> _Mapping:
        """Return a mapping of the document.

        Raises:
            _KeyTwice: a key stands in it twice.
        """
        lines: dict[str, int] = {}
        for key_node, _ in node.value:
            key, mark = str(key_node.value), key_node.start_mark
            if key in lines:
                raise _KeyTwice(
                    problem=f"the key {key!r} is there already, in line {lines[key]}: remove one of them",
                    problem_mark=mark,
                )
            lines[key] = mark.line + 1
        mapping = _Mapping(super().construct_mapping(node, deep=deep))
        mapping.line = node.start_mark.line + 1
        return mapping

    def construct_whole(self, node: yaml.MappingNode) -> _Mapping:
        """Return a mapping with all that is in it."""
        return self.construct_mapping(node, deep=True)


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _Loader.construct_whole)


def _read_document(document: Any) -> Averages:
    top = _mapping(document, "the file", _KEYS, required={"watermark_delay", "averages"})
    entries = top["averages"]
    if not isinstance(entries, list) or not entries:
        raise SmaError("averages: must list at least one average, e.g. {name: hour, window: 1 hour, every: 1 minute}")
    averages = tuple(_read_average(entry, f"averages[{index}]") for index, entry in enumerate(entries))
    most_rows = _whole_number(top, "max_rows_per_event", default=DEFAULT_MAX_ROWS_PER_EVENT)
    for index, average in enumerate(averages):
        if average.rows_per_event > most_rows:
            raise SmaError(
                f"line {entries[index].line}: averages[{index}].every: one event would make {average.rows_per_event:,} "
                f"rows of {average.name!r}, window / every, and {most_rows:,} are allowed: a longer every, a shorter "
                f"window, or max_rows_per_event: {average.rows_per_event} at the top of the file"
            )
    for index, average in enumerate(averages):
        if average.name in (earlier.name for earlier in averages[:index]):
            raise SmaError(f"averages[{index}].name: {average.name!r} is taken by an average above: choose another")
    watermark_delay_ms = _duration(top, "watermark_delay")
    return Averages(
        watermark_delay_ms=watermark_delay_ms,
        allowed_lateness_ms=_duration(top, "allowed_lateness", default_ms=watermark_delay_ms),
        max_ahead_ms=_duration(top, "max_ahead", default_ms=DEFAULT_MAX_AHEAD_MS),
        averages=averages,
        heartbeats=_heartbeats(top),
        idle_after_ms=_idle_after_ms(top),
    )


def _heartbeats(top: Mapping[str, Any]) -> Heartbeats:
    kinds = get_args(Heartbeats)
    kind = top.get("heartbeats", "newest")
    kind = "off" if kind is False else kind  # as YAML reads an `off` without quotes
    if kind not in kinds:
        raise SmaError(f"heartbeats: {kind!r} is none of {', '.join(kinds)}")
    return cast(Heartbeats, kind)


def _idle_after_ms(top: Mapping[str, Any]) -> int:
    idle_after_ms = _duration(top, "idle_after", default_ms=DEFAULT_IDLE_AFTER_MS)
    if idle_after_ms < SHORTEST_IDLE_AFTER_MS:
        raise SmaError(f"idle_after: {top['idle_after']!r} is too short: 1 second or more")
    return idle_after_ms


def _read_average(entry: Any, where: str) -> Average:
    fields = _mapping(entry, where, _AVERAGE_KEYS | _OPTIONAL_AVERAGE_KEYS, required=_AVERAGE_KEYS)
    name = fields["name"]
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise SmaError(
            f"{where}.name: {name!r} is not a name: lower-case letters, digits and '_', a letter first, 63 at most"
        )
    every_ms = _duration(fields, "every", f"{where}.")
    offset_ms = _duration(fields, "offset", f"{where}.", default_ms=0) % every_ms  # one grid, one definition
    return Average(name=name, window=_read_window(fields, every_ms, where), every_ms=every_ms, offset_ms=offset_ms)


def _read_window(fields: Mapping[str, Any], every_ms: int, where: str) -> CountWindow | DurationWindow:
    window = fields["window"]
    count = _COUNT.fullmatch(str(window).strip())
    if count and int(count[1]) > 0:
        return CountWindow(int(count[1]))
    try:
        duration_ms = parse_duration(str(window))
    except SmaError:
        raise SmaError(f"{where}.window: {window!r} is neither a duration nor 'N events'") from None
    if duration_ms % every_ms:
        raise SmaError(
            f"{where}.window: {window!r} is not a whole multiple of every ({fields['every']!r}): make it one"
        )
    return DurationWindow(duration_ms)


def _mapping(value: Any, where: str, allowed: set[str], required: set[str]) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise SmaError(f"{where}: must be a mapping with the keys {', '.join(sorted(required))}")
    unknown = sorted(str(key) for key in value if key not in allowed)
    if unknown:
        raise SmaError(f"{where}: unknown key {unknown[0]!r}: the keys are {', '.join(sorted(allowed))}")
    missing = sorted(required - value.keys())
    if missing:
        raise SmaError(f"{where}: the key {missing[0]!r} is missing")
    return value


def _whole_number(fields: Mapping[str, Any], key: str, default: int) -> int:
    value = fields.get(key, default)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise SmaError(f"{key}: {value!r} is not a whole number of 1 or more")
    return value


def _duration(fields: Mapping[str, Any], key: str, where: str = "", default_ms: int | None = None) -> int:
    if default_ms is not None and key not in fields:
        return default_ms
    try:
        return parse_duration(str(fields[key]))
    except SmaError as error:
        raise SmaError(f"{where}{key}: {error}") from None
