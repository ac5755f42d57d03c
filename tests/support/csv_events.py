"""Reads CSV text as `sma produce` does, and shows the records that it would send."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from produce.csv_file import FileEvents, read_file
from produce.layout import Layout
from produce.series import Records
from sma.errors import SmaError

LAYOUT: dict[str, Any] = {"time_column": "timestamp", "value_columns": ("value",), "customer": "acme", "metric": "m"}


@dataclass(frozen=True)
class Sent:
    """One record as it would be sent."""

    key: bytes
    value: bytes
    timestamp_ms: int

    @property
    def fields(self) -> dict[str, Any]:
        return json.loads(self.value)


def layout(**options: Any) -> Layout:
    """A layout with the columns timestamp and value, unless the options say otherwise."""
    return Layout(**LAYOUT | options)


def read(path: Path, text: str | bytes, **options: Any) -> FileEvents:
    """Write the text to a path and read it; the caller closes what is returned."""
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_file(path, layout(**options))


def refused(path: Path, text: str | bytes, **options: Any) -> str:
    """The error of a text: one line that begins with the file's name, here without it."""
    with pytest.raises(SmaError) as error:
        read(path, text, **options)
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)
    return str(error.value).removeprefix(f"{path}: ")


def sent(events: FileEvents) -> list[Sent]:
    """The records of a file in order."""
    return [record for records in events.records() for record in _each(records)]


def _each(records: Records) -> list[Sent]:
    return [Sent(*each) for each in zip(records.keys, records.values, records.timestamps_ms, strict=True)]
