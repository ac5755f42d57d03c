"""The sample, by the commands of docs/own-data.md as a user copies them, to the averages that the page shows."""

import csv
import json
from decimal import Decimal

import polars as pl
import pytest

import sma
from sma.settings import CHECKOUT
from tests.support.documented import documented_commands, documented_output
from tests.support.stored import succeed

PAGE = "docs/own-data.md"


@pytest.fixture(scope="module")
def printed(stack):
    """What each command of the page printed, by its name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(CHECKOUT)
        return {words[1]: succeed(stack.sma(*words[1:])) for words in documented_commands(PAGE)}


def temperatures():
    with (CHECKOUT / "samples" / "weather.csv").open() as file:
        return [Decimal(row["temperature"]) for row in csv.DictReader(file) if row["airport"] == "JFK"]


def test_every_row_is_published(printed):
    assert printed["produce"].startswith("216 events and 4 heartbeats published")


def test_the_newest_averages_are_those_that_the_page_shows(printed):
    shown = [line.split() for line in printed["latest"].splitlines()]
    assert [words for words in documented_output(PAGE) if words not in shown] == []


def test_each_hour_is_read_into_a_frame_with_its_temperature(printed, stack):
    url = json.loads(succeed(stack.sma("status", "--json")))["database_url"]
    frame = sma.read("JFK", "temperature", average="hour", start="2013-01-02", final=True, database_url=url)
    on_the_hour = frame.filter(pl.col("as_of").dt.minute() == 0)
    assert on_the_hour["sma"].to_list() == temperatures()


def test_an_export_has_the_rows_of_the_frame(printed, stack, tmp_path):
    url = json.loads(succeed(stack.sma("status", "--json")))["database_url"]
    succeed(stack.sma("export", str(tmp_path / "jfk.parquet"), "--customer", "JFK"))
    exported = pl.read_parquet(tmp_path / "jfk.parquet").sort("customer", "metric", "average", "as_of")
    read = sma.read("JFK", database_url=url)
    assert exported.rows() == read.rows()
    assert read.height > 0
