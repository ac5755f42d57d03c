"""The Power BI model as an asset: refreshed after each reconciliation and in good time anyway; off where not set up."""

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import dagster as dg

from batch.bounded import look
from orchestration.automation import RECONCILED, SENSORS_START, is_under_way
from orchestration.graph import ANALYTICS, SERVING, docs, moving_averages
from orchestration.jobs import extend_index, reconcile
from orchestration.resources import Project, failing_in_one_line
from refresh.audit import Contained, read_known
from refresh.clock import SystemClock
from refresh.connection import OFF, model_of
from refresh.due import decide
from refresh.follow import Outcome
from refresh.run import refresh_model
from sma.durations import parse_duration

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
        outcome, contained = refresh_model(
            project.settings, model, SystemClock(), context.run.run_id, reason, context.log.info
        )
    metadata = refreshed_metadata(outcome, contained)
    completed, throttled = outcome.status == "completed", outcome.status == "throttled"
    yield dg.AssetCheckResult(
        passed=completed,
        check_name=REFRESHED,
        severity=dg.AssetCheckSeverity.WARN if throttled else dg.AssetCheckSeverity.ERROR,
        description=outcome.error or outcome.status,
        metadata=metadata,
    )
    if completed:
        yield dg.MaterializeResult(metadata=metadata)
    elif not throttled:
        raise dg.Failure(f"the refresh {outcome.status}: {outcome.error or ''}", metadata, allow_retries=False)


def refreshed_metadata(outcome: Outcome, contained: Contained) -> dict[str, Any]:
    """Return what a refresh tells: its request, how long it took, and how old what readers see is at its end."""
    told: dict[str, Any] = {
        "request_id": outcome.request_id or "none was accepted",
        "status": outcome.status,
        "waits": outcome.waits,
        "waited_seconds": round((outcome.accepted_at or outcome.ended_at) - outcome.asked_at, 3),
    }
    if outcome.accepted_at is not None:
        told["refresh_seconds"] = round(outcome.ended_at - outcome.accepted_at, 3)
    if outcome.retry_at is not None:
        told["quota_allows_next_at"] = dg.MetadataValue.timestamp(outcome.retry_at)
    stages = (
        ("streamed", contained.window_end, contained.streamed_at),
        ("reconciled", contained.window_end, contained.reconciled_at),
    )
    for name, start, reached in stages:
        if start is not None and reached is not None:
            told[f"window_closed_to_{name}_seconds"] = round((reached - start).total_seconds(), 3)
    if contained.window_end is not None:
        told["newest_reconciled_window"] = contained.window_end.isoformat()
        told["visible_data_age_seconds"] = round(outcome.ended_at - contained.window_end.timestamp(), 3)
    return told


refresh = dg.define_asset_job(
    "refresh",
    selection=dg.AssetSelection.assets(power_bi),
    description="Refresh the Power BI model and follow the refresh to its end.",
)


@dg.sensor(job=refresh, minimum_interval_seconds=30, default_status=SENSORS_START)
def refresh_what_was_reconciled(
    context: dg.SensorEvaluationContext, project: dg.ResourceParam[Project]
) -> dg.RunRequest | dg.SkipReason:
    """Refresh the model once something was reconciled, or time is up; never beside another refresh."""
    settings = project.settings
    with failing_in_one_line():
        if model_of(settings) is None:
            return dg.SkipReason(OFF)
        with look(settings) as connection:
            known = read_known(connection)
        every_s = parse_duration(settings.powerbi_refresh_every) / 1000
    under_way = is_under_way(context.instance, reconcile.name, RECONCILED) or is_under_way(
        context.instance, extend_index.name, {"offset_index"}
    )
    known = replace(
        known,
        refresh_under_way=is_under_way(context.instance, refresh.name, {"power_bi"}),
        reconciliation_under_way=under_way,
    )
    decision = decide(time.time(), known, every_s)
    if not decision.is_due:
        return dg.SkipReason(decision.why)
    return dg.RunRequest(tags={"sma/reason": decision.why})
