"""Finds the key that a run shares with its re-executions and retries, so that they resume where it stopped."""

import dagster as dg

# tags that the runs of a backfill and of its re-executions share, the outermost first
_BACKFILLS = ("dagster/root_backfill_id", "dagster/backfill")


def resume_key(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str:
    """Return the key that a run, its re-executions and its backfill share: a day finished under it is skipped.

    A run that is executed again after its backfill has ended does not have the backfill's tags; its first run does.
    """
    first = (instance.get_run_by_id(run.root_run_id) if run.root_run_id else None) or run
    return next((first.tags[name] for name in _BACKFILLS if name in first.tags), run.root_run_id or run.run_id)
