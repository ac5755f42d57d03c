"""Accounts for every record: for each partition, records = used + late + rejected + heartbeats.

The four are counted independently, so the identity can fail: `records` and `heartbeats` are what the batch layer
read into the offset index; `late` and `rejected` are the positions in the stream's side outputs; `used` are the events
of the batch layer at all other positions. The identity fails if the stream's side outputs hold a record that is not an
event, miss a rejected one, or reject an event. Two such faults can cancel out in the counts, no count shows whether an
event in the late side output was late, and one that is lost from it counts as used; so positions are compared too, with
those by the rule of lateness. An event that the stream read and lost shows in neither: it is an unexplained difference
of the windows that should hold it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import polars as pl

from batch.index.log_index import LogIndex
from batch.index.side_outputs import POSITION, SideOutputs, mismatched_positions


@dataclass(frozen=True, slots=True)
class Account:
    """The record count of one partition at read_from <= Kafka offset < read_to, by kind.

    `mismatched` counts the positions about which the layers disagree: see `mismatched`.
    """

    kafka_partition: int
    read_from: int
    read_to: int
    records: int
    events_used: int
    late_events: int
    rejected_events: int
    heartbeats: int
    mismatched: int = 0

    @property
    def residue(self) -> int:
        """How many records are not accounted for; negative where some are accounted for twice."""
        return self.records - self.events_used - self.late_events - self.rejected_events - self.heartbeats

    @property
    def unaccounted(self) -> int:
        """How many records are not accounted for, or wrongly."""
        return max(abs(self.residue), self.mismatched)


def account(
    index: LogIndex,
    side_outputs: SideOutputs,
    by_rule: SideOutputs,
    mismatched_events: pl.DataFrame,
    before: Mapping[int, Account] = MappingProxyType({}),
) -> list[Account]:
    """Account for every record that was indexed.

    Args:
        index: what the batch layer read.
        side_outputs: of the stream; no position beyond the index.
        by_rule: the late and rejected positions in the index.
        mismatched_events: the positions of `mismatched_positions` that hold an event.
        before: by partition, accounts in which nothing was amiss: the positions are those that came after them.
    """
    late, rejected = _count(side_outputs.late), _count(side_outputs.rejected)
    disagreements = _count(mismatched(side_outputs, by_rule, mismatched_events).select(POSITION).unique())
    events_in_side_outputs = _count(
        pl.concat([side_outputs.late.join(by_rule.late, on=POSITION, how="semi"), mismatched_events.select(POSITION)])
    )
    accounts = []
    for partition in index.partitions:
        number = partition.kafka_partition
        late_before = before[number].late_events if number in before else 0
        rejected_before = before[number].rejected_events if number in before else 0
        accounts.append(
            Account(
                kafka_partition=number,
                read_from=partition.first_offset,
                read_to=partition.next_offset,
                records=partition.records,
                events_used=partition.events
                + partition.late_events
                - late_before
                - events_in_side_outputs.get(number, 0),
                late_events=late_before + late.get(number, 0),
                rejected_events=rejected_before + rejected.get(number, 0),
                heartbeats=partition.heartbeats,
                mismatched=disagreements.get(number, 0),
            )
        )
    return accounts


def mismatched(side_outputs: SideOutputs, by_rule: SideOutputs, mismatched_events: pl.DataFrame) -> pl.DataFrame:
    """Return the positions about which the layers disagree; arguments as for `account`.

    Returns:
        kafka_partition Int32, kafka_offset Int64, disagreement str; an event that is late in only one
        of the layers, in the batch layer by the rule of lateness, or a record that only one of them rejected; sorted,
        at most one row per position and kind.
    """
    late_by_stream_alone = mismatched_positions(side_outputs, by_rule)
    kinds = {
        "late for the stream, not by the rule": mismatched_events,
        "late by the rule, not for the stream": by_rule.late.join(side_outputs.late, on=POSITION, how="anti"),
        "late for the stream, no event for the batch layer": late_by_stream_alone.join(
            mismatched_events, on=POSITION, how="anti"
        ),
        "rejected by the stream alone": side_outputs.rejected.join(by_rule.rejected, on=POSITION, how="anti"),
        "rejected by the batch layer alone": by_rule.rejected.join(side_outputs.rejected, on=POSITION, how="anti"),
    }
    return pl.concat(rows.select(*POSITION, pl.lit(kind).alias("disagreement")) for kind, rows in kinds.items()).sort(
        *POSITION, "disagreement"
    )


def _count(rows: pl.DataFrame) -> dict[int, int]:
    return dict(rows["kafka_partition"].value_counts().iter_rows())
