"""Collects everything that Dagster loads. Assets, checks, jobs, schedules and sensors are made in the other modules."""

import dagster as dg

from orchestration.assets import batch_averages, offset_index, reconciliations
from orchestration.audit import audits
from orchestration.automation import SCHEDULES, SENSORS
from orchestration.checks import CHECKS
from orchestration.graph import EXTERNAL
from orchestration.jobs import JOBS
from orchestration.refresh import power_bi, refresh, refresh_what_was_reconciled
from orchestration.resources import Project
from orchestration.watch import WATCHERS

definitions = dg.Definitions(
    assets=[*EXTERNAL, offset_index, batch_averages, reconciliations, audits, power_bi],
    asset_checks=CHECKS,
    jobs=[*JOBS, refresh],
    schedules=SCHEDULES,
    sensors=[*SENSORS, refresh_what_was_reconciled, *WATCHERS],
    resources={"project": Project()},
    # the two steps of a run follow one another, so a process for each would only cost its start
    executor=dg.in_process_executor,
)
