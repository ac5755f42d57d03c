"""Ages as people say them: the largest unit that says enough, and a date instead of thousands of days."""

from datetime import UTC, datetime

import pytest

from cli.ages import ago_in_words, lasting_in_words, span_in_words

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = 60, 3_600, 86_400


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-3, "0 seconds"),
        (0.4, "0 seconds"),
        (1.9, "1 second"),
        (119, "119 seconds"),
        (3 * MINUTE + 59, "3 minutes"),
        (119 * MINUTE, "119 minutes"),
        (2 * HOUR, "2 hours"),
        (47 * HOUR, "47 hours"),
        (12 * DAY, "12 days"),
    ],
)
def test_a_span_has_its_largest_unit_of_which_there_are_two(seconds: float, words: str):
    assert span_in_words(seconds) == words


def test_what_is_recent_is_some_time_ago():
    assert ago_in_words(0.2, NOW) == "just now"
    assert ago_in_words(12 * DAY, NOW) == "12 days ago"
    assert lasting_in_words(3 * MINUTE, NOW) == "for 3 minutes"


def test_what_is_old_has_a_date_instead_of_thousands_of_days():
    assert ago_in_words(60 * DAY, NOW) == "60 days ago"
    assert ago_in_words(5_048 * DAY, NOW) == "on 2013-02-02"
    assert lasting_in_words(5_048 * DAY, NOW) == "since 2013-02-02"
