"""What Dagster makes: the batch answers, and what comes of comparing them with the stream.

Both run any number of days in one run, and in one pool, so that no two runs write one day.
"""

import dagster as dg

from batch.runs import compute_batch_days, reconcile_days
from orchestration.graph import AVERAGES_COLUMNS, DATA_PLATFORM
from orchestration.metadata import computed_metadata, reconciled_metadata
from orchestration.partitions import days, days_of
from orchestration.resources import Project, failing_in_one_line

BATCH = "batch"
POOL = "sma_days"

NO_UNEXPLAINED = "no_unexplained_difference"
ALL_ACCOUNTED_FOR = "every_record_accounted_for"


@dg.asset(
    deps=["events"],
    partitions_def=days,
    backfill_policy=dg.BackfillPolicy.single_run(),
    pool=POOL,
    group_name=BATCH,
    owners=[DATA_PLATFORM],
    kinds={"polars", "postgres"},
    metadata={"dagster/column_schema": AVERAGES_COLUMNS},
)
def batch_averages(context: dg.AssetExecutionContext, project: dg.ResourceParam[Project]) -> dg.MaterializeResult:
    """What the retained log says: every average recomputed exactly, a day at a time."""
    with failing_in_one_line():
        computed = compute_batch_days(
            project.settings, project.averages, days_of(context.partition_keys), context.run_id, context.log.info
        )
    for day, metadata in computed_metadata(computed):
        context.add_asset_metadata(metadata, partition_key=day)
    return dg.MaterializeResult()


@dg.asset(
    deps=["events", "streaming_averages", "late_events", "rejected_events", batch_averages],
    partitions_def=days,
    backfill_policy=dg.BackfillPolicy.single_run(),
    pool=POOL,
    group_name=BATCH,
    owners=[DATA_PLATFORM],
    kinds={"polars", "postgres"},
    check_specs=[
        dg.AssetCheckSpec(
            NO_UNEXPLAINED,
            asset="reconciliations",
            description="Recomputing each differing window without the late events gives what the stream said.",
        ),
        dg.AssetCheckSpec(
            ALL_ACCOUNTED_FOR,
            asset="reconciliations",
            description="Records = events used + late events + rejected events + heartbeats, for each partition.",
        ),
    ],
)
def reconciliations(context: dg.AssetExecutionContext, project: dg.ResourceParam[Project]) -> dg.MaterializeResult:
    """Stream against batch, window by window: equal, changed, missing or extra; explained by late events or not."""
    with failing_in_one_line():
        found = reconcile_days(
            project.settings, project.averages, days_of(context.partition_keys), context.run_id, context.log.info
        )
    for day, metadata in reconciled_metadata(found):
        context.add_asset_metadata(metadata, partition_key=day)
    unexplained, unaccounted = found.unexplained, found.unaccounted
    return dg.MaterializeResult(
        check_results=[
            dg.AssetCheckResult(
                passed=unexplained == 0, check_name=NO_UNEXPLAINED, metadata={"unexplained": unexplained}
            ),
            dg.AssetCheckResult(
                passed=unaccounted == 0, check_name=ALL_ACCOUNTED_FOR, metadata={"unaccounted": unaccounted}
            ),
        ]
    )
