"""Fixtures of the tiers that need services: one stack for the whole run, and a place of its own for each test."""

import os
import secrets
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis_settings

from database.migrate import create_database, drop_database, with_database
from deploy.local.ports import free_port_base
from deploy.topics import create_topics
from sma.settings import CHECKOUT, Settings, load_settings

SMA = CHECKOUT / ".venv" / "bin" / "sma"
_DATABASE_URLS = ("database_url", "owner_database_url", "streaming_database_url", "batch_database_url")
_UP_SECONDS = 420

hypothesis_settings.register_profile("sma", deadline=None)  # a busy machine is no failure
hypothesis_settings.load_profile("sma")


@dataclass(frozen=True)
class Place:
    """Topics and a database that nobody else uses, on the running stack: its settings, in memory and as variables."""

    settings: Settings
    environ: dict[str, str]

    def sma(self, *arguments: str, timeout: float = 240) -> subprocess.CompletedProcess[str]:
        """Run the command line as a user would; what it printed and how it ended."""
        return subprocess.run(
            [SMA, *arguments], env=self.environ, capture_output=True, text=True, timeout=timeout, check=False
        )


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """The real services, in a state folder and on ports of their own; nothing is left running."""
    state_dir = CHECKOUT / ".local" / "test"
    foreign = [name for name in os.environ if name.startswith("SMA_")]
    with pytest.MonkeyPatch.context() as patch:
        for name in foreign:
            patch.delenv(name)
        patch.setenv("SMA_STATE_DIR", str(state_dir))
        patch.setenv("SMA_PORT_BASE", str(free_port_base()))
        patch.setenv("SMA_AUTOMATION", "false")  # a quarter of an hour may begin while a test reconciles
        load_settings.cache_clear()
        try:
            _run_or_fail("up", "--fresh")
            patch.delenv("SMA_PORT_BASE")  # sma.env has it from here on
            load_settings.cache_clear()
            yield Place(load_settings(), dict(os.environ))
        finally:
            _run_or_fail("down")
            load_settings.cache_clear()
            shutil.rmtree(state_dir / "postgres", ignore_errors=True)
            shutil.rmtree(state_dir / "kafka", ignore_errors=True)


@pytest.fixture
def place(stack: Place) -> Iterator[Place]:
    """Topics, a consumer group, a job name and a database for one test."""
    with place_of(stack) as own:
        yield own


@pytest.fixture
def places(stack: Place) -> Iterator[Callable[[], Place]]:
    """As many places as a test asks for."""
    with ExitStack() as held:
        yield lambda: held.enter_context(place_of(stack))


@contextmanager
def place_of(stack: Place) -> Iterator[Place]:
    """Make topics and a database that nobody else uses, for as long as they are needed."""
    name = f"t{secrets.token_hex(4)}"
    urls = {field: getattr(stack.settings, field).get_secret_value() for field in _DATABASE_URLS}
    own = {field: with_database(url, name) for field, url in urls.items()}
    others = {"topic_prefix": f"{name}.", "job_name": f"moving-averages-{name}"}
    environ = dict(stack.environ) | {f"SMA_{field.upper()}": value for field, value in (own | others).items()}
    create_database(urls["owner_database_url"], name)
    try:
        with pytest.MonkeyPatch.context() as patch:
            for variable, value in environ.items():
                patch.setenv(variable, value)
            load_settings.cache_clear()
            settings = load_settings()
        load_settings.cache_clear()
        create_topics(settings)
        yield Place(settings, environ)
    finally:
        drop_database(urls["owner_database_url"], name)


def _run_or_fail(*arguments: str) -> None:
    ran = subprocess.run([SMA, *arguments], capture_output=True, text=True, timeout=_UP_SECONDS, check=False)
    if ran.returncode:
        pytest.fail(f"sma {' '.join(arguments)} failed:\n{ran.stdout}\n{ran.stderr}", pytrace=False)


@pytest.fixture
def averages_file(tmp_path: Path) -> Path:
    """A file name for averages of a test's own; name it in SMA_AVERAGES."""
    return tmp_path / "averages.yaml"
