"""Each ACL that the documentation lists is needed: without it one line names operation, resource and principal."""

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from confluent_kafka.admin import NewTopic
from tenacity import Retrying, stop_after_delay, wait_fixed

from batch.log.offsets import retained_ranges
from batch.log.reader import read_values
from batch.log.record_sizes import read_retention
from clients.kafka.connection import ask, forget_admin
from clients.kafka.groups import committed_offsets, delete_group
from clients.kafka.topics import topic_config
from deploy.acls import GRANTS, Grant, grant, revoke
from deploy.local.kafka_layout import principal_of
from deploy.local.services.kafka_config import bootstrap_settings
from deploy.topics import create_topics, delete_topics
from heartbeats.tails import Tails
from heartbeats.write import write_heartbeats
from monitoring.exporter.kafka_lag import KafkaLag
from monitoring.exporter.transactions import OpenTransactionAges
from produce.publish import Publisher
from reader.stream import emitted_rows, offsets_to_read_from
from sma.errors import SmaError
from sma.settings import Settings
from streaming.control import lifecycle
from streaming.control.kafka_log import KafkaLog
from tests.support.places import Place
from tests.support.secured_stack import Opener, environment_of
from tests.support.stream_job import use_averages

AVERAGES = """
watermark_delay: 1 second
allowed_lateness: 1 minute
averages:
  - {name: a, window: 1 minute, every: 1 minute}
"""
INCLUDE_DESCRIBE = ("Read", "Write", "Delete")
ON_A_JOB = [
    each
    for each in GRANTS
    if each.part == "stream" and (each.resource == "TransactionalId" or each.name not in ("events", "streaming"))
]
ALWAYS = [each for each in GRANTS if each not in ON_A_JOB]


def name_of(each: Grant) -> str:
    return f"{each.part}-{each.operation}-{each.name}"


@pytest.fixture(scope="module")
def place(connected_place: Opener, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A place whose parts log in; its log has a record in each partition."""
    with connected_place("SCRAM-SHA-512") as own:
        use_averages(own, tmp_path_factory.mktemp("acls") / "averages.yaml", AVERAGES)
        heartbeats_by(own.settings)
        yield own


@pytest.fixture
def superuser(place: Place) -> Settings:
    """The settings of one to whom ACLs do not apply."""
    return bootstrap_settings(place.settings, environment_of(place))


def heartbeats_by(settings: Settings) -> None:
    publisher = Publisher(settings)
    publisher.send_heartbeats(1)
    publisher.finish()


def create_anew(settings: Settings, topic: str, superuser: Settings) -> None:
    """Let a topic be missing, and have it made."""
    with suppress(SmaError):
        ask(superuser, lambda admin: [each.result() for each in admin.delete_topics([topic]).values()])
    create_topics(settings.kafka_as("admin"))


def delete_and_restore(settings: Settings, superuser: Settings) -> None:
    try:
        delete_topics(settings.kafka_as("admin"))
    finally:
        for attempt in Retrying(stop=stop_after_delay(60), wait=wait_fixed(0.5), reraise=True):
            with attempt:  # while a topic is being deleted, it is neither there nor can be made
                assert len(create_topics(superuser)) == 0


def read_as_client(settings: Settings) -> None:
    by_client = settings.model_copy(update={"kafka_reader": "client"})
    for _ in range(20):  # the records may be there before the coordinator is known
        list(read_values(by_client, settings.events_topic, 0, 0, 1))


def read_side_output(settings: Settings, topic: str) -> None:
    for partition, retained in retained_ranges(settings, topic).items():
        list(read_values(settings, topic, partition, retained.start, retained.end))


def tail_a_little(settings: Settings) -> None:
    topic = settings.moving_averages_topic
    rows = emitted_rows(settings, topic, offsets_to_read_from(settings, from_start=True, since_ms=None), 0, print)
    for _ in range(20):
        next(rows)


def look_of_monitoring(settings: Settings) -> None:
    KafkaLag(settings).look()
    OpenTransactionAges(settings).look()


def look_at_tails(settings: Settings) -> None:
    for _ in range(20):  # the records may be there before the coordinator is known
        Tails(settings).look(0)


def operation_of(each: Grant, superuser: Settings) -> Callable[[Settings], object]:
    """Return what the part does that needs a grant."""
    topic = each.resource_name(superuser)
    by_need: dict[tuple[str, str, str], Callable[[Settings], object]] = {
        ("admin", "Create", "Topic"): lambda settings: create_anew(settings, topic, superuser),
        ("admin", "Delete", "Topic"): lambda settings: delete_and_restore(settings, superuser),
        ("admin", "Delete", "Group"): lambda settings: delete_group(settings.kafka_as("admin"), topic),
        ("admin", "DescribeConfigs", "Topic"): lambda settings: topic_config(settings.kafka_as("admin"), topic),
        ("producer", "Write", "Topic"): heartbeats_by,
        ("stream", "Read", "Topic"): lambda settings: KafkaLog(settings).starts(),
        ("stream", "Read", "Group"): lambda settings: KafkaLog(settings).require_committable(),
        ("stream", "Delete", "Group"): lambda settings: KafkaLog(settings).forget_read_to(),
        ("batch", "Read", "Topic"): lambda settings: read_side_output(settings, topic),
        ("batch", "DescribeConfigs", "Topic"): read_retention,
        ("monitoring", "Read", "Topic"): look_of_monitoring,
        ("monitoring", "DescribeConfigs", "Topic"): lambda settings: topic_config(
            settings.kafka_as("monitoring"), topic
        ),
        ("subscriber", "Read", "Topic"): tail_a_little,
        ("subscriber", "Describe", "Group"): tail_a_little,
        ("heartbeats", "Write", "Topic"): lambda settings: write_heartbeats(settings, {0: 1}, 1),
        ("heartbeats", "Read", "Topic"): look_at_tails,
    }
    by_group: dict[tuple[str, str], Callable[[Settings], object]] = {
        ("batch", "batch"): read_as_client,
        ("batch", "streaming"): lambda settings: committed_offsets(
            settings.kafka_as("batch"), settings.events_topic, settings.consumer_group
        ),
        ("monitoring", "streaming"): lambda settings: KafkaLag(settings).look(),
        ("heartbeats", "heartbeats"): look_at_tails,
    }
    return by_group.get((each.part, each.name)) or by_need[each.part, each.operation, each.resource]


def pattern_of(each: Grant, settings: Settings) -> str:
    """Return what the line says: a right that includes another is missed where the other is asked for first."""
    operations = [each.operation, *(["Describe"] if each.operation in INCLUDE_DESCRIBE else [])]
    resource = f"{each.resource}:{re.escape(each.resource_name(settings))}"
    return rf"User:{principal_of(each.part)}: (Describe and )?({'|'.join(operations)}) on {resource}( |$)"


# where librdkafka looks for a group's coordinator now and then, a missing right shows after half a minute
SHOWS_LATE = [
    each for each in ALWAYS if each.part in ("subscriber", "heartbeats") or (each.part, each.name) == ("batch", "batch")
]


@pytest.mark.parametrize(
    "missing",
    [
        pytest.param(each, marks=[pytest.mark.nightly("ACLs that show late")] if each in SHOWS_LATE else [])
        for each in ALWAYS
    ],
    ids=name_of,
)
def test_without_an_acl_one_line_names_operation_resource_and_principal(
    place: Place, superuser: Settings, missing: Grant
) -> None:
    operate = operation_of(missing, superuser)
    operate(place.settings)
    revoke(superuser, principal_of, [missing])
    forget_admin()
    try:
        with pytest.raises(SmaError) as caught:
            operate(place.settings)
    finally:
        grant(superuser, principal_of, [missing])
    line = str(caught.value)
    assert "\n" not in line
    assert re.search(pattern_of(missing, superuser), line), line
    operate(place.settings)


@pytest.mark.nightly("ACLs of the job")
@pytest.mark.parametrize("missing", ON_A_JOB, ids=name_of)
def test_a_job_without_an_acl_says_in_one_line_what_is_missing(
    place: Place, superuser: Settings, missing: Grant
) -> None:
    revoke(superuser, principal_of, [missing])
    named = f"User:{principal_of('stream')} may not .*({missing.operation}|Describe).* on "
    try:
        started = place.sma("stream", "start")
        shown = started.stdout + started.stderr
        for attempt in Retrying(stop=stop_after_delay(120), wait=wait_fixed(2), reraise=True):
            with attempt:  # a transaction begins with the first record, after the start
                lines = [line for line in shown.splitlines() if re.search(named, line)]
                if not lines:
                    status = place.sma("stream", "status")
                    shown = status.stdout + status.stderr
                assert lines, shown
    finally:
        lifecycle.cancel(place.settings)
        grant(superuser, principal_of, [missing])
    assert missing.resource_name(superuser) in lines[0]


def test_the_table_is_all_that_a_part_may_do(place: Place, superuser: Settings) -> None:
    """What is not in the table is refused: a topic of somebody else's, for one."""
    other = f"{place.settings.topic_prefix}of-others"
    ask(superuser, lambda admin: [each.result() for each in admin.create_topics([NewTopic(other, 1)]).values()])
    try:
        with pytest.raises(SmaError, match=f"Describe on Topic:{other} is not allowed"):
            retained_ranges(place.settings, other)
    finally:
        ask(superuser, lambda admin: [each.result() for each in admin.delete_topics([other]).values()])


def test_no_password_is_in_a_process_list_or_a_log(place: Place) -> None:
    values = environment_of(place).values
    secrets = {value for name, value in values.items() if name.endswith(("_PASSWORD", "_OAUTH_CLIENT_SECRET"))}
    shown = "".join(
        command.read_text(errors="replace") for command in Path("/proc").glob("[0-9]*/cmdline") if command.exists()
    )
    logs = "".join(path.read_text(errors="replace") for path in (place.settings.state_dir / "logs").rglob("*.log*"))
    assert not [secret for secret in secrets if secret in shown + logs]
