"""Reports the state of the stack's parts."""

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import Any

from deploy.local.environment import database_place, read_environment, state_dir_of
from deploy.local.lifecycle.supervisor import Supervisor
from deploy.local.parts import PARTS
from deploy.local.services.health import CHECKS, Health
from deploy.local.services.pages import monitoring_pages
from sma.settings import Settings


@dataclass(frozen=True, slots=True)
class PartStatus:
    """One part: where it is, and whether a client could use it."""

    name: str
    url: str
    version: str | None
    is_up: bool
    reason: str | None
    is_local: bool
    pids: dict[str, int]


@dataclass(frozen=True, slots=True)
class StackStatus:
    """Every part, and the addresses with which programs connect; `database_url` has its role's password.

    `pages` are what people open next to the addresses of the parts, by name: those that answer.
    """

    parts: tuple[PartStatus, ...]
    database_url: str
    kafka_bootstrap: str
    flink_url: str
    dagster_url: str
    prometheus_url: str
    alertmanager_url: str
    overview_url: str
    pages: dict[str, str] = field(default_factory=dict)

    @property
    def is_up(self) -> bool:
        """Whether every part is."""
        return all(part.is_up for part in self.parts)

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON takes it."""
        return asdict(self)


def status(settings: Settings, *, environ: Mapping[str, str] = os.environ) -> StackStatus:
    """Check every part, all at the same time; never fails because one is down.

    Args:
        settings: where the parts are.
        environ: where SMA_STATE_DIR may be set.
    """
    state_dir = state_dir_of(environ)
    environment = read_environment(state_dir)
    local_parts = environment.parts if environment else ()
    supervisor = Supervisor(state_dir)
    urls = {
        "kafka": settings.kafka_bootstrap,
        "timescaledb": database_place(settings),
        "flink": settings.flink_url,
        "dagster": settings.dagster_url,
        "prometheus": settings.prometheus_url,
        "overview": settings.overview_url,
    }

    def look(part: str) -> PartStatus:
        programs = environment.programs(part) if environment else ()
        states = {program: supervisor.state(program) for program in programs}
        pids = {program: state["pid"] for program, state in states.items() if state["pid"]}
        health = CHECKS[part](settings, supervisor.daemon_start(programs))
        if part in local_parts and len(pids) < len(states) and health.is_up:
            health = Health(f"{next(program for program in states if program not in pids)} is not running")
        return PartStatus(part, urls[part], health.version, health.is_up, health.reason, part in local_parts, pids)

    with ThreadPoolExecutor() as pool:
        pages = pool.submit(monitoring_pages, settings)
        parts = tuple(pool.map(look, PARTS))
    return StackStatus(
        parts,
        database_url=settings.database_url.get_secret_value(),
        kafka_bootstrap=settings.kafka_bootstrap,
        flink_url=settings.flink_url,
        dagster_url=settings.dagster_url,
        prometheus_url=settings.prometheus_url,
        alertmanager_url=settings.alertmanager_url,
        pages=pages.result(),
        overview_url=settings.overview_url,
    )
