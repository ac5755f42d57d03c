"""From which averages can a coarser one be derived, and what is said where it cannot."""

from pathlib import Path

import pytest

from sma.averages import Average, load_averages
from sma.errors import SmaError
from sma.settings import Settings
from sma.window import CountWindow, DurationWindow
from streaming.control.reprocess import fits, reprocess, require_fit

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
YAML = """
watermark_delay: 1 hour
averages:
  - {name: last_20, window: 20 events, every: 1 hour}
  - {name: minutes, window: 10 minutes, every: 10 minutes}
  - {name: odd, window: 7 minutes, every: 7 minutes}
"""


def average(duration_ms: int, every_ms: int, offset_ms: int = 0) -> Average:
    return Average("a", DurationWindow(duration_ms), every_ms, offset_ms)


@pytest.mark.parametrize(
    ("finer", "coarser", "is_fit"),
    [
        (average(HOUR, HOUR), average(7 * DAY, DAY), True),
        (average(HOUR, 15 * MINUTE), average(7 * DAY, HOUR), True),
        (average(HOUR, HOUR), average(7 * DAY, 30 * MINUTE), False),
        (average(DAY, DAY), average(7 * DAY, 7 * DAY, 4 * DAY), True),
        (average(DAY, HOUR), average(7 * DAY, DAY, 6 * HOUR), True),
        (average(DAY, DAY), average(7 * DAY, DAY, 6 * HOUR), False),
        (average(DAY, DAY, 6 * HOUR), average(7 * DAY, DAY, 6 * HOUR), True),
        (average(7 * HOUR, HOUR), average(DAY, 7 * HOUR), False),
        (average(DAY, HOUR), average(DAY, DAY), False),
        (average(DAY, HOUR), average(HOUR, HOUR), False),
        (Average("n", CountWindow(20), HOUR), average(DAY, DAY), False),
    ],
)
def test_a_window_is_made_of_whole_ones(finer: Average, coarser: Average, is_fit: bool) -> None:
    assert fits(finer, coarser) == is_fit
    if not is_fit:
        with pytest.raises(SmaError, match=r"must be shorter|has a count window"):
            require_fit(finer, coarser)


@pytest.mark.parametrize(
    ("name", "finer", "message"),
    [
        ("week", None, "no average week in averages.yaml: it has last_20, minutes, odd"),
        ("minutes", "weak", "no average weak in averages.yaml"),
        ("odd", None, "average odd: averages.yaml has no duration average whose window divides both"),
        ("odd", "minutes", "average odd cannot be derived from minutes"),
        ("minutes", "last_20", "average last_20: has a count window"),
    ],
)
def test_what_cannot_be_derived_is_refused_before_anything_is_asked(
    tmp_path: Path, name: str, finer: str | None, message: str
) -> None:
    path = tmp_path / "averages.yaml"
    path.write_text(YAML)
    with pytest.raises(SmaError, match=message):
        reprocess(Settings(), load_averages(path), name, finer)
