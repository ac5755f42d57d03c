"""The ACLs in the documentation are those that the local stack makes, and nobody gets one twice."""

from pathlib import Path

import pytest

from deploy.acls import GRANTS, Grant, command
from deploy.local.kafka_layout import principal_of
from sma.settings import CHECKOUT, Settings
from sma.settings.kafka_parts import KAFKA_PARTS

PAGE = Path(CHECKOUT, "docs", "kafka-acls.md").read_text()
SETTINGS = Settings()


def test_the_table_of_the_documentation_is_the_one_in_the_code():
    rows = [
        f"| `{each.part}` | {each.operation} | {each.resource} `{each.resource_name(SETTINGS)}"
        f"{'*' if each.is_prefix else ''}` | {each.why} |"
        for each in GRANTS
    ]
    documented = PAGE.partition("## The ACLs")[2].partition("## The commands")[0]
    assert [line for line in documented.splitlines() if line.startswith("| `")] == rows


def test_the_commands_of_the_documentation_make_these_acls():
    commands = [f"acls {command(SETTINGS, principal_of(each.part), each)}" for each in GRANTS]
    assert [line for line in PAGE.splitlines() if line.startswith("acls --add")] == commands


@pytest.mark.parametrize("part", KAFKA_PARTS)
def test_every_part_is_described_and_may_do_something(part: str):
    assert f"| `{part}` | " in PAGE.partition("## The ACLs")[0]
    assert [each for each in GRANTS if each.part == part]


def test_no_acl_is_there_twice_and_none_is_included_in_another():
    rights = [(each.part, each.operation, each.resource, each.name) for each in GRANTS]
    assert len(rights) == len(set(rights))
    describing = {(part, resource, name) for part, operation, resource, name in rights if operation == "Describe"}
    others = {(part, resource, name) for part, operation, resource, name in rights if operation in ("Read", "Write")}
    assert not describing & others


def test_names_follow_the_settings():
    own = Settings(topic_prefix="t.", job_name="averages")
    topic = Grant("stream", "Read", "Topic", "events", "")
    transactions = Grant("stream", "Write", "TransactionalId", "moving-averages", "")
    assert (topic.resource_name(own), topic.is_prefix) == ("t.events", False)
    assert (transactions.resource_name(own), transactions.is_prefix) == ("t.averages", True)
