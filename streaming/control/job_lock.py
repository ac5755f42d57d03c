"""One command at a time changes the job: each holds a lock of the database that the job writes to.

The lock is of a session of PostgreSQL, so it holds on whatever machine a command runs, and goes with the process that
has it, however that ends. A lost machine is noticed by the server's keep-alives.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from clients.postgres import Connection, session
from sma.errors import SmaError
from sma.settings import StreamingSettings

WAIT_S = 900.0  # as long as the longest command without a catch-up job may take

_POLL_S = 0.5
_TRY = "SELECT pg_catalog.pg_try_advisory_lock(hashtext('sma.job'), hashtext(%(job)s))"
_HOLDER = """
    SELECT
        activity.application_name,
        coalesce(host(activity.client_addr), 'this machine'),
        to_char(activity.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
    FROM pg_catalog.pg_locks AS locks
    INNER JOIN pg_catalog.pg_stat_activity AS activity USING (pid)
    WHERE locks.locktype = 'advisory'
        AND locks.granted
        AND locks.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
        AND locks.classid::bigint = hashtext('sma.job')::bigint & 4294967295
        AND locks.objid::bigint = hashtext(%(job)s)::bigint & 4294967295
"""
_KEEP_ALIVE = "SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3"


@contextmanager
def changing_the_job(
    settings: StreamingSettings,
    command: str,
    progress: Callable[[str], None] = lambda text: None,
    wait_s: float = WAIT_S,
) -> Iterator[None]:
    """Hold the lock of the job of `settings` until the block ends; wait for a command that has it.

    Args:
        settings: where the database is, and the name of the job.
        command: what takes the lock, as others are told who wait for it, e.g. `stream start`.
        progress: takes a line if another command has to be waited for.
        wait_s: how long to wait at most.

    Raises:
        SmaError: the database does not answer, or another command still has the lock.
    """
    with session(settings.streaming_database_url, "SMA_STREAMING_DATABASE_URL", command) as connection:
        connection.execute(_KEEP_ALIVE)
        _take(connection, settings.job_name, progress, wait_s)
        yield


def _take(connection: Connection, job: str, progress: Callable[[str], None], wait_s: float) -> None:
    deadline = time.monotonic() + wait_s
    reported = None
    while not _is_taken(connection, job):
        holder = connection.execute(_HOLDER, {"job": job}).fetchone()
        if holder is not None and holder != reported:
            reported = holder
            progress("waiting for `{}`, which changes the job {} since {} from {}".format(*_in_order(holder, job)))
        if time.monotonic() > deadline:
            name, _, since, where = _in_order(holder or ("another command", "", ""), job)
            raise SmaError(f"`{name}` has been changing the job {job} since {since} from {where}: nothing was changed")
        time.sleep(_POLL_S)


def _is_taken(connection: Connection, job: str) -> bool:
    ((is_taken,),) = connection.execute(_TRY, {"job": job}).fetchall()
    return bool(is_taken)


def _in_order(holder: tuple[str, str, str], job: str) -> tuple[str, str, str, str]:
    name, where, since = holder
    return name, job, since, where
