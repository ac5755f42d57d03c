"""`sma stream ...` on the real cluster, as whoever is on call types it, against the oracle."""

from contextlib import contextmanager
from functools import partial

import pytest

from tests.support.stream_job import use_averages
from tests.support.stream_operations import (
    MINUTE,
    change_a_job,
    expected_of,
    grow_a_log,
    only,
    repair_a_job,
)


def refused(ran, *words):
    assert ran.returncode != 0
    for word in words:
        assert word in ran.stderr


def derivable(repaired):
    """Return the rows of half_day up to the newest row of hour."""
    newest = max(as_of for *_, as_of in repaired.expected["hour"])
    return {key: pair for key, pair in repaired.expected["half_day"].items() if key[2] <= newest}


@pytest.fixture(scope="module")
def operated(open_place, slots, tmp_path_factory):
    """Opens a place to operate a job in, with a way to write its averages; the job is stopped in the end."""

    @contextmanager
    def opened():
        averages_file = tmp_path_factory.mktemp("operated") / "averages.yaml"
        with open_place() as place:
            try:
                yield place, partial(use_averages, place, averages_file)
            finally:
                place.sma("stream", "stop")

    return opened


@pytest.fixture(scope="module")
def changed(operated):
    with operated() as (place, yaml):
        return change_a_job(place, yaml)


@pytest.fixture(scope="module")
def repaired(operated, tmp_path_factory):
    with operated() as (place, yaml):
        return repair_a_job(place, yaml, tmp_path_factory.mktemp("repaired"))


@pytest.fixture(scope="module")
def grown(operated):
    with operated() as (place, yaml):
        return grow_a_log(place, yaml)


def test_without_a_job_there_is_no_savepoint_and_nothing_to_stop(changed):
    refused(changed.savepoint_without_job, "run `sma stream start`")
    assert "no job was running" in changed.stop_without_job


def test_the_first_start_reads_the_log_from_its_beginning(changed):
    assert "reads the log from its beginning" in changed.first_start


def test_a_job_that_runs_is_not_started_again(changed):
    assert "runs already" in changed.second_start
    refused(changed.fresh_start, "stop it before a fresh start")


def test_a_savepoint_and_a_stop_name_the_savepoint(changed):
    assert "savepoint-" in changed.savepoint
    assert "stopped with savepoint" in changed.stop


def test_a_start_with_another_window_than_that_of_the_state_is_refused(changed):
    refused(changed.start_with_another_window, "average last_5", "last 5 events", "give the new one a name of its own")


def test_a_start_with_an_average_that_the_state_does_not_have_is_refused(changed):
    refused(changed.start_with_another_average, "average half_day: added", "sma stream upgrade")


def test_a_restart_resumes_from_the_savepoint_and_changes_no_row(changed):
    assert "resumes from the savepoint" in changed.restart
    assert changed.rows_after_restart == changed.rows_when_stopped


def test_an_upgrade_prints_beforehand_what_carries_over(changed):
    carried = "average half_day: added (12 hours every 6 hours): the state carries over for the others"
    assert carried in changed.dry_upgrade


def test_an_upgrade_to_another_parallelism_and_backend_loses_nothing(changed):
    assert "resumes from the savepoint" in changed.upgrade
    assert changed.rows_after_upgrade == expected_of(changed.events)


def test_an_upgraded_job_accounts_for_every_record(changed):
    status = changed.status
    assert status["lag"] == 0
    assert sum(account["events_used"] for account in status["accounts"]) == 3_000
    assert {account["residue"] for account in status["accounts"]} == {0}


def test_averages_are_not_published_where_that_is_off(changed):
    assert changed.published_averages == []


def test_a_started_job_leaves_the_windows_of_every_average(repaired):
    assert repaired.rows == repaired.expected


def test_a_dry_replay_counts_what_it_would_write_and_writes_nothing(repaired):
    dry = repaired.dry_replay
    assert dry["rows_stated"] >= sum(len(rows) for rows in repaired.expected.values())
    assert (dry["warm_up_records"], sum(dry["range"]["to_offsets"].values())) == (0, 2_004)
    assert repaired.digest_after_dry_replay == repaired.digest_when_damaged


def test_a_replay_repairs_rows_that_are_gone_or_wrong(repaired):
    assert repaired.damaged_rows > 100
    assert repaired.rows_after_replay == repaired.expected


def test_a_second_replay_emits_the_same_and_touches_no_row(repaired):
    assert "emitted" in repaired.second_replay
    assert repaired.digest_after_second_replay == repaired.digest_after_replay


def test_a_replay_of_records_that_kafka_has_dropped_is_refused(repaired):
    refused(repaired.replay_of_lost_offsets, "the offsets 0 to 99 are gone")


def test_a_replay_of_what_is_left_emits_the_rows_that_are_known_and_leaves_all_others(repaired):
    assert "no longer holds the offsets 0 to 99" in repaired.replay_of_the_rest.stderr
    assert min(len(rows) for rows in repaired.known.values()) > 1
    before = repaired.rows_before_replay_of_the_rest
    assert any(key not in repaired.known[name] for name, rows in before.items() for key in rows)
    assert repaired.rows_after_replay_of_the_rest == {
        name: rows | repaired.known[name] for name, rows in before.items()
    }


def test_a_fresh_start_on_what_is_left_emits_the_rows_that_are_known(repaired):
    assert "no longer holds the offsets 0 to 99" in repaired.fresh_start
    assert repaired.rows_of_fresh_start == repaired.known


def test_a_reprocessing_derives_rows_from_those_of_a_shorter_average(repaired):
    assert "rows of hour" in repaired.reprocessing
    rows, derived = repaired.rows_after_reprocessing, derivable(repaired)
    assert {key: pair for key, pair in rows["half_day"].items() if key[1] != "m3"} == {
        key: pair for key, pair in derived.items() if key[1] != "m3"
    }


def test_rows_that_follow_from_the_log_are_not_replaced_by_derived_ones(repaired):
    rows = repaired.rows_after_reprocessing["half_day"]
    assert all(rows[key][0] == 0 for key in derivable(repaired) if key[1] == "m3")


def test_a_reprocessing_leaves_the_other_averages_as_they_are(repaired):
    others = ["hour", "last_5"]
    assert only(others, repaired.rows_after_reprocessing) == only(others, repaired.expected)


def test_empty_partitions_hold_no_window_of_another_back(grown):
    # three partitions are empty: the windows of the other close, but for those after its watermark
    newest = max(event_time_ms for _, _, event_time_ms, _ in grown.first)
    closed = {
        name: {key: pair for key, pair in rows.items() if key[2] <= newest - MINUTE + 1}
        for name, rows in only(["hour", "last_5"], expected_of(grown.first)).items()
    }
    assert grown.rows_of_one_partition == closed


def test_a_series_that_appears_in_a_quiet_partition_has_its_windows(grown):
    events = grown.first + grown.appeared
    assert grown.rows_of_two_partitions == only(["hour", "last_5"], expected_of(events))


def test_a_partition_that_is_added_is_read(grown):
    events = grown.first + grown.appeared + grown.added
    assert grown.rows_with_added_partition == only(["hour", "last_5"], expected_of(events))


def test_the_status_counts_partitions_that_were_added(grown):
    assert "1 partitions were added to the topic" in grown.status_with_added_partition


def test_an_average_that_is_added_while_the_job_is_stopped_needs_an_upgrade(grown):
    refused(grown.start_with_another_average, "average half_day: added", "sma stream upgrade")


def test_an_upgrade_of_a_stopped_job_starts_it_as_it_was_first(grown):
    assert "resumes from the savepoint" in grown.upgrade.stdout
    assert "starting the job as it was" in grown.upgrade.stderr


def test_an_upgrade_forgets_no_partition_that_was_added(grown):
    assert grown.rows_after_upgrade == expected_of(grown.first + grown.appeared + grown.added)
    assert "1 partitions were added to the topic" in grown.status_after_upgrade
