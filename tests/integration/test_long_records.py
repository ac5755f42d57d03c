"""Records of hundreds of megabytes that are kilobytes on the wire: rejected by the job and the batch layer alike."""

import base64
import hashlib
import json

import psycopg
import pytest

from sma.limits import MAX_RECORD_BYTES
from tests.support.month_of_events import as_record, extend, log_of
from tests.support.publishing import publish
from tests.support.raw_batches import batch_of_zeros, send_batch
from tests.support.stored import records, succeed
from tests.support.stream_job import running_job

YAML = """
watermark_delay: 1 hour
allowed_lateness: 3 hours
averages:
  - {name: hour, window: 1 hour, every: 15 minutes}
"""
EXCERPT_BYTES = 4_096
BATCHES = [(1, 300_000_000, "zstd"), (1, 100_000_000, "gzip"), (20, 20_000_000, "zstd"), (100, 1_000_000, "zstd")]


@pytest.fixture(scope="module")
def ran(open_place, slots, tmp_path_factory):
    """The lengths of the zeros by position, what the job and the batch layer rejected, and the job's status."""
    with open_place() as place, running_job(place, tmp_path_factory.mktemp("long") / "averages.yaml", YAML):
        events = [as_record(event) for event in log_of(200)]
        publish(place.settings, events[:100])
        lengths = {}
        for partition, (count, length, codec) in enumerate(BATCHES):
            first = send_batch(
                place.settings, place.settings.events_topic, partition, batch_of_zeros(count, length, codec)
            )
            lengths |= {(partition, first + number): length for number in range(count)}
        publish(place.settings, events[100:])
        succeed(place.sma("wait", "--timeout", "120"))
        extend(place)
        with psycopg.connect(place.settings.batch_database_url.get_secret_value()) as connection:
            indexed = connection.execute("SELECT kafka_partition, kafka_offset, reason FROM sma.rejected_events")
            yield (
                lengths,
                {(record["partition"], record["kafka_offset"]): record for record in rejected_by_the_job(place)},
                {(partition, offset): reason for partition, offset, reason in indexed},
                json.loads(succeed(place.sma("stream", "status", "--json"))),
            )


def rejected_by_the_job(place):
    return records(place, place.settings.rejected_events_topic)


def test_the_job_rejects_them_with_their_beginning_their_length_and_their_digest(ran):
    lengths, streamed, _, _ = ran
    digests = {length: digest_of_zeros(length) for length in set(lengths.values())}
    assert streamed.keys() == lengths.keys()
    for position, record in streamed.items():
        assert base64.b64decode(record["raw"]) == bytes(EXCERPT_BYTES)
        assert (record["raw_length"], record["raw_sha256"]) == (lengths[position], digests[lengths[position]])


def test_both_layers_reject_them_for_the_same_reason(ran):
    lengths, streamed, indexed, _ = ran
    assert indexed == {position: record["reason"] for position, record in streamed.items()}
    too_long = f"longer than {MAX_RECORD_BYTES} bytes"
    assert {indexed[position] == too_long for position, length in lengths.items() if length > MAX_RECORD_BYTES} == {
        True
    }


def test_the_job_has_not_failed_and_accounts_for_every_record(ran):
    lengths, _, _, status = ran
    assert status["restarts"] == 0
    accounts = status["accounts"]
    assert sum(account["rejected_events"] for account in accounts) == len(lengths)
    assert sum(account["residue"] for account in accounts) == 0


def digest_of_zeros(length):
    digest, piece = hashlib.sha256(), bytes(1_000_000)
    for _ in range(length // len(piece)):
        digest.update(piece)
    return digest.hexdigest()
