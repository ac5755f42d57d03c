"""Defines the audit as an asset: settled days recomputed in turn, and a run that fails where rows were damaged."""

from collections.abc import Iterator
from datetime import date

import dagster as dg

from orchestration.assets import BATCH, POOL
from orchestration.audit_metadata import CHECKED, audited_metadata, in_one_line
from orchestration.graph import AUDITS_COLUMNS, DATA_PLATFORM, docs
from orchestration.resources import Project, failing_in_one_line

NO_DAMAGE = "no_damage"


class AuditConfig(dg.Config):  # type: ignore[misc]
    """The days to audit, as YYYY-MM-DD; both empty for those that are due."""

    start: str = ""
    end: str = ""


@dg.asset(
    deps=["events", "streaming_averages", "batch_averages", "reconciliations"],
    pool=POOL,
    group_name=BATCH,
    owners=[DATA_PLATFORM],
    kinds={"polars", "postgres"},
    metadata={"dagster/column_schema": AUDITS_COLUMNS, **docs("audit.md")},
    check_specs=[
        dg.AssetCheckSpec(
            NO_DAMAGE,
            asset="audits",
            blocking=True,
            description="Each stored row of the audited days is what the log says, or what a new event explains.",
        )
    ],
)
def audits(
    context: dg.AssetExecutionContext, config: AuditConfig, project: dg.ResourceParam[Project]
) -> Iterator[dg.MaterializeResult]:
    """Settled days recomputed from the log, or counted: damage to stored rows is found and, if possible, repaired."""
    with failing_in_one_line():
        start, end = (date.fromisoformat(day) if day else None for day in (config.start, config.end))
        audited = project.audit(context.run.run_id, context.log.info, start, end)
        unexplained = project.unexplained_corrections(context.run.run_id)
    metadata = audited_metadata(audited, unexplained)
    yield dg.MaterializeResult(
        metadata=metadata,
        check_results=[
            dg.AssetCheckResult(
                passed=audited.faults == 0,
                check_name=NO_DAMAGE,
                description=in_one_line(audited),
                metadata={name: metadata[name] for name in CHECKED},
            )
        ],
    )
