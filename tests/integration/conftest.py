"""What the tests on the services share among themselves."""

from collections.abc import Iterator

import pytest

from streaming import control
from tests.conftest import Place


@pytest.fixture(scope="module")
def slots(stack: Place) -> Iterator[None]:
    """All task slots: the stack's own job leaves them meanwhile."""
    control.stop(stack.settings)
    yield
    control.start(stack.settings)
