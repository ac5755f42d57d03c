"""Words an explanation: what readers see and why, and whether the row of each layer equals the sum of its events."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from batch.explain.explanation import Case, Explanation
from batch.explain.layer_checks import LayerCheck, Row, Verdict
from batch.windows.window_events import Pair
from sma.durations import format_duration
from sma.instants import format_instant, milliseconds
from sma.value import format_micros
from sma.window import CountWindow

_REASONS = {
    "two_partitions": "the series has events in more than one partition, so rows in reach of them are never final "
    "(docs/runbooks/SeriesInTwoPartitions.md)"
}
WHAT_CLOSES = "a later event or a heartbeat there (`sma heartbeat --now`) closes"


def sentence(explained: Explanation) -> str:
    """Return the sentence that sums up an explanation; what is wrong comes first."""
    wrong = [
        f"WRONG: the {layer}'s {_wrong_words(check)}: "
        for layer, check in (("batch layer", explained.batch), ("stream", explained.stream))
        if check.is_wrong
    ]
    return "".join(wrong) + _OF_CASE[explained.case](explained)


def check_in_words(explained: Explanation, check: LayerCheck) -> str:
    """Return whether the row of a layer equals the sum of its events."""
    which = "without the late ones" if check is explained.stream else "late ones included"
    events = f"{_events(len(check.window))}, {which}"
    match check.verdict:
        case Verdict.EQUAL:
            return f"equals the sum of its {events}"
        case Verdict.OF_ONE_PARTITION:
            return (
                f"equals the sum of its {events}, in partition {check.window[0].kafka_partition} alone; the series is "
                f"in the partitions {_numbers(explained.log.partitions)}"
            )
        case Verdict.NO_ROW:
            return f"rightly no row: its {events}, make none"
        case Verdict.WAITING:
            return f"no row yet; the sum of its {events}, is {pair_in_words(check.recomputed)}"
        case Verdict.OUTDATED:
            return f"equals the sum of its {events}, at that time; {_events(len(check.new_events))} arrived since"
        case Verdict.UNCHECKED:
            return "cannot be checked: Kafka no longer has the events"
        case Verdict.NOT_KEPT:
            return f"no longer kept; the sum of its {events}, is {pair_in_words(check.recomputed)}"
        case _:
            return f"WRONG: the sum of its {events}, is {pair_in_words(check.recomputed)}"


def pair_in_words(pair: Pair | None) -> str:
    """Return a pair as `sum / events`."""
    return "no row" if pair is None else f"{format_micros(pair.value_sum_micros)} / {pair.event_count:,}"


def time_in_words(time: datetime) -> str:
    """Return a time in whole seconds."""
    return format_instant(milliseconds(time) // 1_000 * 1_000)


def number_in_words(number: Decimal) -> str:
    """Return a number without trailing zeros."""
    return f"{number.normalize():f}"


def window_in_words(explained: Explanation) -> str:
    """Return which events the window holds."""
    window, until = explained.average.window, format_instant(explained.as_of_ms)
    if isinstance(window, CountWindow):
        start = f", the oldest of {format_instant(explained.from_ms)}" if explained.from_ms is not None else ""
        return f"the last {_events(window.event_count)} before {until}{start}"
    start = format_instant(explained.as_of_ms - window.duration_ms)
    return f"{format_duration(window.duration_ms)}: {start} <= event time < {until}"


def _final(explained: Explanation) -> str:
    at = explained.reconciled_at
    when = f", reconciled at {time_in_words(at)}" if at is not None else ""
    return f"final: the batch result{when}; {_streamed(explained)}{_since(explained)}{_lost_events(explained)}"


def _not_final(explained: Explanation) -> str:
    row, at = explained.records.computed, explained.reconciled_at
    written = f", written at {time_in_words(row.written_at)}" if row is not None else ""
    if explained.records.unsettled:
        last = "; ".join(_REASONS.get(reason, reason) for reason in explained.records.unsettled)
    elif at is not None:
        last = f"the day was last reconciled at {time_in_words(at)}, before that"
    else:
        last = "the day was never reconciled"
    streamed = _streamed(explained)
    return f"not final: the batch result{written}; {last}; {streamed}{_since(explained)}{_lost_events(explained)}"


def _stream_only(explained: Explanation) -> str:
    row = explained.records.streamed
    emitted = f", emitted at {time_in_words(row.written_at)}" if row is not None else ""
    missing = ""
    if explained.stream.verdict is Verdict.OUTDATED:
        new = len(explained.stream.new_events)
        missing = f"; {_events(new)} that arrived since {_is(new)} not in it yet"
    late = len(explained.late_events)
    without = f"; {_events(late, 'late event')} {_is(late)} not in it" if late else ""
    return f"streamed row only{emitted}: {_not_computed(explained)}{missing}{without}{_lost_events(explained)}"


def _not_served(explained: Explanation) -> str:
    row = explained.records.streamed
    value = f" ({_value(row)})" if row is not None else ""
    if explained.records.result is None:
        return f"not served: only the stream has a row{value}, of an average whose definition is not stored: `sma up`"
    return (
        f"not served: only the stream has a row{value}; the batch layer computed {explained.day} without one"
        f"{_since(explained)}{_lost_events(explained)}"
    )


def _no_row(explained: Explanation) -> str:
    series = f"{explained.customer}/{explained.metric}"
    if isinstance(explained.average.window, CountWindow):
        every = format_duration(explained.average.every_ms)
        start = format_instant(explained.as_of_ms - explained.average.every_ms)
        return (
            f"no row exists: a window of N events has one only where an event lies in the last {every}, and {series} "
            f"has none there: {start} <= event time < {format_instant(explained.as_of_ms)}"
        )
    return f"no row exists: {series} has no event in the window, {window_in_words(explained)}"


def _not_yet(explained: Explanation) -> str:
    until = format_instant(explained.as_of_ms)
    if explained.log.is_closed(explained.as_of_ms):
        if explained.log.is_committed:
            return f"no row yet: {_not_computed(explained)}{_since(explained)}"
        return "no row yet: the stream has not committed the log's end; ask again when `sma wait` returns"
    mark = explained.log.watermark_ms
    current = "there is none yet" if mark is None else f"it is at {format_instant(mark)}"
    count = _events(len(explained.batch.window))
    return (
        f"no row yet: the window is not closed because the watermark of {_partitions(explained)} has not passed "
        f"{until}: {current}; {WHAT_CLOSES} it; the window has {count} so far"
    )


def _not_kept(explained: Explanation) -> str:
    return f"no longer kept: rows of days before {explained.day_state.first_kept} are dropped (SMA_KEEP_DAYS)"


def _lost_row(_: Explanation) -> str:
    return "readers see no row, though there should be one"


def _unknown(explained: Explanation) -> str:
    return f"no row is stored{_lost_events(explained)}: whether there should be one is unknown"


_OF_CASE = {
    Case.FINAL: _final,
    Case.NOT_FINAL: _not_final,
    Case.STREAM_ONLY: _stream_only,
    Case.NOT_SERVED: _not_served,
    Case.NO_ROW: _no_row,
    Case.NOT_YET: _not_yet,
    Case.NOT_KEPT: _not_kept,
    Case.LOST_ROW: _lost_row,
    Case.UNKNOWN: _unknown,
}


def _streamed(explained: Explanation) -> str:
    row, late = explained.records.streamed, len([event for event in explained.batch.window if event.is_late])
    without = f", without {_events(late, 'late event')}" if late else ""
    if row is None:
        return f"the stream has no row{without}"
    if explained.records.served is not None and row.pair == explained.records.served.pair:
        return "the stream emitted the same"
    return f"the stream emitted {_value(row)}{without}"


def _since(explained: Explanation) -> str:
    new = explained.batch.new_events
    if not new:
        return ""
    late = len([event for event in new if event.is_late])
    return (
        f"; {_events(len(new))}, {late} of them late, arrived after it was computed: "
        "the next reconciliation includes them"
    )


def _not_computed(explained: Explanation) -> str:
    result, state = explained.records.result, explained.day_state
    if explained.day < state.first_day:
        return f"{explained.day} is before SMA_FIRST_DAY, {state.first_day}, and is not reconciled by itself"
    if state.held_back_by and not explained.log.unindexed:
        return f"{_not_closed(explained)}; {WHAT_CLOSES} it"
    if result is None:
        why = f"the batch layer has not computed {explained.day}"
    elif result.low_watermark_ms < explained.as_of_ms:
        why = (
            f"the batch layer computed {explained.day} only to {format_instant(result.low_watermark_ms)}, "
            f"at {time_in_words(result.written_at)}"
        )
    else:
        why = f"the batch layer computed {explained.day} at {time_in_words(result.written_at)}"
    if not state.reasons and explained.log.unindexed:
        return f"{why}; {explained.log.unindexed:,} offsets of the log are not indexed yet"
    if not state.reasons:
        return f"{why}, and the day is not stale: no further window of it is closed in all partitions"
    waiting = f", late events have waited since {time_in_words(state.late_since)}" if state.late_since else ""
    return f"{why}; the day is stale ({', '.join(sorted(state.reasons))}{waiting})"


def _not_closed(explained: Explanation) -> str:
    low_watermark_ms, held_back_by = explained.day_state.low_watermark_ms, explained.day_state.held_back_by
    partitions = f"partition{'s' if len(held_back_by) > 1 else ''} {_numbers(held_back_by)}"
    current = "there is none yet" if low_watermark_ms is None else f"it is at {format_instant(low_watermark_ms)}"
    return (
        f"the window is not closed in all partitions, so the batch layer has no row: the low watermark has not passed "
        f"{format_instant(explained.as_of_ms)}, {current}, held back by {partitions}"
    )


def _lost_events(explained: Explanation) -> str:
    if explained.log.lost is None:
        return ""
    partition, first, last = explained.log.lost
    return (
        f"; its events cannot be shown or added up: Kafka no longer has the offsets {first:,} to {last:,} of partition "
        f"{partition}"
    )


def _wrong_words(check: LayerCheck) -> str:
    recomputed = pair_in_words(check.recomputed)
    if check.row is None:
        return f"row is missing, the sum of its events is {recomputed}"
    return f"pair {pair_in_words(check.row.pair)} is not the sum of its events, {recomputed}"


def _partitions(explained: Explanation) -> str:
    return f"partition {_numbers(explained.log.partitions)}" if explained.log.partitions else "its partition"


def _numbers(partitions: Iterable[int]) -> str:
    return ", ".join(map(str, partitions))


def _value(row: Row) -> str:
    return f"{number_in_words(row.sma)}, {_events(row.pair.event_count)}"


def _events(count: int, what: str = "event") -> str:
    return f"{count:,} {what}" + ("" if count == 1 else "s")


def _is(count: int) -> str:
    return "is" if count == 1 else "are"
