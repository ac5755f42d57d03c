"""Words what a reconciliation is about to do, what it leaves out, and what is not compared yet."""

from collections.abc import Iterator, Sequence
from datetime import date
from itertools import groupby
from typing import Any

from batch.schedule.reconciliation_plan import DayRequest, ReconciliationPlan
from batch.schedule.stale_days import NO_RESULT, NOT_RECONCILED
from batch.schedule.unclosed import Unclosed
from batch.schedule.unclosed_words import WHAT_CLOSES, all_holding_in_words
from orchestration.partitions import left_out, ranges_of
from orchestration.run_durations import Estimate
from sma.instants import format_instant, milliseconds

MOST_RANGES = 4


def plan_in_words(plan: ReconciliationPlan, estimate: Estimate | None, run_count: int) -> list[str]:
    """Return the lines that say what is about to be done, and why; the plan has days.

    Args:
        plan: what is about to be done.
        estimate: how long it takes; None where no run has ended yet.
        run_count: how many runs Dagster starts.
    """
    runs = "1 run" if run_count == 1 else f"{run_count} runs, one after the other"
    lines = [f"{_days(len(plan.days))} to reconcile, in {runs}: {ranges_in_words(plan.days)}"]
    lines += [f"  {why}: {ranges_in_words(days)}" for why, days in _by_reason(plan)]
    lines.append(
        f"  {plan.offsets:,} of {plan.offsets_in_log:,} Kafka offsets to read; those of days that differ once more"
    )
    lines.append(f"  {_estimate_in_words(estimate)}")
    return [*lines, *left_out_in_words(plan)]


def left_out_in_words(plan: ReconciliationPlan) -> list[str]:
    """Return the lines that name the days that are left out, with the way to include them."""
    lines = []
    if plan.settled:
        lines.append(
            f"left out: {_days(plan.settled)}, settled and unchanged: --all includes them, or --start and --end"
        )
    if plan.gone:
        lines.append(
            f"left out: {_days(len(plan.gone))} of which Kafka no longer has all events: "
            f"{ranges_in_words(plan.gone)}; see docs/runbooks/DaysLost.md"
        )
    if plan.outside:
        lines.append(left_out(plan.outside))
    return lines


def nothing_in_words(plan: ReconciliationPlan, request: DayRequest) -> list[str]:
    """Return the lines that say why there is no day to reconcile."""
    which = ""
    if request.start is not None or request.end is not None:
        which = f" from {request.start or 'the first day'} to {request.end or 'the last day'}"
    whose = f" of {request.customer}" if request.customer is not None else ""
    if plan.gone or plan.outside:
        reason = "no day that can be reconciled is left"
    elif request.includes_settled or not plan.settled:
        reason = f"no day{which} has a closed window{whose}"
    else:
        at = plan.last_reconciled_at
        when = f", the last at {format_instant(milliseconds(at) // 1_000 * 1_000)}" if at is not None else ""
        reason = f"nothing new has closed{whose} since the last reconciliation: all days are reconciled{when}"
    lines = [f"nothing was compared: {reason}", *left_out_in_words(plan)]
    if not plan.offsets_in_log:
        lines.append("the log is empty: publish events with `sma produce`")
    return [*lines, *unclosed_in_words(plan.unclosed)]


def not_closed_in_words(plan: ReconciliationPlan, request: DayRequest) -> str | None:
    """Return why days that are asked for cannot be reconciled, in one line: they are not closed; None where they are.

    Without days, that is so where there are events and no day has ever closed; with a last day, where events of the
    days up to it are in no closed window.
    """
    unclosed = plan.unclosed
    if request.end is not None:
        days = [day for day in unclosed.days if request.contains(day)]
    else:
        is_any_closed = plan.days or plan.settled or plan.outside or plan.gone
        days = [] if is_any_closed else [day for day in unclosed.days if request.contains(day)]
    if not days:
        return None
    reasons = "; ".join(all_holding_in_words(unclosed))
    return f"not closed, so not wholly reconciled: {ranges_in_words(days)}: {reasons}. What closes them: {WHAT_CLOSES}"


def unclosed_in_words(unclosed: Unclosed) -> list[str]:
    """Return the lines that say how many events are not compared yet, what holds them back, and what closes them."""
    if not unclosed.events:
        return []
    at_least = "" if unclosed.is_exact else "at least "
    mark = unclosed.low_watermark_ms
    closed = "no window is closed" if mark is None else f"windows are closed up to {format_instant(mark)} only"
    one = unclosed.events == 1
    lines = [
        f"{at_least}{unclosed.events:,} event{'' if one else 's'} of {ranges_in_words(unclosed.days)} "
        f"{'is' if one else 'are'} not compared yet, in no closed window: {closed}"
    ]
    lines += [f"  {line}" for line in all_holding_in_words(unclosed)]
    lines.append(f"  what closes them: {WHAT_CLOSES}")
    return lines


def ranges_in_words(days: Sequence[date]) -> str:
    """Return days, ascending, as ranges: `2013-01-01 to 2013-01-31, 2024-03-01`; of many ranges the newest."""
    ranges = ranges_of(days)
    newest = ranges[-MOST_RANGES:]
    named = ", ".join(str(first) if first == last else f"{first} to {last}" for first, last in newest)
    if len(newest) == len(ranges):
        return named
    return f"{days[0]} and others in {len(ranges) - len(newest):,} ranges, {named}"


def plan_document(plan: ReconciliationPlan, estimate: Estimate | None) -> dict[str, Any]:
    """Return the plan for programs."""
    unclosed = plan.unclosed
    return {
        "days": [{"day": str(day), "reasons": sorted(plan.reasons.get(day, ()))} for day in plan.days],
        "settled_days_left_out": plan.settled,
        "days_left_out": [str(day) for day in (*plan.outside, *plan.gone)],
        "offsets_to_read": plan.offsets,
        "offsets_in_log": plan.offsets_in_log,
        "estimated_seconds": None if estimate is None else round(estimate.seconds, 1),
        "unclosed": {
            "events": unclosed.events,
            "is_exact": unclosed.is_exact,
            "days": [str(day) for day in unclosed.days],
            "low_watermark": _instant(unclosed.low_watermark_ms),
            "held_back_by": [
                {
                    "kafka_partition": each.kafka_partition,
                    "max_log_time": _instant(each.max_log_time_ms),
                    "newest_series": each.newest_series,
                    "indexed_at": each.indexed_at,
                }
                for each in unclosed.held_back_by
            ],
        },
    }


def _by_reason(plan: ReconciliationPlan) -> Iterator[tuple[str, list[date]]]:
    def why(day: date) -> str:
        return _reason_in_words(plan.reasons.get(day, frozenset()))

    for reason, days in groupby(sorted(plan.days, key=lambda day: (why(day), day)), key=why):
        yield reason, list(days)


def _reason_in_words(reasons: frozenset[str]) -> str:
    if not reasons:
        return "settled, computed again"
    if NO_RESULT in reasons:
        return "new"
    if reasons == {NOT_RECONCILED}:
        return "computed and not reconciled yet"
    return f"changed ({', '.join(sorted(reasons))})"


def _estimate_in_words(estimate: Estimate | None) -> str:
    if estimate is None:
        return "how long it takes is not known: no reconciliation has ended yet"
    like = estimate.like
    return f"about {_seconds(estimate.seconds)} or less: a run of {_days(like.days)} took {_seconds(like.seconds)}"


def _instant(time_ms: int | None) -> str | None:
    return None if time_ms is None else format_instant(time_ms)


def _seconds(seconds: float) -> str:
    minutes, rest = divmod(round(max(seconds, 1.0)), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _days(count: int) -> str:
    return f"{count:,} day{'' if count == 1 else 's'}"
