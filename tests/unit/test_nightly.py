"""Which long form `make test` keeps: one of those that there are, with all tests that look at what it left."""

from types import SimpleNamespace

import pytest

from sma.settings import CHECKOUT
from tests.support.nightly import drawn, long_form


def item(nodeid: str, mark: pytest.MarkDecorator | None) -> SimpleNamespace:
    return SimpleNamespace(nodeid=nodeid, get_closest_marker=lambda _: mark)


def test_a_long_form_without_a_name_is_a_test_alone():
    assert [long_form(item(each, pytest.mark.nightly)) for each in ("a", "b")] == ["a", "b"]


def test_tests_of_one_long_form_have_its_name():
    assert [long_form(item(each, pytest.mark.nightly("restarts"))) for each in ("a", "b")] == ["restarts"] * 2


def test_other_tests_are_no_long_form():
    assert long_form(item("a", None)) is None


def test_one_of_the_long_forms_is_drawn_whatever_their_order():
    assert drawn(["b", "a", "b"], CHECKOUT) == drawn(["a", "b"], CHECKOUT)
    assert drawn(["a"], CHECKOUT) == "a"
    assert drawn([], CHECKOUT) is None
