"""The kinds of panel that the dashboards are made of: figures, lines and tables, of Prometheus or of the database.

Data sources are variables of the dashboard, so it can be imported where they have other names.
"""

from dataclasses import dataclass
from typing import Any

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, table, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.common import LegendDisplayMode, LegendPlacement
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DataSourceRef,
    Threshold,
    ThresholdsMode,
    VariableRefresh,
)

PROMETHEUS = DataSourceRef(type_val="prometheus", uid="${prometheus}")
DATABASE_PLUGIN = "grafana-postgresql-datasource"
DATABASE = DataSourceRef(type_val=DATABASE_PLUGIN, uid="${timescaledb}")
WIDTH = 24


@dataclass(frozen=True, slots=True)
class Sql(Dataquery):
    """A query of the database; the SDK has none."""

    statement: str
    is_series: bool

    def to_json(self) -> dict[str, Any]:
        """Return it as Grafana's data source for PostgreSQL takes it."""
        return {
            "refId": "A",
            "datasource": {"type": DATABASE_PLUGIN, "uid": "${timescaledb}"},
            "editorMode": "code",
            "format": "time_series" if self.is_series else "table",
            "rawQuery": True,
            "rawSql": self.statement,
        }


@dataclass(frozen=True, slots=True)
class _Built(Builder[Dataquery]):
    query: Dataquery

    def build(self) -> Dataquery:
        return self.query


def board(uid: str, title: str, description: str, since: str = "now-1h") -> dashboard.Dashboard:
    """Return an empty dashboard with a variable for each data source."""
    return (
        dashboard.Dashboard(title)
        .uid(uid)
        .description(description)
        .tags(["sma"])
        .timezone("utc")
        .time(since, "now")
        .refresh("30s")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .with_variable(dashboard.DatasourceVariable("prometheus").label("Prometheus").type("prometheus"))
        .with_variable(dashboard.DatasourceVariable("timescaledb").label("TimescaleDB").type(DATABASE_PLUGIN))
        .link(dashboard.DashboardLink("sma").tags(["sma"]).as_dropdown(True).keep_time(True))
    )


def choice(name: str, statement: str) -> dashboard.QueryVariable:
    """Return a variable whose values the database gives."""
    return (
        dashboard.QueryVariable(name)
        .datasource(DATABASE)
        .query(statement)
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
    )


def figure(
    title: str, expression: str, unit: str, what: str, bad_from: float | None = None, bad_to: float | None = None
) -> stat.Panel:
    """Return one figure, the newest; red from `bad_from` on, or up to `bad_to`."""
    panel = (
        stat.Panel()
        .title(title)
        .description(what)
        .unit(unit)
        .datasource(PROMETHEUS)
        .height(4)
        .span(WIDTH // 6)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .with_target(prometheus.Dataquery().ref_id("A").expr(expression).legend_format(title).instant())
    )
    steps = [Threshold(color="green")]
    if bad_from is not None:
        steps.append(Threshold(color="red", value=bad_from))
    if bad_to is not None:
        steps = [Threshold(color="red"), Threshold(color="green", value=bad_to)]
    return panel.thresholds(dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps))


def lines(title: str, unit: str, what: str, *queries: tuple[str, str], span: int = WIDTH // 2) -> timeseries.Panel:
    """Return lines over time: pairs of an expression and what its lines are called."""
    panel = timeseries.Panel().title(title).description(what).unit(unit).datasource(PROMETHEUS).height(8).span(span)
    panel = panel.legend(_legend())
    for letter, (expression, legend) in zip("ABCDEFGH", queries, strict=False):
        panel = panel.with_target(prometheus.Dataquery().ref_id(letter).expr(expression).legend_format(legend).range())
    return panel.min(0) if unit in ("short", "s", "bytes", "cps") else panel


def sql_lines(title: str, unit: str, what: str, statement: str, span: int = WIDTH) -> timeseries.Panel:
    """Return lines over time that the database gives: columns time, metric and value."""
    panel = timeseries.Panel().title(title).description(what).unit(unit).datasource(DATABASE).height(9).span(span)
    return panel.legend(_legend()).with_target(_Built(Sql(statement, is_series=True)))


def sql_table(title: str, what: str, statement: str, span: int = WIDTH) -> table.Panel:
    """Return a table that the database gives."""
    panel = table.Panel().title(title).description(what).datasource(DATABASE).height(9).span(span)
    return panel.show_header(True).with_target(_Built(Sql(statement, is_series=False)))


def _legend() -> common.VizLegendOptions:
    return (
        common.VizLegendOptions()
        .show_legend(True)
        .display_mode(LegendDisplayMode.LIST)
        .placement(LegendPlacement.BOTTOM)
    )
