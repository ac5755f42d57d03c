"""Fixtures of the tiers that need services, and which tests run where.

`stack` is every service, started once; all tests that use it run one after the other in one process. Tests that need
fewer services, or another Kafka, have them in their own folders and run beside them. `database_server` is TimescaleDB
alone, one for each process; tests that need no other service run on as many cores as there are.
"""

import os
import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis_settings

from deploy.local.environment import DATABASE_URLS
from deploy.local.ports import free_port_base
from sma.settings import CHECKOUT, load_settings
from tests.support.database_server import running_database_server
from tests.support.nightly import drawn, long_form
from tests.support.places import SMA, Place, database_on, place_on, settings_of, template_on
from tests.support.secured_stack import PLAINTEXT, WAYS, as_a_part, choice_of, environment_of
from tests.support.services import SHORT_LIVED_JVMS, run_or_fail

_LONGEST_NAME = 1_000
_CONNECTED = {"stack", "log_services"}  # whose Kafka is as --kafka has it
_NOWHERE = {"SMA_KAFKA_BOOTSTRAP": "127.0.0.1:1", "SMA_FLINK_URL": "http://127.0.0.1:1"}

hypothesis_settings.register_profile("sma", deadline=None)  # a busy machine is no failure
hypothesis_settings.load_profile("sma")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--nightly", action="store_true", help="run all long forms, and not only the one drawn")
    parser.addoption(
        "--kafka",
        default=PLAINTEXT,
        choices=(PLAINTEXT, *WAYS),
        help="how the services' parts connect to Kafka: with another name than plaintext, to three brokers with TLS, "
        "logins and ACLs; tests without such services are left out then",
    )


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep what is to run, let tests that share services run in one process, and refuse names of megabytes."""
    for item in items:
        if len(item.nodeid) > _LONGEST_NAME:  # each process of the run sends every name to the others
            raise pytest.UsageError(f"{item.nodeid[:200]}...: its name has {len(item.nodeid):,} characters: give `ids`")
    if config.getoption("--kafka") != PLAINTEXT:
        _leave_out(config, items, [item for item in items if not _CONNECTED.intersection(_fixtures(item))])
    if not config.getoption("--nightly"):
        long_forms = {item: name for item in items if (name := long_form(item)) is not None}
        kept = drawn(long_forms.values(), CHECKOUT)
        left_out = [item for item, name in long_forms.items() if name != kept and not _is_named(item, config)]
        _leave_out(config, items, left_out)
    for item in items:
        fixtures = _fixtures(item)
        if "stack" in fixtures:
            item.add_marker(pytest.mark.xdist_group("stack"))
        elif "log_services" in fixtures:
            item.add_marker(pytest.mark.xdist_group("log_services"))
        elif "secured_stack" in fixtures:
            item.add_marker(pytest.mark.xdist_group("secured_stack"))
        elif "secured_kafka" in fixtures:
            item.add_marker(pytest.mark.xdist_group("secured_kafka"))
        elif "database_server" in fixtures:
            item.add_marker(pytest.mark.xdist_group(item.nodeid.split("::")[0]))


def _leave_out(config: pytest.Config, items: list[pytest.Item], left_out: list[pytest.Item]) -> None:
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in set(left_out)]


def _fixtures(item: pytest.Item) -> Collection[str]:
    return getattr(item, "fixturenames", ())


def _is_named(item: pytest.Item, config: pytest.Config) -> bool:
    """Return whether the command line names the test itself or its file."""
    return any(item.nodeid.startswith(name) for name in config.args if name.partition("::")[0].endswith(".py"))


@pytest.fixture(scope="session")
def stack(pytestconfig: pytest.Config) -> Iterator[Place]:
    """The real services, in a state folder and on ports of their own; nothing is left running."""
    chosen = choice_of(pytestconfig.getoption("--kafka"))
    state_dir = CHECKOUT / ".local" / "test"
    foreign = [name for name in os.environ if name.startswith("SMA_")]
    with pytest.MonkeyPatch.context() as patch:
        for name in foreign:
            patch.delenv(name)
        patch.setenv("SMA_STATE_DIR", str(state_dir))
        patch.setenv("SMA_PORT_BASE", str(free_port_base()))
        for name, value in SHORT_LIVED_JVMS.items():
            patch.setenv(name, value)
        patch.setenv("SMA_AUTOMATION", "false")  # a quarter of an hour may begin while a test reconciles
        patch.setenv("SMA_CHECKPOINT_INTERVAL", "2 seconds")  # each `sma wait` waits for one
        load_settings.cache_clear()
        try:
            run_or_fail([SMA, "up", "--fresh"], os.environ | chosen)
            patch.delenv("SMA_PORT_BASE")  # sma.env has it from here on
            load_settings.cache_clear()
            own = as_a_part(environment_of(Place(load_settings(), {})).values)
            for name, value in own.items():
                patch.setenv(name, value)
            load_settings.cache_clear()
            yield Place(load_settings(), dict(os.environ))
        finally:
            run_or_fail([SMA, "down"], os.environ)
            load_settings.cache_clear()
            shutil.rmtree(state_dir / "postgres", ignore_errors=True)
            shutil.rmtree(state_dir / "kafka", ignore_errors=True)


@pytest.fixture(scope="session")
def stack_template(stack: Place) -> Iterator[str]:
    """The name of a migrated database of the stack, of which each test gets a copy."""
    with template_on(stack) as name:
        yield name


@pytest.fixture
def place(stack: Place, stack_template: str) -> Iterator[Place]:
    """Topics, a consumer group, a job name and a database for one test."""
    with place_on(stack, stack_template) as own:
        yield own


@pytest.fixture
def places(stack: Place, stack_template: str) -> Iterator[Callable[[], Place]]:
    """As many places as a test asks for."""
    with ExitStack() as held:
        yield lambda: held.enter_context(place_on(stack, stack_template))


@pytest.fixture(scope="session")
def database_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A TimescaleDB of this process's own, with its roles; Kafka and Flink are nowhere."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "alone")
    state_dir = CHECKOUT / ".local" / "test-databases" / worker
    shutil.rmtree(state_dir, ignore_errors=True)
    with running_database_server(state_dir) as environment:
        urls = {name: environment.values[name] for name in DATABASE_URLS}
        others = {name: value for name, value in os.environ.items() if not name.startswith("SMA_")}
        environ = others | _NOWHERE | urls | {"SMA_STATE_DIR": str(state_dir)}
        yield Place(settings_of(environ), environ)
    shutil.rmtree(state_dir, ignore_errors=True)


@pytest.fixture(scope="session")
def database_template(database_server: Place) -> Iterator[str]:
    """The name of a migrated database of the server, of which each test gets a copy."""
    with template_on(database_server) as name:
        yield name


@pytest.fixture
def own_database(database_server: Place, database_template: str) -> Iterator[Place]:
    """A migrated database for one test that needs no other service."""
    with database_on(database_server, database_template) as own:
        yield own


@pytest.fixture
def averages_file(tmp_path: Path) -> Path:
    """A file name for averages of a test's own; name it in SMA_AVERAGES."""
    return tmp_path / "averages.yaml"
