"""`sma status`: shows every part, the job, the figures and the firing alerts, once or repeatedly."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import click
from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from cli.console import make_table, out, print_json
from cli.stream import status_in_words
from deploy.local.lifecycle.status import StackStatus
from deploy.local.lifecycle.status import status as stack_status
from monitoring.figures import Alert, Figures, read_alerts, read_figures
from sma.errors import SmaError
from sma.settings import Settings, load_settings
from streaming.control import progress

Answer = TypeVar("Answer")
_MOST_CUSTOMERS = 5


@dataclass(frozen=True, slots=True)
class Now:
    """The present status; where a source did not answer, the reason."""

    parts: StackStatus
    job: progress.Status | str
    figures: Figures | str
    alerts: list[Alert] | str

    def as_dict(self) -> dict[str, object]:
        """Return the status as JSON."""
        job = {"state": "UNKNOWN", "problem": self.job} if isinstance(self.job, str) else asdict(self.job)
        figures = {"problem": self.figures} if isinstance(self.figures, str) else asdict(self.figures)
        alerts = {"problem": self.alerts} if isinstance(self.alerts, str) else [asdict(alert) for alert in self.alerts]
        return self.parts.as_dict() | {"stream": job, "figures": figures, "alerts": alerts}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="print the status as JSON, the database URL's password included")
@click.option("--watch", is_flag=True, help="show it again and again, until interrupted")
@click.option("--every", default=2.0, show_default=True, type=click.FloatRange(min=0.2), help="seconds between updates")
def status(as_json: bool, watch: bool, every: float) -> None:
    """Show every part, how far behind the stream is, what was reconciled, how old data is, and which alerts fire.

    \b
    Examples:
      sma status
      sma status --watch
      psql "$(sma status --json | jq -r .database_url)"
    """
    if as_json and watch:
        raise SmaError("--json and --watch exclude each other: a program asks as often as it wants")
    settings = load_settings()
    if watch:
        _watch(settings, every)
        return
    now = _read_status(settings)
    if as_json:
        print_json(now.as_dict())
    else:
        out.print(_page(now))
    if not now.parts.is_up:
        raise SmaError("not every part is up: `sma up` starts what is down")


def print_parts(parts: StackStatus) -> None:
    """Print a line for each part."""
    out.print(_parts_table(parts))


def _watch(settings: Settings, every_s: float) -> None:
    while not out.is_terminal:  # a file gets one page after the other
        out.print(_page(_read_status(settings)))
        time.sleep(every_s)
    with Live(console=out, auto_refresh=False, screen=True) as live:
        while True:
            live.update(_page(_read_status(settings)), refresh=True)
            time.sleep(every_s)


def _read_status(settings: Settings) -> Now:
    return Now(
        parts=stack_status(settings),
        job=_or_why(lambda: progress.status(settings)),
        figures=_or_why(lambda: read_figures(settings)),
        alerts=_or_why(lambda: read_alerts(settings)),
    )


def _or_why(ask: Callable[[], Answer]) -> Answer | str:
    try:
        return ask()
    except SmaError as error:
        return str(error)


def _page(now: Now) -> RenderableType:
    job = now.job if isinstance(now.job, str) else status_in_words(now.job)
    measured = Text(now.figures) if isinstance(now.figures, str) else _figures_table(now.figures)
    alerts = Text(now.alerts) if isinstance(now.alerts, str) else _alerts_table(now.alerts)
    return Group(_parts_table(now.parts), Text(f"stream: {job}\n"), measured, alerts)


def _parts_table(parts: StackStatus) -> Table:
    rows = [
        (part.name, part.version or "", "up" if part.is_up else f"DOWN: {part.reason}", part.url)
        for part in parts.parts
    ]
    return make_table("", ["part", "version", "health", "address"], rows)


def _figures_table(now: Figures) -> Table:
    rows = [
        ("lag", f"{_count(now.lag_events)} events, the oldest for {_age(now.lag_s)}"),
        ("watermark", _instant(now.watermark_s)),
        ("last checkpoint", f"{_age(now.checkpoint_age_s)} ago, {_count(now.restarts)} restarts"),
        ("late, rejected", f"{_count(now.late_events)}, {_count(now.rejected_events)} events, as indexed"),
        ("unaccounted for", f"{_count(now.residue)} records"),
        (
            "last reconciliation",
            f"{_age(now.reconciliation_age_s)} ago; {_count(now.differences)} windows differ, "
            f"{_count(now.unexplained_differences)} unexplained; {_count(now.days_to_reconcile)} days to reconcile",
        ),
        *_data_ages(now),
        ("Power BI model", _model(now)),
        ("disk", "-" if now.disk_free_share is None else f"{now.disk_free_share:.0%} free"),
        *([("no answer from", ", ".join(now.silent))] if now.silent else ()),
    ]
    return make_table("measured", ["", ""], rows)


def _data_ages(now: Figures) -> list[tuple[str, str]]:
    oldest = sorted(now.data_age_s.items(), key=lambda item: -item[1].get("window_closed", 0.0))
    rows = [
        (
            f"data of {customer}",
            f"newest window {_age(ages.get('window_closed'))} old, streamed {_age(ages.get('streamed'))}, "
            f"reconciled {_age(ages.get('reconciled'))}",
        )
        for customer, ages in oldest[:_MOST_CUSTOMERS]
    ]
    more = len(oldest) - len(rows)
    return [*rows, ("", f"and {more} customers with newer data")] if more > 0 else rows


def _model(now: Figures) -> str:
    if now.refresh_age_s is None and now.readers_behind_s is None:
        return "not refreshed"
    return f"asked for {_age(now.refresh_age_s)} ago, rows wait for {_age(now.readers_behind_s)}"


def _alerts_table(alerts: list[Alert]) -> RenderableType:
    if not alerts:
        return Text("no alert fires")
    rows = [(alert.name, alert.severity, alert.summary, alert.runbook) for alert in alerts]
    return make_table("alerts", ["alert", "severity", "what", "what to do"], rows)


def _count(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def _age(seconds: float | None) -> str:
    return "-" if seconds is None else str(timedelta(seconds=round(seconds)))


def _instant(seconds: float | None) -> str:
    return "-" if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
