"""Publishing with producers of every kind: two clients, five codecs, idempotent and in transactions."""

import base64
import subprocess
from collections.abc import Iterator, Sequence
from itertools import product

from clients.kafka.java import java_properties
from sma.settings import CHECKOUT, Settings
from tests.support.kafka_batches import key_of
from tests.support.publishing import Sent, publish
from tests.support.superuser import as_superuser
from tests.support.transactions import aborted, committed, transactional

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
KINDS = tuple(product(CODECS, ("idempotent", "transactional")))  # of each client
HEADERS: list[tuple[str, bytes | None]] = [("source", b"test"), ("empty", None)]

_PROGRAM = CHECKOUT / "tests" / "support" / "java" / "Produce.java"
_JARS = CHECKOUT / ".local" / "install" / "kafka" / "*"

Positions = list[tuple[int, int]]


def publish_with_every_producer(settings: Settings, sent: Sequence[Sent]) -> Positions:
    """Publish records in order, a part of them with each kind of producer; return their positions.

    What was sent in a transaction is sent once more in one that is aborted.
    """
    half = len(sent) // 2
    return [*_by_librdkafka(settings, sent[:half]), *_by_java(settings, sent[half:])]


def _parts(sent: Sequence[Sent]) -> Iterator[tuple[str, bool, Sequence[Sent]]]:
    """Yield a codec, whether in a transaction, and the records to send so."""
    bounds = [number * len(sent) // len(KINDS) for number in range(len(KINDS) + 1)]
    for (codec, kind), start, end in zip(KINDS, bounds, bounds[1:], strict=False):
        yield codec, kind == "transactional", sent[start:end]


def _by_librdkafka(settings: Settings, sent: Sequence[Sent]) -> Iterator[tuple[int, int]]:
    for codec, is_transaction, part in _parts(sent):
        if not is_transaction:
            yield from publish(settings, part, codec, HEADERS)
            continue
        producer = transactional(settings, codec, **{"compression.type": codec})
        yield from committed(producer, settings, settings.events_topic, part)
        aborted(producer, settings, settings.events_topic, part)


def _by_java(settings: Settings, sent: Sequence[Sent]) -> Iterator[tuple[int, int]]:
    """Send with one run of the program; it prints the positions of what it sends in aborted transactions too."""
    connection = java_properties(as_superuser(settings))
    lines = [f"config {name} {base64.b64encode(value.encode()).decode()}" for name, value in connection.items()]
    is_kept = list[bool]()
    for codec, is_transaction, part in _parts(sent):
        for end in ("commit", "abort") if is_transaction else ("flush",):
            lines += [f"begin {codec} {end}", *map(_line, part), "end"]
            is_kept += [end != "abort"] * len(part)
    ran = subprocess.run(
        [
            "java",
            "-cp",
            _JARS,
            _PROGRAM,
            settings.events_topic,
            f"{settings.topic_prefix}java",
        ],
        input="\n".join(lines),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    for line, keep in zip(ran.stdout.splitlines(), is_kept, strict=True):
        partition, offset = line.split()
        if keep:
            yield int(partition), int(offset)


def _line(record: Sent) -> str:
    key = record.key.encode() if record.key else key_of(record.value) if record.partition >= 0 else None
    fields = [base64.b64encode(field).decode() if field is not None else "-" for field in (key, record.value)]
    return " ".join([str(record.partition) if record.partition >= 0 else "-", *fields])
