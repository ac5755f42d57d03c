"""The sample is the data set that it says it is, and the commands of docs/own-data.md are such of this command line."""

import csv
import re
from decimal import Decimal

import click

from cli.main import sma as command_line
from sma.settings import CHECKOUT
from tests.support.documented import documented_commands, documented_output

SAMPLE = CHECKOUT / "samples" / "weather.csv"
PAGE = "docs/own-data.md"


def test_the_sample_is_made_as_its_page_says(tmp_path, monkeypatch):
    script = re.search(r"```python\n(.*?)```", (CHECKOUT / "samples" / "README.md").read_text(), re.DOTALL)[1]
    (tmp_path / "samples").mkdir()
    monkeypatch.chdir(tmp_path)
    exec(script, {})  # noqa: S102
    assert (tmp_path / "samples" / "weather.csv").read_bytes() == SAMPLE.read_bytes()


def test_the_page_has_four_commands_of_this_command_line():
    commands = documented_commands(PAGE)
    assert [words[:2] for words in commands] == [
        ["sma", "produce"],
        ["sma", "wait"],
        ["sma", "reconcile"],
        ["sma", "latest"],
    ]
    for _, name, *arguments in commands:
        # refuses unknown options
        command_line.get_command(click.Context(command_line), name).make_context(name, list(arguments))


def test_the_page_shows_the_means_of_the_file():
    by_average = {words[1]: Decimal(words[2]) for words in documented_output(PAGE)[1:]}
    with SAMPLE.open() as file:
        values = [Decimal(row["temperature"]) for row in csv.DictReader(file) if row["airport"] == "JFK"]
    assert by_average == {"hour": values[-1], "day": values[-1], "last_50": sum(values[-50:]) / 50}
