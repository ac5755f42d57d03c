"""Runs Dagster's daemon so that it looks for new backfills every two seconds, and keeps its database connections.

Dagster 1.13 has no setting for either. Its backfill loop reads a constant of dagster._daemon.controller at each start,
every 30 s. Its PostgreSQL storages open a connection for each query: an idle daemon opened 27 a second, which took a
quarter of a core. The scheduler, sensors and queue have loops of their own and are not touched. Usage: as
`dagster-daemon`.
"""

from types import ModuleType
from typing import Any

from dagster._daemon import controller
from dagster._daemon.cli import main
from dagster_postgres.event_log import event_log
from dagster_postgres.run_storage import run_storage
from dagster_postgres.schedule_storage import schedule_storage
from sqlalchemy import pool

_BACKFILL_INTERVAL_SECONDS = 2
_KEPT_CONNECTIONS = 2  # of each storage
_MORE_CONNECTIONS = 20  # while as many threads ask at once


class _KeptConnections(pool.QueuePool):
    """A pool whose connections are tried before they are used: the database may have been restarted."""

    def __init__(self, creator: Any, **others: Any) -> None:
        options = {"pool_size": _KEPT_CONNECTIONS, "max_overflow": _MORE_CONNECTIONS, "pre_ping": True}
        super().__init__(creator, **others | options)


def _keep_connections(storage: ModuleType) -> None:
    if not hasattr(storage, "db_pool"):
        raise SystemExit(f"deploy/local/services/dagster_daemon.py: {storage.__name__} has its pool elsewhere")
    kept = ModuleType("db_pool")
    kept.NullPool = _KeptConnections  # type: ignore[attr-defined]
    storage.db_pool = kept  # type: ignore[attr-defined]


if __name__ == "__main__":
    if not hasattr(controller, "DEFAULT_DAEMON_INTERVAL_SECONDS"):
        raise SystemExit(
            "deploy/local/services/dagster_daemon.py: this Dagster's backfill loop has its interval elsewhere"
        )
    controller.DEFAULT_DAEMON_INTERVAL_SECONDS = _BACKFILL_INTERVAL_SECONDS
    for each in (event_log, run_storage, schedule_storage):
        _keep_connections(each)
    main()
