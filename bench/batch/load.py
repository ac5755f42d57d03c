"""Loading rows into TimescaleDB: as a recomputation does, and as psql copies the same rows from a file.

Each run loads them into an empty `batch_averages` in a database of its own, which must hold them all afterwards.
"""

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import polars as pl
from psycopg.conninfo import conninfo_to_dict

from batch.results.batch_results import BatchResult, write_result
from batch.store.averages_schema import KEY
from batch.store.database import connect
from bench.batch.columns import columns
from bench.batch.ours_in_memory import kernel_averages
from bench.batch.setting import AVERAGES
from bench.cases import Result
from bench.databases import own_database
from bench.digest import Digest, digest_of, require_rows
from bench.events import MONTH, Log
from deploy.local.services.render import INSTALL_DIR
from sma.averages import DEFAULT_MAX_AHEAD_MS
from sma.days import day_of
from sma.durations import DAY_MS
from sma.errors import SmaError

_RUN_ID = "bench"
_TABLE = "sma.batch_averages"
_MOST_DAYS = 4  # in one chunk of the hypertable
_SHARE = 2 / 15  # of the log's events: 4 of 30 days
_EVENTS_A_DAY = DAY_MS // MONTH.between_ms

_PSQL = INSTALL_DIR / "timescaledb" / "root" / "usr" / "lib" / "postgresql" / "17" / "bin" / "psql"
_COPY = "\\copy {table} (customer, metric, average, as_of, value_sum, event_count) FROM '{file}' (FORMAT csv)"

RowBlock = tuple[int, int, pl.DataFrame]


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows of some days by day and average, and their digest."""

    results: tuple[tuple[BatchResult, RowBlock], ...]
    digest: Digest

    @property
    def in_key_order(self) -> pl.DataFrame:
        """All rows, as `averages` of `batch.averages_schema`."""
        return pl.concat([rows for _, (_, _, rows) in self.results]).sort(KEY)


def run_ours(log: Log) -> Result:
    """Write the rows as a recomputation does.

    Raises:
        SmaError: the table holds something else afterwards.
    """
    rows = _rows_for(log)
    with own_database(log.settings) as settings:
        began = time.monotonic()
        with connect(settings.batch_database_url, "SMA_BATCH_DATABASE_URL") as connection:
            for result, piece in rows.results:
                write_result(connection, result, [piece], DEFAULT_MAX_AHEAD_MS, _RUN_ID, _RUN_ID)
        seconds = time.monotonic() - began
        require_rows(settings, _TABLE, rows.digest)
    return Result(rows.digest.rows, seconds)


def run_copy(log: Log) -> Result:
    """Let psql copy the rows from a CSV file, in the order of their key.

    Raises:
        SmaError: psql failed, or the table holds something else afterwards.
    """
    rows = _rows_for(log)
    with own_database(log.settings) as settings, tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.csv"
        _as_text(rows.in_key_order).write_csv(file, include_header=False)
        began = time.monotonic()
        _psql(settings.owner_database_url.get_secret_value(), _COPY.format(table=_TABLE, file=file))
        seconds = time.monotonic() - began
        require_rows(settings, _TABLE, rows.digest)
    return Result(rows.digest.rows, seconds)


def _rows_for(log: Log) -> _Rows:
    """Return rows of a share of the log's events: of whole days, or of one day of fewer series."""
    days = log.events * _SHARE / _EVENTS_A_DAY
    series_count = max(1, int(MONTH.series_count * min(1, days)))
    return _rows(max(1, min(_MOST_DAYS, int(days))), series_count)


@cache
def _rows(days: int, series_count: int) -> _Rows:
    start = MONTH.first_ms + DAY_MS  # the first day has no events from before it
    series = pl.DataFrame(MONTH.series[:series_count], ["customer", "metric"], orient="row")
    rows = kernel_averages(columns((days + 2) * _EVENTS_A_DAY)).join(series, ["customer", "metric"], "semi")
    results = []
    for day_ms in range(start, start + days * DAY_MS, DAY_MS):
        is_of_day = pl.col("as_of_ms").is_between(day_ms, day_ms + DAY_MS, closed="left")
        for average in AVERAGES.averages:
            result = BatchResult(day_of(day_ms), average.name, {}, day_ms + DAY_MS)
            of_day = rows.filter(is_of_day, pl.col("average") == average.name).sort(KEY)
            results.append((result, (day_ms, day_ms + DAY_MS, of_day)))
    return _Rows(tuple(results), digest_of(_each(rows for _, (_, _, rows) in results)))


def _each(frames: Iterator[pl.DataFrame]) -> Iterator[tuple[str, str, str, int, int, int]]:
    for frame in frames:
        yield from frame.iter_rows()


def _as_text(rows: pl.DataFrame) -> pl.DataFrame:
    micros = pl.col("value_sum_micros")
    magnitude = micros.abs()
    return rows.select(
        "customer",
        "metric",
        "average",
        pl.from_epoch("as_of_ms", "ms").dt.strftime("%Y-%m-%d %H:%M:%S+00"),
        pl.concat_str(
            pl.when(micros < 0).then(pl.lit("-")).otherwise(pl.lit("")),
            (magnitude // 10**6).cast(pl.String),
            pl.lit("."),
            (magnitude % 10**6).cast(pl.String).str.zfill(6),
        ),
        "event_count",
    )


def _psql(url: str, command: str) -> None:
    parts = conninfo_to_dict(url)
    names = {"PGHOST": "host", "PGPORT": "port", "PGUSER": "user", "PGPASSWORD": "password", "PGDATABASE": "dbname"}
    environ = os.environ | {variable: str(parts[name]) for variable, name in names.items()}
    options = ["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--command", command]
    done = subprocess.run([_PSQL, *options], env=environ, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SmaError(f"psql: {(done.stderr.strip().splitlines() or ['?'])[0]}")
