"""One refresh of the model, as a run does it: what changed, asked for, followed, and kept in the audit trail."""

from contextlib import closing

from batch.database import connect
from refresh.audit import Contained, accept, begin, changed_days, end, read_contained, read_known
from refresh.clock import Clock
from refresh.connection import Model
from refresh.follow import Outcome, Progress, body_of, refresh_and_follow
from refresh.service import PowerBi
from sma.errors import SmaError
from sma.settings import Settings


def refresh_model(
    settings: Settings, model: Model, clock: Clock, run_id: str, reason: str, progress: Progress
) -> tuple[Outcome, Contained]:
    """Refresh the model and return what became of it, and the newest reconciled window that readers now see.

    Args:
        settings: how the database is reached.
        model: what to refresh.
        clock: what waits are measured with.
        run_id: is stored with the refresh.
        reason: likewise.
        progress: is told what is waited for.

    Raises:
        SmaError: Power BI or the database does not answer or refuses; the audit trail says so too where it can.
    """
    with connect(settings.batch_database_url, "SMA_BATCH_DATABASE_URL") as connection:
        body = body_of(model, changed_days(connection, read_known(connection).contained_at))
        asked_at = clock.now()
        begin(connection, run_id, "enhanced" if model.enhanced else "standard", reason, asked_at)

        def accepted(request_id: str) -> None:
            progress(f"Power BI refreshes under the request id {request_id}")
            accept(connection, run_id, request_id, clock.now())

        try:
            with closing(PowerBi(model, clock)) as service:
                outcome = refresh_and_follow(service, body, clock, model.timeout_s, accepted, progress)
        except SmaError as error:
            refused = Outcome("failed", None, asked_at, None, clock.now(), 0, str(error))
            end(connection, run_id, refused, Contained())
            raise
        completed = outcome.status == "completed" and outcome.accepted_at is not None
        contained = read_contained(connection, outcome.accepted_at or 0) if completed else Contained()
        end(connection, run_id, outcome, contained)
    return outcome, contained
