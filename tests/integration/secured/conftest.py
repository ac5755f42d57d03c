"""A stack whose Kafka has three brokers, TLS, logins and ACLs; places on it, connected in any of the ways."""

from collections.abc import Iterator

import pytest

from batch.log.broker import BROKERS
from clients.kafka.connection import forget_admin
from clients.kafka.pool import WIRES
from sma.settings import CHECKOUT
from tests.support.places import Place, place_on, template_on
from tests.support.secured_stack import CHOSEN, Opener, connected_by
from tests.support.services import running_services


@pytest.fixture(scope="package")
def secured_stack() -> Iterator[Place]:
    """Kafka, TimescaleDB and Flink; no listener of Kafka is without TLS, and each part may do what is documented."""
    variables = CHOSEN | {"SMA_CHECKPOINT_INTERVAL": "2 seconds"}
    parts = ("kafka", "timescaledb", "flink")
    with running_services(CHECKOUT / ".local" / "test-secured", parts, variables) as services:
        yield services


@pytest.fixture(scope="package")
def secured_template(secured_stack: Place) -> Iterator[str]:
    """The name of a migrated database of that stack, of which each test gets a copy."""
    with template_on(secured_stack) as name:
        yield name


@pytest.fixture(scope="package")
def connected_place(secured_stack: Place, secured_template: str) -> Opener:
    """Opens a place whose parts connect in one of the ways."""
    return lambda way: place_on(connected_by(secured_stack, way), secured_template)


@pytest.fixture(autouse=True)
def new_clients() -> Iterator[None]:
    """No client has connected before, and none stays: each connects as it is told."""
    yield
    forget_admin()
    BROKERS.close()
    WIRES.close()
