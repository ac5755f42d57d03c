"""Places for tests of the log and its index, on Kafka and TimescaleDB alone."""

from collections.abc import Iterator

import pytest

from tests.support.places import Place, place_on, template_on


@pytest.fixture(scope="session")
def log_template(log_services: Place) -> Iterator[str]:
    """The name of a migrated database of these services, of which each test gets a copy."""
    with template_on(log_services) as name:
        yield name


@pytest.fixture
def place(log_services: Place, log_template: str) -> Iterator[Place]:
    """Topics and a database for one test; there is no Flink."""
    with place_on(log_services, log_template) as own:
        yield own
