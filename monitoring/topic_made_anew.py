"""Compares the id of the topic `events` with that of the topic which the job's state and the offset index belong to.

A topic that is deleted and made anew under its name has other records at the same Kafka offsets. Both layers refuse to
begin with it; a job that runs meanwhile notices nothing if the new topic is long enough.
"""

from dataclasses import dataclass
from typing import Literal

from clients.answers import HEALTH_TIMEOUT_S
from clients.postgres import session
from clients.statements import load_statements
from sma.errors import SmaError
from sma.settings import Settings
from streaming.control.snapshots import Snapshots

Source = Literal["job", "index"]

_SQL = load_statements(__file__)


@dataclass(frozen=True, slots=True)
class MadeAnew:
    """What belongs to a topic that is gone: the job's state, or the offset index."""

    what: Source
    former_id: str
    present_id: str

    @property
    def text(self) -> str:
        """What that means, and the way out."""
        since = f"it was deleted and made anew under its name (id {self.former_id} -> {self.present_id}) since"
        if self.what == "job":
            return (
                f"{since} the job's state began, so the job takes other records for those that it has read: `sma "
                "stream stop`, unless it is RESTARTING, then `sma stream start --fresh`"
            )
        return (
            f"{since} it was indexed, so nothing more is indexed or reconciled: stored results stay as they are; "
            "`sma up --fresh` starts with an empty database"
        )


def made_anew(settings: Settings, present_id: str) -> list[MadeAnew]:
    """Return what belongs to another topic; nothing of a source that does not answer, which others report.

    Args:
        settings: where the database and the job's state are.
        present_id: of the topic `events`; empty where Kafka knows none.
    """
    sources: list[tuple[Source, set[str]]] = [("job", _of_the_job(settings)), ("index", _of_the_index(settings))]
    return [
        MadeAnew(what, ", ".join(sorted(ids)), present_id)
        for what, ids in sources
        if present_id and ids - {present_id, ""}
    ]


def _of_the_job(settings: Settings) -> set[str]:
    try:
        return {Snapshots(settings).job_config().topic_id}
    except SmaError:
        return set()


def _of_the_index(settings: Settings) -> set[str]:
    try:
        with session(settings.database_url, "SMA_DATABASE_URL", "topics", timeout_s=HEALTH_TIMEOUT_S) as connection:
            return {topic_id for (topic_id,) in connection.execute(_SQL["read_topic_ids"])}
    except SmaError:
        return set()
