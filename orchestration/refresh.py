"""Defines the Power BI model as an asset: refreshed after each reconciliation and at an interval, or off."""

from collections.abc import Iterator
from dataclasses import replace

import dagster as dg

from batch.store.read_only import read_only_session
from orchestration.automation import SENSORS_START, is_reconciling, is_under_way
from orchestration.graph import ANALYTICS, SERVING, docs, moving_averages
from orchestration.jobs import extend_index
from orchestration.refresh_metadata import in_one_line, refreshed_metadata
from orchestration.resources import Project, failing_in_one_line
from powerbi.refresh.audit import read_known
from powerbi.refresh.connection import OFF, model_of
from powerbi.refresh.due import decide
from powerbi.refresh.run import refresh_model

POOL = "sma_power_bi"
REFRESHED = "model_is_refreshed"


@dg.asset(
    deps=[moving_averages],
    pool=POOL,
    group_name=SERVING,
    owners=[ANALYTICS],
    kinds={"powerbi"},
    output_required=False,
    metadata={"dagster/column_schema": moving_averages.metadata["dagster/column_schema"], **docs("refresh.md")},
    check_specs=[
        dg.AssetCheckSpec(
            REFRESHED, asset="power_bi", description="The last refresh of the model completed, or is off."
        )
    ],
)
def power_bi(
    context: dg.AssetExecutionContext, project: dg.ResourceParam[Project]
) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
    """The semantic model of Power BI, which reads views made from serving.moving_averages."""
    reason = context.run.tags.get("sma/reason", "by hand")
    with failing_in_one_line():
        model = model_of(project.settings)
        if model is None:
            context.log.info(OFF)
            yield dg.AssetCheckResult(passed=True, check_name=REFRESHED, description=OFF)
            return
        refreshed = refresh_model(project.settings, model, project.clock, context.run.run_id, reason, context.log.info)
    metadata = refreshed_metadata(refreshed, model.per_day)
    status, line = refreshed.outcome.status, in_one_line(refreshed, model.per_day)
    yield dg.AssetCheckResult(
        passed=status == "completed",
        check_name=REFRESHED,
        severity=dg.AssetCheckSeverity.WARN if status == "throttled" else dg.AssetCheckSeverity.ERROR,
        description=line,
        metadata=metadata,
    )
    if status == "completed":
        yield dg.MaterializeResult(metadata=metadata)
    elif status != "throttled":
        raise dg.Failure(f"the refresh: {line}", metadata, allow_retries=False)


refresh = dg.define_asset_job(
    "refresh",
    selection=dg.AssetSelection.assets(power_bi),
    description="Refresh the Power BI model and follow the refresh to its end.",
)


@dg.sensor(job=refresh, minimum_interval_seconds=30, default_status=SENSORS_START)
def refresh_what_was_reconciled(
    context: dg.SensorEvaluationContext, project: dg.ResourceParam[Project]
) -> dg.RunRequest | dg.SkipReason:
    """Refresh the model after a reconciliation, or when the interval is over; never during another refresh."""
    settings = project.settings
    with failing_in_one_line():
        model = model_of(settings)
        if model is None:
            return dg.SkipReason(OFF)
        with read_only_session(settings) as connection:
            known = read_known(connection)
    reconciles = is_reconciling(context.instance)
    indexes = is_under_way(context.instance, extend_index.name, {"offset_index"})
    known = replace(
        known,
        refresh_under_way=is_under_way(context.instance, refresh.name, {"power_bi"}),
        reconciliation_under_way=reconciles or indexes,
    )
    decision = decide(known, model.every_s, model.per_day)
    if not decision.is_due:
        return dg.SkipReason(decision.why)
    return dg.RunRequest(tags={"sma/reason": decision.why})
