"""The stack of the tests as it runs: healthy, on loopback, and with topics that keep what they are given."""

import ipaddress
from contextlib import suppress
from pathlib import Path

from confluent_kafka import Consumer, Producer, TopicPartition

from deploy.local.environment import read_environment
from deploy.local.lifecycle.status import status
from deploy.local.processes import stack_processes
from deploy.local.services.programs import listeners
from deploy.topics import check_topics, create_topics, reset_topics
from tests.support.superuser import client_options


def test_every_part_is_up_with_its_version(stack):
    now = status(stack.settings, environ=stack.environ)
    assert {part.name: part.reason for part in now.parts} == {
        "kafka": None,
        "timescaledb": None,
        "flink": None,
        "dagster": None,
        "prometheus": None,
        "overview": None,
    }
    assert all(part.version for part in now.parts)
    assert now.as_dict().keys() >= {"database_url", "kafka_bootstrap", "flink_url", "dagster_url"}


def test_every_process_carries_the_mark_by_which_down_finds_it(stack):
    now = status(stack.settings, environ=stack.environ)
    pids = {pid for part in now.parts for pid in part.pids.values()}
    assert pids
    assert pids <= stack_processes(stack.settings.state_dir).keys()


def test_every_port_of_every_process_is_on_loopback_alone(stack):
    environment = read_environment(stack.settings.state_dir)
    assert environment is not None
    found = listening(stack_processes(stack.settings.state_dir))
    expected = {environment.ports[name] for part in environment.parts for name in listeners(environment, part)}
    assert {port for _, port in found} >= expected
    elsewhere = {place: process for place, process in found.items() if not place[0].is_loopback}
    assert elsewhere == {}


def listening(processes):
    """The addresses and ports that processes listen on, with a command each."""
    by_inode = {}
    for pid, command in processes.items():
        with suppress(OSError):  # it has ended meanwhile
            for descriptor in Path(f"/proc/{pid}/fd").iterdir():
                with suppress(OSError):  # it was closed meanwhile
                    by_inode[str(descriptor.readlink()).removeprefix("socket:[").removesuffix("]")] = command
    places = {}
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            _, local, _, state, *rest = line.split()
            if state == "0A" and rest[5] in by_inode:
                address, port = local.split(":")
                places[as_address(address), int(port, 16)] = by_inode[rest[5]]
    return places


def as_address(text):
    """The address that Linux writes as words in the order of this machine's bytes."""
    words = [bytes.fromhex(text[at : at + 8])[::-1] for at in range(0, len(text), 8)]
    address = ipaddress.ip_address(b"".join(words))
    return getattr(address, "ipv4_mapped", None) or address


def test_passwords_do_not_stand_on_a_command_line(stack):
    environment = read_environment(stack.settings.state_dir)
    assert environment is not None
    passwords = [value for name, value in environment.values.items() if name.startswith("SMA_PASSWORD_")]
    commands = " ".join(stack_processes(stack.settings.state_dir).values())
    assert passwords
    assert not [password for password in passwords if password in commands]


def test_topics_are_created_once(place):
    assert create_topics(place.settings.kafka_as("admin")) == []


def test_a_topic_with_another_number_of_partitions_than_new_ones_is_used_as_it_is(place):
    admin = place.settings.kafka_as("admin")
    other = admin.model_copy(update={"partitions": admin.partitions + 1})
    assert create_topics(other) == []
    assert {report.partitions for report in check_topics(other)} == {place.settings.partitions}


def test_resetting_the_topics_empties_them(place):
    topic = place.settings.events_topic
    producer = Producer(client_options(place.settings))
    producer.produce(topic, b"{}", partition=0, timestamp=0)
    assert producer.flush(30) == 0
    reset_topics(place.settings.kafka_as("admin"))
    consumer = Consumer({**client_options(place.settings), "group.id": "none"})
    try:
        assert consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=30) == (0, 0)
    finally:
        consumer.close()
    check_topics(place.settings.kafka_as("admin"))
