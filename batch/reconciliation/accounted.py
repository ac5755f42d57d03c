"""Remembers up to where the records were accounted for, so that a reconciliation reads of the side outputs what is new.

What was amiss is looked at again from the beginning each time, until nothing is: a fault does not age.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from psycopg.types.json import Jsonb

from batch.index.log_index import LogIndex
from batch.index.side_outputs import NOTHING_READ, Cursor
from batch.reconciliation.accounting import Account
from batch.store.database import Connection
from clients.statements import load_statements

_SQL = load_statements(__file__)


@dataclass(frozen=True, slots=True)
class Accounted:
    """What an earlier run has accounted for: by partition, and up to where; nothing where there is none."""

    accounts: Mapping[int, Account] = field(default_factory=dict)
    cursor: Cursor = NOTHING_READ


def read_accounted(connection: Connection, generation: int, index: LogIndex) -> Accounted:
    """Return what the newest run has accounted for, if nothing was amiss and it holds for this index and generation."""
    row = connection.execute(_SQL["read_accounted"], {"generation": generation}).fetchone()
    if row is None:
        return Accounted()
    run_id, late_to, rejected_to = row
    accounts = {
        each.kafka_partition: each
        for each in (Account(*columns) for columns in connection.execute(_SQL["read_accounts"], {"run_id": run_id}))
    }
    read_to = index.read_to
    is_of_index = all(each.read_to <= read_to.get(partition, -1) for partition, each in accounts.items())
    if not is_of_index or any(each.unaccounted for each in accounts.values()):
        return Accounted()
    events_to = {partition: each.read_to for partition, each in accounts.items()}
    return Accounted(accounts, Cursor(events_to, _offsets(late_to), _offsets(rejected_to)))


def add_accounted(connection: Connection, run_id: str, generation: int, cursor: Cursor) -> None:
    """Remember up to where a run has accounted for records; in the transaction that adds its accounts."""
    connection.execute(
        _SQL["add_accounted"],
        {
            "run_id": run_id,
            "generation": generation,
            "late_to": Jsonb(cursor.late),
            "rejected_to": Jsonb(cursor.rejected),
        },
    )


def _offsets(stored: Mapping[str, int]) -> dict[int, int]:
    return {int(partition): offset for partition, offset in stored.items()}
