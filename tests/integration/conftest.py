"""What the tests on the services share among themselves."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial

import pytest

from sma.averages import load_averages
from streaming.control import lifecycle
from tests.support import secured_broker
from tests.support.places import Place, place_on


@pytest.fixture(scope="session")
def secured_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[secured_broker.SecuredKafka]:
    """A Kafka of two brokers with TLS, logins and ACLs."""
    with secured_broker.secured_kafka(tmp_path_factory.mktemp("secured-kafka")) as kafka:
        yield kafka


@pytest.fixture(scope="module")
def slots(stack: Place) -> Iterator[None]:
    """All task slots: the stack's own job leaves them meanwhile."""
    lifecycle.stop(stack.settings)
    yield
    lifecycle.start(stack.settings, load_averages(stack.settings.averages))


@pytest.fixture(scope="module")
def open_place(stack: Place, stack_template: str) -> Callable[[], AbstractContextManager[Place]]:
    """Opens a place, for acts that are performed once and looked at by several tests."""
    return partial(place_on, stack, stack_template)
