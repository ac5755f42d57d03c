"""Runs Dagster's daemon so that it looks for new backfills every second or two instead of every thirty.

Dagster 1.13 has no setting for it: its backfill loop reads a constant of dagster._daemon.controller at each start.
The scheduler, sensors and queue have loops of their own and are not touched. Usage: as `dagster-daemon`.
"""

from dagster._daemon import controller
from dagster._daemon.cli import main

_BACKFILL_INTERVAL_SECONDS = 2

if __name__ == "__main__":
    if not hasattr(controller, "DEFAULT_DAEMON_INTERVAL_SECONDS"):
        raise SystemExit(
            "deploy/local/services/dagster_daemon.py: this Dagster's backfill loop has its interval elsewhere"
        )
    controller.DEFAULT_DAEMON_INTERVAL_SECONDS = _BACKFILL_INTERVAL_SECONDS
    main()
