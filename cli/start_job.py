"""Starts the Flink job for `sma up`, `sma stream start` and the demo, and stores the windows that it computes."""

from cli.console import say
from database.definitions import store_definitions
from sma.averages import Averages, load_averages
from sma.settings import Settings
from streaming.control import lifecycle
from streaming.control.job_lock import changing_the_job


def start_job(settings: Settings, command: str, fresh: bool = False, from_uri: str | None = None) -> lifecycle.Started:
    """Start the job as `lifecycle.start` does, by averages.yaml, whose windows are stored before the first row.

    Args:
        settings: where everything is.
        command: what starts it, as others are told who wait for it.
        fresh: as for `lifecycle.start`.
        from_uri: as for `lifecycle.start`.
    """
    averages = load_averages(settings.averages)
    with changing_the_job(settings, command, say):
        if lifecycle.settle(settings) is None:
            store_present_definitions(settings, averages)
        return lifecycle.start(settings, averages, fresh=fresh, from_uri=from_uri)


def store_present_definitions(settings: Settings, averages: Averages) -> None:
    """Store the windows by which rows are computed from now on, for readers."""
    store_definitions(settings.owner_database_url.get_secret_value(), averages.averages)
