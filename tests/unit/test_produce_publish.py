"""Sending records: each is acknowledged and counted, in order, through a client that is full or refuses."""

import csv
import json

import click
import pytest
from click.testing import CliRunner
from confluent_kafka import KafkaError

import cli.produce_file
import produce.publish
from cli.produce import produce as command
from produce.publish import Publisher
from produce.series import Records
from sma.averages import parse_averages
from sma.errors import SmaError
from sma.settings import CHECKOUT, Settings
from tests.support.documented import documented_commands

SETTINGS = Settings()
AVERAGES = "watermark_delay: 1 hour\naverages:\n  - {name: hour, window: 1 hour, every: 1 hour}\n"


class FakeMessage:
    def __init__(self, partition, offset):
        self._place = partition, offset

    def partition(self):
        return self._place[0]

    def offset(self):
        return self._place[1]


class FakeProducer:
    """A client with room for some records, which acknowledges all it has when it is polled."""

    def __init__(self, room=3, refuse_from=None, partitions=2):
        self.room, self.refuse_from, self.partitions = room, refuse_from, partitions
        self.queue, self.log = [], []

    def produce(self, topic, value=None, key=None, partition=-1, callback=None, on_delivery=None, timestamp=0):
        assert topic == "events"
        if len(self.queue) == self.room:
            raise BufferError("full")
        partition = partition if partition >= 0 else len(key) % self.partitions
        self.queue.append((partition, key, value, timestamp, on_delivery or callback))

    def poll(self, _seconds):
        while self.queue:
            partition, key, value, timestamp, callback = self.queue.pop(0)
            if self.refuse_from is not None and len(self.log) >= self.refuse_from:
                callback(KafkaError(KafkaError.POLICY_VIOLATION, "no room in Kafka"), FakeMessage(partition, None))
                continue
            self.log.append((partition, key, value, timestamp))
            callback(None, FakeMessage(partition, sum(1 for entry in self.log if entry[0] == partition) - 1))

    def flush(self, _seconds):
        self.poll(0)
        return 0


@pytest.fixture
def client(monkeypatch):
    fake = FakeProducer()
    monkeypatch.setattr(produce.publish, "producer", lambda *_, **__: fake)
    monkeypatch.setattr(produce.publish, "partitions", lambda *_: [0, 1])
    monkeypatch.setattr(cli.produce_file, "load_settings", lambda: SETTINGS)
    monkeypatch.setattr(cli.produce_file, "load_averages", lambda _: parse_averages(AVERAGES, "averages.yaml"))
    return fake


def records(*keys: bytes) -> Records:
    return Records(list(keys), [b"v%d" % number for number in range(len(keys))], list(range(len(keys))))


@pytest.mark.parametrize("rate", [None, 1e9])
def test_every_record_is_sent_once_in_order_and_counted(client, rate):
    publisher = Publisher(SETTINGS)
    shown = []
    publisher.send([records(b"a", b"bb", b"a", b"a", b"bb"), records(b"a")], rate, shown.append)
    published = publisher.finish()
    assert [(key, value, at) for _, key, value, at in client.log] == [
        (b"a", b"v0", 0),
        (b"bb", b"v1", 1),
        (b"a", b"v2", 2),
        (b"a", b"v3", 3),
        (b"bb", b"v4", 4),
        (b"a", b"v0", 0),
    ]
    assert published.events == 6
    assert published.offsets == {1: (0, 3), 0: (0, 1)}


def test_a_refused_record_ends_the_sending(client):
    client.refuse_from = 2
    publisher = Publisher(SETTINGS)
    publisher.send([records(b"a", b"a", b"a")])
    with pytest.raises(SmaError, match="refuses: topic events: no room in Kafka"):
        publisher.finish()
    assert publisher.published.events == 2


class FatalProducer(FakeProducer):
    """A client with a fatal error, of which a callback has lost the reason; what it gives up afterwards has one."""

    def __init__(self, *, gives_up):
        super().__init__(refuse_from=0 if gives_up else None)
        self.is_first = True

    def poll(self, _seconds):
        """Acknowledge nothing yet."""

    def flush(self, seconds):
        if self.is_first:
            self.is_first = False
            raise SystemError("<method 'flush'> returned NULL without setting an exception")
        super().poll(seconds)
        return 0


@pytest.mark.parametrize(("gives_up", "raised"), [(True, SmaError), (False, SystemError)])
def test_a_fatal_error_whose_reason_was_lost_is_that_of_the_records_given_up(monkeypatch, gives_up, raised):
    monkeypatch.setattr(produce.publish, "producer", lambda *_, **__: FatalProducer(gives_up=gives_up))
    monkeypatch.setattr(produce.publish, "partitions", lambda *_: [0, 1])
    publisher = Publisher(SETTINGS)
    publisher.send_heartbeats(0)
    with pytest.raises(raised, match="no room in Kafka" if gives_up else "returned NULL"):
        publisher.finish()


def test_heartbeats_go_to_every_partition(client):
    publisher = Publisher(SETTINGS)
    publisher.send_heartbeats(5)
    assert publisher.finish().heartbeats == 2
    assert [(partition, value) for partition, _, value, _ in client.log] == [
        (0, b'{"heartbeat": 5}'),
        (1, b'{"heartbeat": 5}'),
    ]


# the command

COLUMNS = ["--customer", "acme", "--time-column", "timestamp"]
SERIES = ["--metric", "m", "--value-column", "value"]


def run(path, text, *options):
    path.write_text(text)
    return CliRunner().invoke(command, [str(path), *COLUMNS, *options])


@pytest.fixture
def path(tmp_path):
    return tmp_path / "readings.csv"


def test_the_result_has_what_was_late_rounded_and_sorted(client, path):
    text = "timestamp,value\n2024-06-04,1.00000001\n2024-06-03,\n2024-06-03,2\n"
    ran = run(path, text, *SERIES, "--skip-missing", "--json", "--close")
    assert json.loads(ran.stdout) == {
        "events": 2,
        "skipped": 1,
        "late": 1,
        "rounded": 1,
        "sorted": False,
        "heartbeats": 2,
        "offsets": {"0": [0, 2], "1": [0, 0]},
    }
    assert "1 of them will be late" in ran.stderr
    ran = run(path, text, *SERIES, "--skip-missing", "--json", "--sort")
    assert (json.loads(ran.stdout)["late"], json.loads(ran.stdout)["sorted"]) == (0, True)
    assert [json.loads(value)["value"] for *_, value, _ in client.log[-2:]] == ["2", "1.00000001"]


def test_a_closing_heartbeat_later_than_now_is_announced(client, path):
    ran = run(path, "timestamp,value\n8999-01-01,1\n", *SERIES, "--close")
    assert "the last windows close only as time passes" in ran.stderr
    assert ran.exit_code == 0


def test_a_bad_row_publishes_nothing(client, path):
    ran = run(path, "timestamp,value\n2024-06-03,1\n2024-06-04,warm\n", *SERIES)
    assert isinstance(ran.exception, SmaError)
    assert str(ran.exception).endswith("line 3: value: 'warm': not a number")
    assert client.log == []
    assert ran.stderr.strip() == ""


def test_the_options_of_another_country_and_a_wide_file_are_taken(client, path):
    text = "timestamp\ttemp\thumidity\n03.06.2024 10:00\t1,5\t?\n"
    options = ["--value-columns", "temp, humidity", "--delimiter", "tab", "--decimal", ",", "--missing", "?"]
    options += ["--skip-missing", "--time-format", "%d.%m.%Y %H:%M", "--time-zone", "Europe/Berlin"]
    assert run(path, text, *options).exit_code == 0
    ((_, key, value, _),) = client.log
    assert key == b"acme/temp"
    assert json.loads(value) == {"customer": "acme", "metric": "temp", "event_time": 1717401600000, "value": "1.5"}


@pytest.mark.parametrize(
    "options",
    [
        ["--metric", "m"],
        ["--value-column", "value"],
        ["--value-columns", "a,b", "--metric", "m"],
        ["--value-columns", "*", "--metric-column", "m"],
        ["--value-columns", "a,b", "--value-column", "c"],
        [*SERIES, "--customer-column", "who"],
        [*SERIES, "--decimal", ";"],
    ],
)
def test_options_that_contradict_one_another_are_a_usage_error(client, path, options):
    ran = run(path, "timestamp,value\n2024-06-03,1\n", *options)
    assert ran.exit_code == click.UsageError.exit_code
    assert client.log == []


def test_a_pipe_is_read(client):
    ran = CliRunner().invoke(command, ["-", *COLUMNS, *SERIES], input="timestamp,value\n2024-06-03,1\n")
    assert ran.exit_code == 0
    assert len(client.log) == 1


def test_the_sample_is_published_as_its_page_says(client, monkeypatch):
    monkeypatch.chdir(CHECKOUT)
    ((_, _, *arguments), *_) = documented_commands("docs/own-data.md")
    ran = CliRunner().invoke(command, [*arguments, "--json"])
    assert ran.exit_code == 0, ran.output
    result = json.loads(ran.stdout)
    assert (result["events"], result["late"], result["skipped"], result["rounded"]) == (216, 0, 0, 0)
    published = [json.loads(value) for _, key, value, _ in client.log if key is not None]
    with (CHECKOUT / "samples" / "weather.csv").open() as file:
        rows = [(row["airport"], float(row["temperature"])) for row in csv.DictReader(file)]
    # each partition keeps the order of the file
    assert sorted((event["customer"], float(event["value"])) for event in published) == sorted(rows)
    assert {event["metric"] for event in published} == {"temperature"}
