"""Generated streams through Flink and the batch layer, whose parts connect with TLS and a login or a certificate.

Each part may do what docs/kafka-acls.md lists, and nothing else.
"""

from collections.abc import Iterator

import pytest

from tests.support.both_layers import YAML, BothLayers, expected_of, run_both_layers
from tests.support.secured_stack import BY_CERTIFICATE, Opener
from tests.support.stream_job import running_job

RUNS = [
    pytest.param("OAUTHBEARER"),  # the job is started twice in one JVM, and its tokens end while it runs
    *(
        pytest.param(way, marks=pytest.mark.nightly(f"both layers by {way}"))
        for way in (BY_CERTIFICATE, "PLAIN", "SCRAM-SHA-512")
    ),
]


@pytest.fixture(scope="module", params=RUNS)
def ran(
    request: pytest.FixtureRequest, connected_place: Opener, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[BothLayers]:
    """What came out of both layers, in each of the ways to connect."""
    averages_file = tmp_path_factory.mktemp("secured") / "averages.yaml"
    with connected_place(request.param) as place, running_job(place, averages_file, YAML):
        yield run_both_layers(place)


def test_the_stream_has_the_windows_of_what_came_in_time(ran: BothLayers) -> None:
    assert ran.streamed == expected_of(ran.in_time)


def test_late_and_rejected_events_are_in_their_topics(ran: BothLayers) -> None:
    late, rejected = ran.late_records, ran.rejected_records
    assert {(record["partition"], record["kafka_offset"]) for record in late} == ran.late
    assert {(record["partition"], record["kafka_offset"]) for record in rejected} == set(ran.poison)


def test_the_batch_layer_computes_the_windows_of_all_events(ran: BothLayers) -> None:
    assert ran.computed == expected_of(list(ran.events.values()))


def test_every_difference_is_explained(ran: BothLayers) -> None:
    assert (ran.reconciled.unexplained, ran.reconciled.unaccounted) == (0, 0)
