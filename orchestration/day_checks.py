"""Evaluates a check for each day of a run of many days.

Dagster's own result of a check is of one partition, or of none. This module builds one evaluation for each day, which
names the materialization that it checks.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluationTargetMaterializationData

if TYPE_CHECKING:
    from batch.pipeline import Computed, Reconciled

DayEvents = dg.Output[None] | dg.AssetCheckEvaluation


def unexplained_by_day(run: "Reconciled") -> dict[str, int]:
    """Return how many differences of each day are unexplained."""
    counts: dict[str, int] = {}
    for reconciled in run.days:
        day = str(reconciled.result.day)
        counts[day] = counts.get(day, 0) + reconciled.summary.unexplained
    return counts


def unexplained_corrections(run: "Computed") -> dict[str, int]:
    """Return how many corrections of each day are unexplained, with those of a run before that was killed."""
    counts = {str(day): 0 for day in (*run.already_written, *(written.result.day for written in run.written))}
    for corrected in run.corrected:
        day = str(corrected.day)
        counts[day] = counts.get(day, 0) + (corrected.unexplained or 0)
    return counts


def day_evaluations(
    context: dg.AssetExecutionContext, check: str, faults: Mapping[str, int], blocking: bool
) -> Iterator[DayEvents]:
    """Yield the evaluation of a check for each day; the materializations of the days come before.

    Days with faults come last, since the UI's overview shows the last evaluation of a run.

    Args:
        context: of the asset that is checked.
        check: its name.
        faults: the number of faults, by day; the check of a day without any is passed.
        blocking: as the check's spec says.
    """
    yield dg.Output(None, output_name=f"{context.asset_key.to_python_identifier()}_{check}")
    filtered = dg.AssetRecordsFilter(asset_key=context.asset_key, asset_partitions=list(faults))
    materializations: dict[str, AssetCheckEvaluationTargetMaterializationData] = {}
    for record in context.instance.fetch_materializations(filtered, limit=len(faults) or 1).records:
        materializations[str(record.partition_key)] = AssetCheckEvaluationTargetMaterializationData(
            storage_id=record.storage_id, run_id=record.run_id, timestamp=record.timestamp
        )
    for day, count in sorted(faults.items(), key=lambda item: item[1]):
        yield dg.AssetCheckEvaluation(
            asset_key=context.asset_key,
            check_name=check,
            passed=count == 0,
            metadata={"faults": count},
            target_materialization_data=materializations.get(day),
            blocking=blocking,
            partition=day,
        )
