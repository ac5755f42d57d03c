"""Long forms of tests: `make test-nightly` runs all of them, `make test` one, drawn by the commit.

Each is marked `nightly`; tests with one and the same `nightly(name)` look at what one run left, and are drawn together.
The draw goes by the commit's hash, so that each comes up in turn, and a run that failed can be repeated.
"""

import subprocess
from collections.abc import Collection
from pathlib import Path

import pytest


def long_form(item: pytest.Item) -> str | None:
    """Return the name of the long form that a test is, or is a part of; None where it is neither."""
    mark = item.get_closest_marker("nightly")
    if mark is None:
        return None
    return str(mark.args[0]) if mark.args else item.nodeid


def drawn(long_forms: Collection[str], checkout: Path) -> str | None:
    """Return the name of the long form that the checkout's commit draws; None where there is none."""
    if not long_forms:
        return None
    in_order = sorted(set(long_forms))
    return in_order[int(commit_of(checkout), 16) % len(in_order)]


def commit_of(checkout: Path) -> str:
    """Return the hash of the checkout's commit; `0` where it is no repository."""
    asked = subprocess.run(["git", "rev-parse", "HEAD"], cwd=checkout, capture_output=True, text=True, check=False)
    return asked.stdout.strip() or "0"
