"""Reads whether the Flink job runs, how its checkpoints are, and how many records of each kind it has counted.

It reads over Flink's REST, so that it also works while the job or its TaskManager is dead, when a reporter inside
reports nothing.
"""

import time
from collections.abc import Sequence

from prometheus_client.core import Metric

from clients.flink import FlinkRest, Job
from monitoring.exporter.collector import SourceDown
from monitoring.exporter.families import by_partition, counters, gauge
from sma.errors import SmaError
from sma.settings import FlinkSettings
from streaming.control.accounts import Account, read_accounts

NOT_KNOWN_MS = -(2**63)  # an operator's watermark before its first


def look(settings: FlinkSettings) -> list[Metric]:
    """Read the metrics from Flink.

    Raises:
        SourceDown: it does not answer, so no job runs.
    """
    rest = FlinkRest(settings.flink_url)
    try:
        job = next(iter(rest.jobs(settings.job_name)), None)
    except SmaError as error:
        raise SourceDown(str(error), _job_up(False)) from error
    if job is None or job.has_ended:
        return _job_up(False)
    return [*_job_up(job.is_running), *_of_the_job(rest, job), *_of_its_records(read_accounts(rest, job.job_id))]


def _job_up(is_up: bool) -> list[Metric]:
    return gauge("sma_job_up", "Whether the job and each of its tasks runs", is_up)


def _of_the_job(rest: FlinkRest, job: Job) -> list[Metric]:
    now_ms = time.time() * 1_000
    checkpoint = rest.last_checkpoint(job.job_id)
    counts = rest.ask("GET", f"/jobs/{job.job_id}/checkpoints")["counts"]
    covered_ms = checkpoint["latest_ack_timestamp"] if checkpoint else job.started_ms
    return [
        *gauge("sma_job_restarts", "Restarts since the job was submitted", rest.restarts(job.job_id)),
        *gauge("sma_job_uptime_seconds", "Since the job was submitted", max(0.0, now_ms - job.started_ms) / 1_000),
        *gauge(
            "sma_checkpoint_age_seconds",
            "Since the newest completed checkpoint, or since the job was submitted",
            max(0.0, now_ms - covered_ms) / 1_000,
        ),
        *gauge("sma_checkpoints_failed", "Failed checkpoints since the job was submitted", counts["failed"]),
    ]


def _of_its_records(accounts: Sequence[Account]) -> list[Metric]:
    fates = {
        (str(account.partition), fate): float(count)
        for account in accounts
        for fate, count in (
            ("used", account.events_used),
            ("late", account.late_events),
            ("rejected", account.rejected_events),
            ("heartbeat", account.heartbeats),
        )
    }
    watermarks = {
        account.partition: account.watermark_ms / 1_000 for account in accounts if account.watermark_ms > NOT_KNOWN_MS
    }
    furthest_s = max(watermarks.values(), default=0.0)
    behind = {partition: furthest_s - watermark_s for partition, watermark_s in watermarks.items()}
    return [
        counters("sma_stream_records_total", "What became of the records read", ["partition", "fate"], fates),
        by_partition(
            "sma_stream_residue", "Records read and not accounted for", {a.partition: a.residue for a in accounts}
        ),
        by_partition("sma_watermark_timestamp_seconds", "The partition's watermark", watermarks),
        by_partition("sma_partition_behind_seconds", "How far it is behind the furthest one", behind),
    ]
