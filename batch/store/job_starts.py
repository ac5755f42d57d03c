"""Tells which averages and rules of averages.yaml are in force: those that the job runs with since its newest start.

A file that was edited takes effect when the job takes it up. Until then the batch layer computes and judges by the
rules that the streamed rows follow from.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from batch.store.database import Connection
from batch.store.read_only import read_only_session
from clients.statements import load_statements
from sma.averages import Average, Averages
from sma.errors import SmaError
from sma.settings import DatabaseSettings
from sma.window import CountWindow, DurationWindow

_SQL = load_statements(__file__)


@dataclass(frozen=True, slots=True)
class InForce:
    """The part of averages.yaml that the job computes, by its rules, and those rules' generation; 0 before any start.

    `left_out` has a line for each part of the file that is not in force, with the way to put it in force.
    """

    averages: Averages
    generation: int
    left_out: tuple[str, ...] = ()


def in_force(connection: Connection, averages: Averages) -> InForce:
    """Return what of averages.yaml is in force; all of it before the first start of a job.

    Raises:
        SmaError: the job computes no average of the file.
    """
    row = connection.execute(_SQL["read_newest_start"]).fetchone()
    if row is None:
        return InForce(averages, 0)
    generation, watermark_delay_ms, allowed_lateness_ms, max_ahead_ms, windows = row
    computed = {name: _average(name, window) for name, window in windows.items()}
    kept = tuple(average for average in averages.averages if computed.get(average.name) == average)
    rules = replace(
        averages,
        watermark_delay_ms=watermark_delay_ms,
        allowed_lateness_ms=allowed_lateness_ms,
        max_ahead_ms=max_ahead_ms,
        averages=kept,
    )
    left_out = tuple(_left_out(averages, rules, computed))
    if not kept:
        raise SmaError(f"the job computes no average of averages.yaml: {'; '.join(left_out)}")
    return InForce(rules, generation, left_out)


def _average(name: str, window: Mapping[str, Any]) -> Average:
    count = window["event_count"]
    size = CountWindow(count) if count else DurationWindow(window["duration_ms"])
    return Average(name, size, window["every_ms"], window.get("offset_ms", 0))  # not in the starts of older versions


def _left_out(averages: Averages, rules: Averages, computed: Mapping[str, Average]) -> list[str]:
    lines = [
        f"average {average.name}: "
        + (
            "the job computes another window under that name: give the new one a name of its own"
            if average.name in computed
            else "the job does not compute it yet: `sma stream upgrade`"
        )
        for average in averages.averages
        if average not in rules.averages
    ]
    if averages.watermark_delay_ms != rules.watermark_delay_ms:
        lines.append("watermark_delay: the job has another one until `sma stream upgrade`")
    lines += [
        f"{name}: the job has another one until `sma stream stop` and `sma stream start --fresh`"
        for name in ("allowed_lateness", "max_ahead")
        if getattr(averages, f"{name}_ms") != getattr(rules, f"{name}_ms")
    ]
    return lines


def averages_in_force(settings: DatabaseSettings, averages: Averages) -> Averages:
    """Return the averages and rules that are in force: see `in_force`.

    Raises:
        SmaError: the database does not answer, or the job computes no average of the file.
    """
    with read_only_session(settings) as connection:
        return in_force(connection, averages).averages
