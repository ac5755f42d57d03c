"""The running stack names a series in two partitions within a minute: an alert, `sma status` and the Dagster check."""

import json
import time
from dataclasses import dataclass
from uuid import uuid4

import psycopg
import pytest

from tests.support.automation import Automation, until
from tests.support.publishing import Sent, publish
from tests.support.stored import succeed

pytestmark = pytest.mark.nightly("named within a minute")

AT = 1_357_034_400_000
WITHIN_S = 60.0


@dataclass(frozen=True)
class Named:
    """The series, and after how many seconds each named it, with what."""

    series: str
    alert: tuple[float, str]
    status: tuple[float, str]
    check: tuple[float, str]


@pytest.fixture(scope="module")
def named(stack):
    """What named a series, from the event that was published into its second partition on."""
    automation, customer = Automation(stack.settings), f"split-{uuid4().hex[:8]}"
    series = f"{customer}/load"
    fields = {"customer": customer, "metric": "load", "event_time": AT, "value": 1}

    def send(partition):
        publish(stack.settings, [Sent(json.dumps(fields).encode(), AT, key=series, partition=partition)])

    def said():
        status = json.loads(succeed(stack.sma("status", "--json")))
        alerts = [alert["summary"] for alert in status["alerts"] if alert["name"] == "SeriesInTwoPartitions"]
        return {
            "alert": next((summary for summary in alerts if series in summary), None),
            "status": next((each for each in status["figures"]["split_series_newest"] if series in each), None),
            "check": automation.said_by_check("offset_index", "series_in_one_partition"),
        }

    found = {}
    try:
        with automation.sensing("series_in_two_partitions"):
            send(0)
            until(lambda: automation.said_by_check("offset_index", "series_in_one_partition"), 120)
            send(1)
            published_at = time.monotonic()

            def look():
                for name, words in said().items():
                    if name not in found and words and series in words:
                        found[name] = time.monotonic() - published_at, words
                return len(found) == 3

            until(look, 3 * WITHIN_S)
    finally:
        with psycopg.connect(stack.settings.owner_database_url.get_secret_value()) as connection:
            # for the tests after this one it is old news; that it is split stays, which explains its rows
            long_ago = "now() - interval '2 days'"
            connection.execute(
                f"UPDATE sma.split_series SET found_at = {long_ago}, indexed_at = {long_ago} WHERE customer = %s",
                (customer,),
            )
    return Named(series, **found)


@pytest.mark.parametrize("what", ["alert", "status", "check"])
def test_a_series_in_two_partitions_is_named_within_a_minute(named, what):
    seconds, words = getattr(named, what)
    assert f"{named.series} (partitions 0, 1)" in words
    assert seconds <= WITHIN_S
