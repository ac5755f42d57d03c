"""Flink's own SQL in the benchmark: the statements of `statements`, filled in for one log and run to its end."""

from pathlib import Path
from string import Template

from bench.events import STREAMED, Log
from bench.streaming.flink_client import submit_sql
from bench.streaming.flink_run import options_for_client, seconds_of
from streaming.submit.jdbc import JdbcAddress

_STATEMENTS = Path(__file__).resolve().parent / "statements"
_DEFAULTS_OF_SQL = {
    "execution.buffer-timeout.interval": "100 ms",  # Flink's default: ours sends blocks, and waits elsewhere
    "pipeline.object-reuse": "true",  # as in ours
    "table.local-time-zone": "UTC",
    "table.exec.sink.require-on-conflict": "false",  # a window is emitted once
}
_TUNED_JDBC = ",\n    'sink.buffer-flush.max-rows' = '5000'"


def scan(log: Log) -> float:
    """Read and parse alone; return the job's seconds."""
    return _run(log, "sql-scan", [_events(log, "scan_events"), _read("scan_nowhere"), _read("scan")])


def over_rows(log: Log, event_count: int) -> float:
    """Emit the last `event_count` events at each event; return the job's seconds."""
    insert = _read("over_rows", preceding=str(event_count - 1))
    return _run(log, f"sql-over-{event_count}", [_events(log), _read("nowhere"), insert])


def hop(log: Log) -> float:
    """Emit a minute every second; return the job's seconds."""
    return _run(log, "sql-hop", [_events(log), _read("nowhere"), _read("hop")])


def tumble_to_jdbc(log: Log, database_url: str, is_tuned: bool) -> float:
    """Write each second to the table that our job writes; return the job's seconds.

    Args:
        log: what is read.
        database_url: of a role that may write the table.
        is_tuned: whether batches are larger than by default, and rewritten by the driver.
    """
    address = JdbcAddress.from_url(database_url)
    url = address.url if is_tuned else address.url.partition("?")[0]
    table = _read(
        "jdbc_averages",
        url=url,
        user=address.user or "",
        password=address.password or "",
        more=_TUNED_JDBC if is_tuned else "",
    )
    return _run(log, "sql-jdbc", [_events(log), table, _read("tumble_to_jdbc")])


def _run(log: Log, name: str, statements: list[str]) -> float:
    return seconds_of(log.settings, submit_sql(options_for_client(log.settings, name) | _DEFAULTS_OF_SQL, statements))


def _events(log: Log, name: str = "events") -> str:
    return _read(
        name,
        topic=log.settings.events_topic,
        bootstrap=log.settings.kafka_bootstrap,
        watermark_delay_s=str(STREAMED.watermark_delay_ms // 1_000),
        to_offsets=";".join(f"partition:{partition},offset:{end}" for partition, end in log.ends.items()),
    )


def _read(name: str, **words: str) -> str:
    text = (_STATEMENTS / f"{name}.sql").read_text(encoding="utf-8")
    quoted = {word: value if word == "more" else value.replace("'", "''") for word, value in words.items()}
    return Template(text).substitute(quoted)
