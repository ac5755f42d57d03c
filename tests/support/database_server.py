"""A TimescaleDB alone, for tests that need no other service: the stack's own installation and configuration."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from database.migrate import connect
from deploy.local.account import postgres_account
from deploy.local.environment import Environment, plan_environment, write_environment
from deploy.local.folders import make_postgres_home, write_config_files
from deploy.local.ports import free_port_base
from deploy.local.services.database import prepare_cluster, prepare_databases
from deploy.local.services.programs import POSTGRES_BIN
from deploy.local.services.render import render_template
from sma.errors import SmaError

# No test here cuts the power, and each makes a database: what is written need not reach the disk.
_NOT_DURABLE = ("fsync=off", "full_page_writes=off", "synchronous_commit=off")
_START_SECONDS = 120
_END_SECONDS = 60


@contextmanager
def running_database_server(state_dir: Path) -> Iterator[Environment]:
    """Run PostgreSQL with the roles and databases of a stack in a folder, until the block ends."""
    environment = plan_environment(state_dir, {"SMA_PORT_BASE": str(free_port_base())}, None)
    write_environment(environment)
    home = make_postgres_home(state_dir)
    names = ("postgresql.conf", "pg_hba.conf")
    write_config_files({"timescaledb": {home / name: render_template(name, environment) for name in names}})
    prepare_cluster(environment)
    account = postgres_account()
    as_user = {} if account is None else {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    command = [f"{POSTGRES_BIN}/postgres", "-D", f"{home}/data", "-c", f"config_file={home}/postgresql.conf"]
    command += [word for option in _NOT_DURABLE for word in ("-c", option)]
    with (home / "output.log").open("wb") as log:
        server = subprocess.Popen(
            command, cwd="/", env={"PATH": os.environ["PATH"], "TZ": "UTC"}, stdout=log, stderr=log, **as_user
        )
    try:
        for attempt in Retrying(
            retry=retry_if_exception_type(SmaError),
            stop=stop_after_delay(_START_SECONDS),
            wait=wait_fixed(0.2),
            reraise=True,
        ):
            with attempt:
                assert server.poll() is None, (home / "output.log").read_text()
                connect(environment.superuser_url("postgres")).close()
        prepare_databases(environment)
        yield environment
    finally:
        server.send_signal(signal.SIGINT)  # a fast shutdown
        server.wait(_END_SECONDS)
