"""How a customer's role and schema are called, where a name is longer than PostgreSQL's identifiers."""

import pytest

from database.customers import SCHEMA_PREFIX, shortened


@pytest.mark.parametrize("name", ["AA", "x" * 54, "ä" * 27])
def test_a_name_that_fits_stays_as_it_is(name):
    assert shortened(SCHEMA_PREFIX, name) == f"customer/{name}"


@pytest.mark.parametrize("name", ["x" * 55, "x" * 128, "ä" * 28, "é" * 128, "漢" * 128])
def test_a_longer_one_fits_and_is_told_from_its_likes(name):
    short = shortened(SCHEMA_PREFIX, name)
    assert len(short.encode()) <= 63
    assert short.startswith(f"customer/{name[:10]}")
    assert short != shortened(SCHEMA_PREFIX, name[:-1] + "y")
