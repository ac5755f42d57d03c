"""What the batch layer's benchmark computes, and which days its log has."""

from datetime import date, timedelta

from bench.events import MONTH, Log
from sma.averages import DEFAULT_MAX_AHEAD_MS, Average, Averages
from sma.days import day_of
from sma.durations import DAY_MS
from sma.window import CountWindow, DurationWindow

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS

AVERAGES = Averages(
    watermark_delay_ms=MONTH.watermark_delay_ms,
    allowed_lateness_ms=2 * MONTH.watermark_delay_ms,
    max_ahead_ms=DEFAULT_MAX_AHEAD_MS,
    averages=(
        Average("last_20", CountWindow(20), MINUTE_MS),
        Average("last_2000", CountWindow(2_000), MINUTE_MS),
        Average("hour", DurationWindow(HOUR_MS), MINUTE_MS),
        Average("day", DurationWindow(DAY_MS), MINUTE_MS),
    ),
)


def days(log: Log) -> list[date]:
    """Return the whole days that the log covers; there is at least one."""
    first = day_of(log.timeline.first_ms)
    number = max(1, log.events * log.timeline.between_ms // DAY_MS)
    return [first + timedelta(days=after) for after in range(number)]


def a_day(log: Log) -> date:
    """Return the day in the middle of the log: its windows need events from before it."""
    all_days = days(log)
    return all_days[len(all_days) // 2]
