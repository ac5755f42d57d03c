"""Places for tests of the log and its index, on Kafka and TimescaleDB alone."""

from collections.abc import Iterator

import pytest

from sma.settings import CHECKOUT
from tests.support.places import Place, place_on, settings_of, template_on
from tests.support.secured_stack import as_a_part, choice_of, environment_of
from tests.support.services import running_services


@pytest.fixture(scope="package")
def log_services(pytestconfig: pytest.Config) -> Iterator[Place]:
    """Kafka and TimescaleDB, in a state folder and on ports of their own."""
    chosen = choice_of(pytestconfig.getoption("--kafka"))
    with running_services(CHECKOUT / ".local" / "test-log", ("kafka", "timescaledb"), chosen) as services:
        environ = services.environ | as_a_part(environment_of(services).values)
        yield Place(settings_of(environ), environ)


@pytest.fixture(scope="package")
def log_template(log_services: Place) -> Iterator[str]:
    """The name of a migrated database of these services, of which each test gets a copy."""
    with template_on(log_services) as name:
        yield name


@pytest.fixture
def place(log_services: Place, log_template: str) -> Iterator[Place]:
    """Topics and a database for one test; there is no Flink."""
    with place_on(log_services, log_template) as own:
        yield own
