"""Which rows of the model's tables count as current."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from powerbi.pictures.rows import Row, holds_new_event

EVENT = datetime(2024, 6, 3, 10, 4, 30, tzinfo=UTC).replace(tzinfo=None)


@pytest.mark.parametrize(
    ("as_of", "is_current"),
    [
        (EVENT.replace(minute=4, second=0), True),
        (EVENT.replace(minute=5, second=0), True),
        (EVENT.replace(minute=6, second=0), False),
        (EVENT.replace(minute=59, second=0), False),
    ],
)
def test_the_last_current_window_is_the_first_that_holds_the_newest_event(as_of, is_current):
    #   an hour, every minute; the newest event at 10:04:30
    #   [09:05 ------------- 10:05)  holds it
    #        [09:06 ------------- 10:06)  holds it too, and no other new one
    row = Row({"as_of": as_of, "newest_event": EVENT, "every_seconds": Decimal(60)})
    assert holds_new_event(row) is is_current


def test_an_event_on_a_grid_point_makes_the_next_window_current():
    event = EVENT.replace(minute=5, second=0)
    quarter = timedelta(milliseconds=250)
    rows = [
        Row({"as_of": event + n * quarter, "newest_event": event, "every_seconds": Decimal("0.25")}) for n in (1, 2)
    ]
    assert [holds_new_event(row) for row in rows] == [True, False]


def test_every_row_counts_while_the_series_is_not_indexed():
    assert holds_new_event(Row({"as_of": EVENT, "newest_event": None, "every_seconds": Decimal(60)}))
