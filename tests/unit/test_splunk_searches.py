"""The saved searches ask for what our events have, and the files are of the form that Splunk reads."""

import configparser
import json
import re
from pathlib import Path

import pytest

from deploy.local.environment import plan_environment
from deploy.local.parts import PROGRAMS
from deploy.local.services.java_logs import log_files
from monitoring.logs.destination import SOURCETYPE
from monitoring.logs.events import ALWAYS, FIELDS
from sma.settings import CHECKOUT, Settings

SPLUNK = CHECKOUT / "monitoring" / "splunk"
OF_SPLUNK = {"_time", "host", "source", "sourcetype", "index"}
WORDS = {
    "stats",
    "count",
    "latest",
    "earliest",
    "sum",
    "sort",
    "table",
    "timechart",
    "span",
    "convert",
    "ctime",
    "by",
    "as",
    "in",
}


def read(name: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, delimiters=("=",), comment_prefixes=("#",))
    parser.optionxform = str
    parser.read_string(re.sub(r"\\\n", " ", (SPLUNK / name).read_text()))
    return parser


SEARCHES = read("savedsearches.conf")


def java_fields() -> set[str]:
    environment = plan_environment(Path("/state"), {}, None)
    files = log_files(Settings(), environment, Path("/state/x.properties"), "")
    return set(json.loads(files[Path("/state/log4j-event.json")]))


def test_java_and_python_name_the_same_things_alike():
    assert java_fields() == {*ALWAYS, "job_id", "partition", "kafka_offset", "thread", "exception"}


@pytest.mark.parametrize("name", SEARCHES.sections())
def test_a_search_names_only_fields_that_events_have(name):
    search = re.sub(r'"[^"]*"', " ", SEARCHES[name]["search"])
    made = set(re.findall(r"\bAS (\w+)", search))
    named = {word for word in re.findall(r"(?<![-\w])[a-z_][\w]*", search, re.IGNORECASE) if not word[0].isdigit()}
    known = {*FIELDS, *ALWAYS, *OF_SPLUNK, *java_fields(), *made}
    assert {word for word in named if word.lower() not in WORDS} - known == set()
    assert f'sourcetype="{SOURCETYPE}"' in SEARCHES[name]["search"]


@pytest.mark.parametrize("name", SEARCHES.sections())
def test_a_search_names_services_loggers_and_levels_that_there_are(name):
    services = {"cli", "dagster", *(program for part in PROGRAMS.values() for program in part)}
    search = SEARCHES[name]["search"]
    assert set(values(search, "service")) <= services
    assert set(values(search, "level")) <= {"WARN", "ERROR", "FATAL"}
    for logger in values(search, "logger"):
        source = CHECKOUT.joinpath(*logger.split(".")).with_suffix(".py").read_text()
        assert "logging.getLogger(__name__)" in source


def values(search: str, field: str) -> list[str]:
    given = re.findall(rf'\b{field}(?:=("[^"]*")| IN \(([^)]*)\))', search)
    return [value for one, several in given for value in re.findall(r'"([^"]*)"', one or several)]


@pytest.mark.parametrize("name", SEARCHES.sections())
def test_a_search_says_of_which_time_it_asks(name):
    assert set(SEARCHES[name]) == {"search", "dispatch.earliest_time", "dispatch.latest_time"}
    assert re.fullmatch(r"-\d+[hd]", SEARCHES[name]["dispatch.earliest_time"])


def test_splunk_reads_the_events_as_json():
    assert read("props.conf")[SOURCETYPE]["KV_MODE"] == "json"
