"""Fixtures that several files of unit tests use."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from monitoring.logs import handlers
from sma.settings import load_settings


@pytest.fixture
def state_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A state folder in which this test alone logs."""
    monkeypatch.setenv("SMA_STATE_DIR", str(tmp_path))
    _forget()
    yield tmp_path
    _forget()


def _forget() -> None:
    for cached in (load_settings, handlers.json_file, handlers.splunk):
        cached.cache_clear()
