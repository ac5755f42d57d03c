"""Finds the key that a run shares with its re-executions and retries, so that they resume where it stopped."""

import dagster as dg

# what the runs of a backfill and of its re-executions have in common, the outermost first
_BACKFILLS = ("dagster/root_backfill_id", "dagster/backfill")


def resume_key(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str:
    """Return what stays the same across a run, its re-executions and its backfill: a day finished under it is done.

    A run that is executed again after its backfill has ended is no longer of the backfill: its first run tells.
    """
    first = (instance.get_run_by_id(run.root_run_id) if run.root_run_id else None) or run
    return next((first.tags[name] for name in _BACKFILLS if name in first.tags), run.root_run_id or run.run_id)
