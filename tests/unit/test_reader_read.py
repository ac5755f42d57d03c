"""`sma.read` is offered by a package that loads nothing for it."""

import subprocess
import sys

import pytest

import sma
from reader.read import read
from reader.selection import select
from sma.errors import SmaError


def test_sma_offers_read():
    assert sma.read is read


def test_importing_sma_loads_neither_polars_nor_a_client():
    script = "import sys, sma; sys.exit(bool({'reader', 'polars', 'psycopg', 'pydantic'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_a_name_that_sma_does_not_have_is_refused():
    with pytest.raises(AttributeError, match="'sma' has no attribute 'write'"):
        sma.write  # noqa: B018


@pytest.mark.parametrize(("start", "end"), [("2013-01-02", "2013-01-01"), ("2013-01-01T01:00+01:00", "2013-01-01")])
def test_a_range_that_ends_before_it_begins_is_refused(start, end):
    with pytest.raises(SmaError, match=r"is empty: the end is excluded"):
        select(start=start, end=end)


def test_a_time_that_cannot_be_read_is_named():
    with pytest.raises(SmaError, match="'yesterday' is no time"):
        select(start="yesterday")
