"""Reads how many records of each kind the running job has counted, partition by partition.

Each record is used, late, rejected or a heartbeat; an offset without a record is skipped. The operator counts the five
separately and keeps them in its checkpointed state; `residue` is how many are unaccounted for: 0.
"""

import re
from dataclasses import dataclass

from clients.flink import FlinkRest

OPERATOR = "averages"

_METRIC = re.compile(r"\.partition\.([0-9]+)\.account$")


@dataclass(frozen=True, slots=True)
class Account:
    """The records of one partition at first_offset <= Kafka offset < next_offset; watermark in ms since the epoch."""

    partition: int
    first_offset: int
    next_offset: int
    events_used: int
    late_events: int
    rejected_events: int
    heartbeats: int
    skipped_offsets: int
    residue: int
    watermark_ms: int


def read_accounts(rest: FlinkRest, job_id: str) -> list[Account]:
    """Return the account of each partition that the job has read from since it was started or restarted."""
    accounts = []
    for name, text in rest.operator_metrics(job_id, OPERATOR, ".account").items():
        partition = _METRIC.search(name)
        if partition and text:
            accounts.append(Account(int(partition[1]), *(int(number) for number in text.split())))
    return sorted(accounts, key=lambda account: account.partition)
