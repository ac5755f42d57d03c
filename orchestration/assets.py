"""Defines the assets that Dagster materializes: the offset index, the batch results, and their reconciliation.

The latter two take any number of days in one run, and share a pool, so that no two runs write one day. The work itself
is called through `Project`.
"""

from collections.abc import Iterator

import dagster as dg

from orchestration.day_checks import DayEvents, day_evaluations, unexplained_by_day, unexplained_corrections
from orchestration.graph import AVERAGES_COLUMNS, BLOCK_COLUMNS, DATA_PLATFORM, RECONCILIATIONS_COLUMNS, docs
from orchestration.metadata import computed_metadata, indexed_metadata, reconciled_metadata
from orchestration.partitions import days, days_of
from orchestration.resources import Project, failing_in_one_line
from orchestration.resume import resume_key

BATCH = "batch"
POOL = "sma_days"
INDEX_POOL = "sma_index"

ALL_EXPLAINED = "every_correction_explained"
NO_UNEXPLAINED = "no_unexplained_difference"
ALL_ACCOUNTED_FOR = "every_record_accounted_for"


@dg.asset(
    deps=["events"],
    pool=INDEX_POOL,
    group_name=BATCH,
    owners=[DATA_PLATFORM],
    kinds={"kafka", "postgres"},
    metadata={"dagster/column_schema": BLOCK_COLUMNS, **docs("architecture.md")},
)
def offset_index(context: dg.AssetExecutionContext, project: dg.ResourceParam[Project]) -> dg.MaterializeResult:
    """Where in the log the events of a day are, and which of them are late; extended as the log grows."""
    with failing_in_one_line():
        report = project.extend_index(context.log.info)
    return dg.MaterializeResult(metadata=indexed_metadata(report))


@dg.asset(
    deps=["events", offset_index],
    partitions_def=days,
    backfill_policy=dg.BackfillPolicy.single_run(),
    pool=POOL,
    group_name=BATCH,
    owners=[DATA_PLATFORM],
    kinds={"polars", "postgres"},
    metadata={"dagster/column_schema": AVERAGES_COLUMNS, **docs("architecture.md")},
    check_specs=[
        dg.AssetCheckSpec(
            ALL_EXPLAINED,
            asset="batch_averages",
            partitions_def=days,
            description="Each stored row that was corrected was right before the log gained events: none was damaged.",
        )
    ],
)
def batch_averages(
    context: dg.AssetExecutionContext, project: dg.ResourceParam[Project]
) -> Iterator[dg.MaterializeResult | DayEvents]:
    """Every average recomputed exactly from the retained log, a day at a time."""
    key = resume_key(context.instance, context.run)
    with failing_in_one_line():
        computed = project.compute(days_of(context.partition_keys), context.run.run_id, context.log.info, key)
    for day, metadata in computed_metadata(computed):
        context.add_asset_metadata(metadata, partition_key=day)
    yield dg.MaterializeResult()
    yield from day_evaluations(context, ALL_EXPLAINED, unexplained_corrections(computed), blocking=False)


@dg.asset(
    deps=["events", "streaming_averages", "late_events", "rejected_events", batch_averages],
    partitions_def=days,
    backfill_policy=dg.BackfillPolicy.single_run(),
    pool=POOL,
    group_name=BATCH,
    owners=[DATA_PLATFORM],
    kinds={"polars", "postgres"},
    metadata={"dagster/column_schema": RECONCILIATIONS_COLUMNS, **docs("dagster.md")},
    check_specs=[
        dg.AssetCheckSpec(
            NO_UNEXPLAINED,
            asset="reconciliations",
            blocking=True,
            partitions_def=days,
            description="Each differing window recomputed without the late events equals the streamed one.",
        ),
        dg.AssetCheckSpec(
            ALL_ACCOUNTED_FOR,
            asset="reconciliations",
            description="Records = events used + late events + rejected events + heartbeats, for each partition.",
        ),
    ],
)
def reconciliations(
    context: dg.AssetExecutionContext, project: dg.ResourceParam[Project]
) -> Iterator[dg.MaterializeResult | DayEvents]:
    """Stream against batch, window by window: equal, changed, missing or extra; explained by late events or not."""
    with failing_in_one_line():
        reconciled = project.reconcile(days_of(context.partition_keys), context.run.run_id, context.log.info)
        worst = project.worst_series(reconciled)
    for day, metadata in reconciled_metadata(reconciled, worst):
        context.add_asset_metadata(metadata, partition_key=day)
    unaccounted = reconciled.unaccounted
    is_accounted_for = dg.AssetCheckResult(
        passed=unaccounted == 0, check_name=ALL_ACCOUNTED_FOR, metadata={"unaccounted": unaccounted}
    )
    yield dg.MaterializeResult(check_results=[is_accounted_for])
    yield from day_evaluations(context, NO_UNEXPLAINED, unexplained_by_day(reconciled), blocking=True)
