"""Long forms of tests: `make test-nightly` runs all of them, `make test` one, drawn by the commit.

Each is marked `nightly`. The draw goes by the commit's hash, so that each comes up in turn, and a run that failed can
be repeated.
"""

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest


def is_nightly(item: pytest.Item) -> bool:
    """Return whether a test is a long form."""
    return item.get_closest_marker("nightly") is not None


def drawn(long_forms: Sequence[pytest.Item], checkout: Path) -> pytest.Item | None:
    """Return the long form that the checkout's commit draws; None where there is none."""
    if not long_forms:
        return None
    in_order = sorted(long_forms, key=lambda item: item.nodeid)
    return in_order[int(commit_of(checkout), 16) % len(in_order)]


def commit_of(checkout: Path) -> str:
    """Return the hash of the checkout's commit; `0` where it is no repository."""
    asked = subprocess.run(["git", "rev-parse", "HEAD"], cwd=checkout, capture_output=True, text=True, check=False)
    return asked.stdout.strip() or "0"
