"""Shows the status of the system as a page: the parts, the job, the newest data, reconciliation, alerts."""

from datetime import UTC, datetime

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cli.ages import ago_in_words, lasting_in_words, span_in_words
from cli.console import make_facts, make_table, out
from cli.now import KAFKA_DOWN, Now
from cli.stream_wording import status_in_words
from deploy.local.lifecycle.status import StackStatus
from deploy.topic_reports import TopicReport
from monitoring.figures import Alert, Figures
from monitoring.newest_series import NewestSeries, Series
from sma.instants import format_instant

MOST_PARTITIONS = 3
_STATES = {
    "open": "none closed yet",
    "streamed": "closed, streamed",
    "computed": "closed, to be reconciled",
    "reconciled": "reconciled",
}


def print_parts(parts: StackStatus) -> None:
    """Print a line for each part."""
    out.print(_parts_table(parts))


def page_of(status: Now, now: datetime) -> RenderableType:
    """Return the whole page; ages are as of `now`."""
    figures = None if isinstance(status.figures, str) else status.figures
    job = f"not known: {status.job}" if isinstance(status.job, str) else status_in_words(status.job)
    sections: list[RenderableType] = [_parts_table(status.parts), Text(f"stream: {job}")]
    if figures is not None and (lag := _lag_rows(figures, now)):
        sections.append(make_facts("", lag))
    sections += [Text(f"topic {line}") for line in _topic_lines(status.topics)]
    sections.append(Text())
    if isinstance(status.newest, str):
        sections.append(Text(f"newest data: {status.newest}\n"))
    else:
        sections.append(_newest_table(status.newest, now))
    if figures is None:
        sections.append(Text(f"reconciliation: {status.figures}\n"))
    else:
        sections += [make_facts("reconciliation", _rows(figures, now)), Text()]
    sections.append(
        Text(f"alerts: {status.alerts}") if isinstance(status.alerts, str) else _alerts_table(status.alerts)
    )
    return Group(*sections)


def _parts_table(parts: StackStatus) -> Table:
    rows = [
        (part.name, part.version or "", "up" if part.is_up else f"DOWN: {part.reason}", part.url)
        for part in parts.parts
    ]
    pages = [(f"  {name}", "", "", url) for name, url in parts.pages.items()]
    return make_table("", ["part", "version", "health", "address"], [*rows, *pages])


def _lag_rows(figures: Figures, now: datetime) -> list[tuple[str, str]]:
    rows = []
    if figures.lag_events and figures.lag_s is not None:
        waiting = lasting_in_words(figures.lag_s, now)
        rows.append(("  lag", f"{figures.lag_events:,} events, the oldest {waiting}"))
    if figures.watermark_s is not None:
        watermark = datetime.fromtimestamp(figures.watermark_s, UTC)
        rows.append(("  watermark", f"{watermark:%Y-%m-%d %H:%M:%S} (event time, UTC)"))
    holding = figures.held_back_by or ()
    for each in holding[:MOST_PARTITIONS]:
        behind, since = span_in_words(each.behind_s), ago_in_words(each.quiet_s, now)
        rows.append(
            (
                "  held back by",
                f"partition {each.kafka_partition}: {behind} behind, its last record {since}: `sma heartbeat`",
            )
        )
    if len(holding) > MOST_PARTITIONS:
        rows.append(("", f"and {len(holding) - MOST_PARTITIONS:,} more partitions"))
    return rows


def _topic_lines(topics: list[TopicReport] | str) -> list[str]:
    """Return what somebody should do about a topic; the table of the parts says where Kafka is down."""
    if isinstance(topics, str):
        return [] if topics == KAFKA_DOWN else [f"settings: {topics}"]
    refused = [f"{topic.name}: REFUSED: {topic.fault}" for topic in topics if topic.fault]
    return refused + [f"{topic.name}: {remark}" for topic in topics for remark in topic.remarks]


def _newest_table(newest: NewestSeries, now: datetime) -> RenderableType:
    if not newest.series:
        return Text("newest data: none yet; `sma produce` publishes a CSV file\n")
    rows = [_newest_row(series, now) for series in newest.series]
    table = make_table(
        "newest data", ["series", "last rows", "newest event (UTC)", "newest window as of (UTC)", "state"], rows
    )
    more = "1 other series" if newest.more == 1 else f"{newest.more:,} other series"
    return Group(table, Text(f"and {more}\n")) if newest.more else table


def _newest_row(series: Series, now: datetime) -> tuple[str, ...]:
    written = series.written_at
    return (
        f"{series.customer}/{series.metric}",
        ago_in_words((now - written).total_seconds(), now) if written else "none",
        _instant(series.newest_event_ms) if series.newest_event_ms is not None else "not indexed yet",
        f"{series.as_of:%Y-%m-%d %H:%M:%S} ({series.average})" if series.as_of else "none",
        _STATES[series.state],
    )


def _instant(time_ms: int) -> str:
    return format_instant(time_ms).replace("T", " ").removesuffix("Z")


def _rows(figures: Figures, now: datetime) -> list[tuple[str, str]]:
    rows = [("last one", _reconciliation(figures, now))]
    if figures.residue is not None:
        rows.append(("unaccounted for", f"{figures.residue:,} records"))
    if figures.late_events is not None and figures.rejected_events is not None:
        rows.append(("late, rejected", f"{figures.late_events:,}, {figures.rejected_events:,} events, as indexed"))
    if figures.split_series:
        rows.append(("two partitions", _split_series(figures)))
    if (model := _model(figures, now)) is not None:
        rows.append(("Power BI model", model))
    if figures.disk_free_share is not None:
        rows.append(("disk", f"{figures.disk_free_share:.0%} free"))
    if figures.silent:
        rows.append(("no answer from", ", ".join(figures.silent)))
    return rows


def _reconciliation(figures: Figures, now: datetime) -> str:
    days = f"; {figures.days_to_reconcile:,} days to reconcile" if figures.days_to_reconcile is not None else ""
    if figures.reconciliation_age_s is None:
        return f"none yet{days}"
    differences = (
        f"; {figures.differences:,} windows differ, {figures.unexplained_differences or 0:,} unexplained"
        if figures.differences is not None
        else ""
    )
    return f"{ago_in_words(figures.reconciliation_age_s, now)}{differences}{days}"


def _split_series(figures: Figures) -> str:
    count, named = figures.split_series or 0, ", ".join(figures.split_series_newest)
    more = f" and {count - len(figures.split_series_newest):,} more" if count > len(figures.split_series_newest) else ""
    return f"{count:,} series: {named}{more}; see docs/runbooks/SeriesInTwoPartitions.md"


def _model(figures: Figures, now: datetime) -> str | None:
    """Return how old the Power BI model is; None where there is none."""
    if figures.readers_behind_s is None and figures.refresh_age_s is None:
        return None
    asked = (
        "no refresh yet" if figures.refresh_age_s is None else f"asked for {ago_in_words(figures.refresh_age_s, now)}"
    )
    if not figures.readers_behind_s:
        return asked
    return f"{asked}, rows have waited {lasting_in_words(figures.readers_behind_s, now)}"


def _alerts_table(alerts: list[Alert]) -> RenderableType:
    if not alerts:
        return Text("no alert fires")
    rows = [(alert.name, alert.severity, alert.summary, alert.runbook) for alert in alerts]
    return make_table("alerts", ["alert", "severity", "what", "what to do"], rows)
