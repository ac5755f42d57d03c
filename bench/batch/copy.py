"""Raw COPY: psql reads the rows that ours has loaded from a file, into a hypertable with the same key and chunks."""

import os
import subprocess
import time

from psycopg.conninfo import conninfo_to_dict

from bench import tables
from bench.cluster import STATE_DIR
from deploy.local.services.render import INSTALL_DIR
from sma.errors import SmaError

_OURS = "sma.batch_averages"
_THEIRS = "sma.bench_batch_averages"

_PSQL = INSTALL_DIR / "timescaledb" / "root" / "usr" / "lib" / "postgresql" / "17" / "bin" / "psql"
_COLUMNS = "customer, metric, average, as_of, value_sum, event_count"
_IN_KEY_ORDER = f"SELECT {_COLUMNS} FROM {_OURS} ORDER BY customer, metric, average, as_of"  # noqa: S608 - names from above


def run() -> tuple[float, int]:
    """Copy what is in our table into theirs; return psql's seconds, reading the file included, and rows.

    Raises:
        SmaError: our table is empty, psql failed, or the two tables differ.
    """
    rows = tables.count_rows(_OURS)
    if not rows:
        raise SmaError(f"{_OURS} is empty: there is nothing to copy")
    file = STATE_DIR / "rows.csv"
    _psql(f"\\copy ({_IN_KEY_ORDER}) TO '{file}' (FORMAT csv)")
    tables.make_like(_THEIRS, _OURS)
    tables.empty(_THEIRS)
    began = time.monotonic()
    _psql(f"\\copy {_THEIRS} ({_COLUMNS}) FROM '{file}' (FORMAT csv)")
    seconds = time.monotonic() - began
    file.unlink()
    tables.require_same_rows(_OURS, _THEIRS)
    return seconds, rows


def _psql(command: str) -> None:
    parts = conninfo_to_dict(tables.superuser_url())
    names = {"PGHOST": "host", "PGPORT": "port", "PGUSER": "user", "PGPASSWORD": "password", "PGDATABASE": "dbname"}
    environ = os.environ | {variable: str(parts[name]) for variable, name in names.items()}
    options = ["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--command", command]
    done = subprocess.run([_PSQL, *options], env=environ, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SmaError(f"psql: {(done.stderr.strip().splitlines() or ['?'])[0]}")
