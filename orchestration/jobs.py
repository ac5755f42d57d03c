"""Defines the jobs that schedules and sensors start; each can also be started by hand."""

import dagster as dg

from batch.results.retention import drop_before, first_day_kept
from orchestration.assets import batch_averages, offset_index, reconciliations
from orchestration.audit import audits
from orchestration.checks import batch_not_older_than_stream
from orchestration.partitions import today
from orchestration.resources import Project, failing_in_one_line

extend_index = dg.define_asset_job(
    "extend_index",
    selection=dg.AssetSelection.assets(offset_index) | dg.AssetSelection.checks(batch_not_older_than_stream),
    description="Index the new records of the log, and check the index and how far the batch results are behind.",
)
reconcile = dg.define_asset_job(
    "reconcile",
    selection=dg.AssetSelection.assets(batch_averages, reconciliations),
    description="Compute days from the retained log and compare them with what the stream emitted.",
)
audit = dg.define_asset_job(
    "audit",
    selection=dg.AssetSelection.assets(audits),
    description="Compare the stored rows of settled days with the log, and repair them.",
)


@dg.op(description="Drop the chunks of averages and differences that are older than SMA_KEEP_DAYS.")
def drop_old_chunks(context: dg.OpExecutionContext, project: dg.ResourceParam[Project]) -> None:
    """Drop old rows; nothing where all are kept."""
    day = first_day_kept(project.settings.keep_days, today())
    with failing_in_one_line():
        dropped = drop_before(project.settings, day) if day else []
    metadata: dict[str, str | int] = {"first_day_kept": str(day) if day else "all are kept: SMA_KEEP_DAYS is 0"}
    for table in dropped:
        context.log.info(f"{table.table}: dropped {table.chunks} chunks, {table.rows:,} rows")
        metadata |= {f"chunks/{table.table}": table.chunks, f"rows/{table.table}": table.rows}
    context.add_output_metadata(metadata)


@dg.job(description="Retention: drop averages and differences that are older than SMA_KEEP_DAYS.")
def retention() -> None:
    """Drop old rows."""
    drop_old_chunks()


JOBS = [extend_index, reconcile, audit, retention]
