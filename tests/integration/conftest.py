"""What the tests on the services share among themselves."""

from collections.abc import Iterator

import pytest

from streaming.control import lifecycle
from tests.conftest import Place


@pytest.fixture(scope="module")
def slots(stack: Place) -> Iterator[None]:
    """All task slots: the stack's own job leaves them meanwhile."""
    lifecycle.stop(stack.settings)
    yield
    lifecycle.start(stack.settings)
