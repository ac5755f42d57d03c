"""Two commands on one stack at once: one is at work, the other is refused and changes nothing."""

import pytest

from deploy.local.lifecycle import stack
from sma.errors import SmaError


class Reached(Exception):
    """The fresh start has come to the point where it deletes."""


@pytest.fixture
def environ(tmp_path):
    (tmp_path / "kafka").mkdir()
    return {"SMA_STATE_DIR": str(tmp_path)}


@pytest.mark.parametrize(
    "other",
    [
        lambda environ: stack.up(print, environ=environ),
        lambda environ: stack.up(print, fresh=True, environ=environ),
        lambda environ: stack.down(print, environ=environ),
    ],
)
def test_nobody_else_is_at_work_while_a_fresh_start_deletes(monkeypatch, environ, tmp_path, other):
    def delete(_):
        monkeypatch.setattr(stack, "_delete_state", lambda _: pytest.fail("two at once"))
        with pytest.raises(SmaError, match=f"^another `sma up` or `sma down` is at work in {tmp_path}: wait for it$"):
            other(environ)
        raise Reached

    monkeypatch.setattr(stack, "_delete_state", delete)
    with pytest.raises(Reached):
        stack.up(print, fresh=True, environ=environ)
    assert {path.name for path in tmp_path.iterdir()} == {"kafka", "stack.lock"}
