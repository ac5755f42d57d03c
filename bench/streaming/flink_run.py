"""How long a Flink job takes that ends: from RUNNING to FINISHED, both as Flink reports them.

Every job of the benchmark runs by this, ours and others', so that what starting tasks costs is in each of their times.
"""

import time
from collections.abc import Mapping

from bench.cluster import PARALLELISM
from clients.flink import ENDED, FlinkRest
from sma.errors import SmaError
from sma.settings import Settings
from streaming.submit.options import client_options, job_options

_POLL_S = 0.1
_TROUBLE = frozenset({"FAILING", "RESTARTING"})


def named(settings: Settings, name: str) -> Settings:
    """Return the settings of a job of that name."""
    return settings.model_copy(update={"job_name": f"bench-{name}"})


def options(settings: Settings, name: str) -> dict[str, str]:
    """Return the configuration of a job: the running job's, checkpoints every 5 s included."""
    return job_options(named(settings, name), PARALLELISM, f"{settings.flink_storage_uri}/bench", None)


def options_for_client(settings: Settings, name: str) -> dict[str, str]:
    """Return the configuration of a job that Flink's own client submits."""
    return options(settings, name) | client_options(settings)


def seconds_of(settings: Settings, job_id: str) -> float:
    """Wait until the job has ended, and return how long it ran.

    Raises:
        SmaError: it failed.
    """
    rest = FlinkRest(settings.flink_url)
    while (state := rest.state(job_id)) not in ENDED:
        if state in _TROUBLE:
            cause = rest.last_failure(job_id)
            rest.cancel(job_id)
            raise SmaError(f"the job {job_id} failed: {cause}")
        time.sleep(_POLL_S)
    if state != "FINISHED":
        raise SmaError(f"the job {job_id} is {state}: {rest.last_failure(job_id)}")
    timestamps: Mapping[str, int] = rest.ask("GET", f"/jobs/{job_id}")["timestamps"]
    return (timestamps["FINISHED"] - timestamps["RUNNING"]) / 1_000
