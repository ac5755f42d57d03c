"""Is every record of the log accounted for? For each partition: records = used + late + rejected + heartbeats.

The four are counted by different parties, so that the identity can fail: `records` and `heartbeats` are what the batch
layer read; `late` and `rejected` are the positions that the stream diverted; `used` are the events of the batch layer
whose positions the stream did not divert. It fails when the stream diverted what is no event, or did not divert a
record that is none, or diverted one that is. Two such faults can cancel out in the counts, and no count tells whether
what was diverted was late; so the positions are compared too, with those of the rule of the log. What neither can show,
an event that the stream read and lost, shows as an unexplained difference of the windows that should hold it.
"""

from dataclasses import dataclass

import polars as pl

from batch.diverted import Diverted
from batch.lateness import judged
from batch.log import POSITIONS_SCHEMA, LogRead


@dataclass(frozen=True, slots=True)
class Account:
    """The record count of one partition at read_from <= Kafka offset < read_to, and who accounts for how many."""

    kafka_partition: int
    read_from: int
    read_to: int
    records: int
    events_used: int
    late_events: int
    rejected_events: int
    heartbeats: int

    @property
    def residue(self) -> int:
        """How many records are not accounted for; negative where some are accounted for twice."""
        return self.records - self.events_used - self.late_events - self.rejected_events - self.heartbeats


def account(log: LogRead, diverted: Diverted) -> list[Account]:
    """Account for every record that was read; `diverted` holds no position beyond it."""
    position = list(POSITIONS_SCHEMA)
    used = _count(log.events.join(diverted.late, on=position, how="anti"))
    late, rejected = _count(diverted.late), _count(diverted.rejected)
    return [
        Account(
            kafka_partition=read.kafka_partition,
            read_from=read.read_from,
            read_to=read.read_to,
            records=read.records,
            events_used=used.get(read.kafka_partition, 0),
            late_events=late.get(read.kafka_partition, 0),
            rejected_events=rejected.get(read.kafka_partition, 0),
            heartbeats=read.heartbeats,
        )
        for read in log.partitions
    ]


def misjudged(log: LogRead, diverted: Diverted, allowed_lateness_ms: int) -> pl.DataFrame:
    """Return the positions about which the layers disagree.

    Returns:
        kafka_partition Int32, kafka_offset Int64, disagreement str; an event that only one of the layers takes for
        late, the batch layer by the rule of the log, or a record that only one of them rejected; sorted, at most one
        row per position and kind.
    """
    position = list(POSITIONS_SCHEMA)
    events = judged(log.events, allowed_lateness_ms)
    late, used = events.filter("is_late"), events.filter(~pl.col("is_late"))
    kinds = {
        "late for the stream, not by the rule": diverted.late.join(used, on=position, how="semi"),
        "late by the rule, not for the stream": late.join(diverted.late, on=position, how="anti"),
        "late for the stream, no event for the batch layer": diverted.late.join(log.events, on=position, how="anti"),
        "rejected by the stream alone": diverted.rejected.join(log.rejected, on=position, how="anti"),
        "rejected by the batch layer alone": log.rejected.join(diverted.rejected, on=position, how="anti"),
    }
    return pl.concat(rows.select(*position, pl.lit(kind).alias("disagreement")) for kind, rows in kinds.items()).sort(
        *position, "disagreement"
    )


def _count(rows: pl.DataFrame) -> dict[int, int]:
    return dict(rows["kafka_partition"].value_counts().iter_rows())
