"""What `sma reconcile` is about to do, by rows of the offset index that are made by hand in a real database.

The demo of 10 January 2013 is settled; three days of 2024 of another customer came after it.
"""

from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest

from batch.log.offsets import OffsetRange
from batch.schedule.backlog import Backlog
from batch.schedule.reconciliation_plan import Bounds, DayRequest, plan_by_index
from batch.schedule.required_offsets import required_offsets
from batch.schedule.stale_days import MORE_IN_THE_LOG, NO_RESULT, stale_days
from batch.store.read_only import read_only_session
from orchestration.backfill import run_ranges
from sma.averages import parse_averages
from sma.errors import SmaError
from tests.support.index_rows import DAY, IndexRows, at

HOUR = parse_averages(
    "watermark_delay: 1 second\naverages: [{name: hour, window: 1 hour, every: 15 minutes}]", "averages.yaml"
)
OWN = [date(2024, 3, 1), date(2024, 3, 2), date(2024, 3, 3)]
OWN_HOURS = (OWN[0] - DAY).days * 24
MARCH_4 = OWN_HOURS + 3 * 24 + 1
BOUNDS = Bounds(date(1970, 1, 1), date(2026, 1, 2), None)
RETAINED = {0: OffsetRange(0, 100), 1: OffsetRange(0, 8_640)}


@pytest.fixture
def index(own_database):
    with psycopg.connect(own_database.settings.owner_database_url.get_secret_value(), autocommit=True) as connection:
        yield IndexRows(connection)


@pytest.fixture
def after_the_demo(index):
    """The demo's day, settled, in partition 0; 2,880 events of acme on each of three days in partition 1."""
    index.low_watermark(48, partition=0, next_offset=100)
    index.low_watermark(48, partition=1, next_offset=8_640)
    index.block((0, 100), (9, 12), series="AA")
    index.result(read_to=100, day=DAY)
    index.block((0, 8_640), (OWN_HOURS, OWN_HOURS + 70.5), series="acme", partition=1)
    return index


@pytest.fixture
def closed(after_the_demo):
    """The same, and heartbeats that have closed all windows."""
    for partition in (0, 1):
        after_the_demo.low_watermark(MARCH_4, partition)
    return after_the_demo


def plan(own_database, retained=RETAINED, bounds=BOUNDS, **request):
    with read_only_session(own_database.settings) as connection:
        stale = stale_days(connection, HOUR)
        required = required_offsets(connection, HOUR, [each.day for each in stale])
        backlog = Backlog(stale, required, retained)
        return plan_by_index(connection, HOUR, DayRequest(**request), backlog, bounds, run_ranges, "events")


def test_days_of_ones_own_after_the_demo_are_reconciled_and_the_demo_is_left_out(own_database, closed):
    planned = plan(own_database)
    assert list(planned.days) == OWN
    assert {planned.reasons[day] for day in OWN} == {frozenset({NO_RESULT})}
    assert planned.settled == 1


def test_only_the_offsets_of_those_days_are_to_be_read(own_database, closed):
    planned = plan(own_database)
    assert (planned.offsets, planned.offsets_in_log) == (8_640, 8_740)


def test_all_takes_settled_days_too(own_database, closed):
    planned = plan(own_database, is_all=True)
    assert (list(planned.days), planned.settled) == ([DAY, *OWN], 0)
    assert planned.offsets == 8_740


def test_a_range_takes_its_settled_days_too(own_database, closed):
    assert list(plan(own_database, end=OWN[0]).days) == [DAY, OWN[0]]
    assert list(plan(own_database, start=DAY, end=DAY).days) == [DAY]
    assert list(plan(own_database, start=OWN[1]).days) == OWN[1:]


def test_once_they_are_reconciled_nothing_is_left_to_do(own_database, closed):
    closed.connection.execute('UPDATE sma.batch_days SET read_to = \'{"0": 100, "1": 8640}\'')
    for day in OWN:
        closed.result(read_to=100, closed_hours=MARCH_4, day=day)
    closed.connection.execute('UPDATE sma.batch_days SET read_to = \'{"0": 100, "1": 8640}\'')
    planned = plan(own_database)
    assert (planned.days, planned.settled, planned.unclosed.events) == ((), 4, 0)
    assert planned.last_reconciled_at == datetime(2026, 1, 1, 0, 0, 1, tzinfo=UTC)


def test_what_the_newest_reconciliation_of_a_day_left_unexplained_is_counted(own_database, closed):
    for number, unexplained in ((1, 9), (2, 4)):
        closed.connection.execute(
            "INSERT INTO sma.reconciliations VALUES (%s, %s, 'hour', 9, 9 - %s, %s, 0, 0, 0, %s, '{}', 0, %s)",
            (f"run-{number}", DAY, *[unexplained] * 3, datetime(2026, 1, number, 12, tzinfo=UTC)),
        )
        closed.connection.execute(
            "INSERT INTO sma.reconciliations VALUES (%s, %s, 'taken_out', 9, 0, 9, 0, 0, 0, 9, '{}', 0)",
            (f"run-{number}", DAY),
        )
    assert plan(own_database).unexplained == 4
    assert plan(own_database, start=OWN[0]).unexplained == 0


def test_a_late_event_changes_its_settled_day_only(own_database, closed):
    closed.late(100, 10, series="AA")
    planned = plan(own_database)
    assert list(planned.days) == [DAY, *OWN]
    assert planned.reasons[DAY] == {MORE_IN_THE_LOG}


def test_a_settled_day_between_two_of_one_run_is_computed_again(own_database, closed):
    closed.result(read_to=100, closed_hours=MARCH_4, day=OWN[1])
    closed.connection.execute('UPDATE sma.batch_days SET read_to = \'{"0": 100, "1": 8640}\'')
    planned = plan(own_database)
    assert (list(planned.days), planned.settled) == (OWN, 1)
    assert OWN[1] not in planned.reasons


def test_a_customer_has_the_days_with_rows_of_its_own(own_database, closed):
    assert list(plan(own_database, is_all=True, customer="AA").days) == [DAY]
    assert list(plan(own_database, is_all=True, customer="acme").days) == OWN
    planned = plan(own_database, customer="AA")
    assert (planned.days, planned.settled) == ((), 1)


def test_a_customer_without_an_event_is_refused_with_those_there_are(own_database, closed):
    with pytest.raises(SmaError, match="there is no event of the customer 'acne': there are 'acme'"):
        plan(own_database, customer="acne")


def test_days_that_are_no_partition_are_named(own_database, closed):
    bounds = Bounds(OWN[2], date(2026, 1, 2), None)
    planned = plan(own_database, bounds=bounds)
    assert (list(planned.days), list(planned.outside)) == (OWN[2:], OWN[:2])


def test_days_that_are_no_longer_kept_are_left_out(own_database, closed):
    assert list(plan(own_database, bounds=Bounds(date(1970, 1, 1), date(2026, 1, 2), OWN[1])).days) == OWN[1:]


def test_days_whose_events_kafka_no_longer_has_are_left_out_by_themselves_and_refused_if_asked_for(
    own_database, closed
):
    retained = RETAINED | {1: OffsetRange(1, 8_640)}
    planned = plan(own_database, retained)
    assert (planned.days, list(planned.gone)) == ((), OWN)
    with pytest.raises(SmaError, match="2024-03-01 to 2024-03-03: events, partition 1 no longer retains"):
        plan(own_database, retained, start=OWN[0])


@pytest.fixture
def dropped(closed):
    """Kafka has dropped the first block of partition 1, with the events of 2 March; returns what it retains."""
    for table in ("offset_blocks", "series_days", "log_days"):
        closed.connection.execute(f"DELETE FROM sma.{table} WHERE kafka_partition = 1")
    for partition in (0, 1):
        closed.low_watermark(MARCH_4 + 72, partition)
    for number, offsets in {1: (0, 10), 0: (10, 20), 4: (20, 30)}.items():
        hours = OWN_HOURS + 24 * number
        closed.block(offsets, (hours + 9, hours + 12), series="acme", partition=1)
    return RETAINED | {1: OffsetRange(10, 30)}


@pytest.mark.parametrize("is_settled", [False, True])
def test_no_run_includes_a_day_whose_events_kafka_no_longer_has(own_database, closed, dropped, is_settled):
    if is_settled:
        closed.result(read_to=100, closed_hours=MARCH_4 + 72, day=OWN[1])
        closed.connection.execute('UPDATE sma.batch_days SET read_to = \'{"0": 100, "1": 8640}\'')
    planned = plan(own_database, dropped)
    march_5 = OWN[0] + timedelta(days=4)
    assert planned.days == (OWN[0], march_5)
    assert planned.gone == (() if is_settled else (OWN[1],))
    assert run_ranges(planned.days, planned.apart) == [(OWN[0], OWN[0]), (march_5, march_5)]


def test_events_behind_a_partition_without_new_records_are_not_compared_yet(own_database, after_the_demo):
    after_the_demo.low_watermark(MARCH_4, partition=1)
    planned = plan(own_database)
    assert (planned.days, planned.settled) == ((), 1)
    unclosed = planned.unclosed
    assert (unclosed.events, unclosed.is_exact, list(unclosed.days)) == (8_640, True, OWN)
    (holding,) = unclosed.held_back_by
    assert (holding.kafka_partition, holding.newest_series) == (0, ("AA", "m"))


def test_a_range_of_days_that_are_not_closed_has_no_day(own_database, after_the_demo):
    # the stream has emitted rows of them: the watermark of their own partition has passed
    after_the_demo.low_watermark(MARCH_4, partition=1)
    after_the_demo.connection.execute(
        "INSERT INTO sma.streaming_averages (customer, metric, average, as_of, value_sum, event_count) "
        "VALUES ('acme', 'm', 'hour', '2024-03-01 12:00Z', 1, 1)"
    )
    planned = plan(own_database, start=OWN[0], end=OWN[2])
    assert (planned.days, planned.unclosed.events) == ((), 8_640)


def test_all_closed_events_are_compared(own_database, closed):
    unclosed = plan(own_database).unclosed
    assert (unclosed.events, unclosed.days, unclosed.held_back_by) == (0, (), ())


def test_an_empty_partition_holds_no_event_back(own_database, closed):
    closed.low_watermark(None, partition=2, next_offset=0)
    planned = plan(own_database, RETAINED | {2: OffsetRange(0, 0)})
    assert list(planned.days) == OWN
    assert (planned.unclosed.events, planned.unclosed.held_back_by) == (0, ())


def test_a_partition_that_was_empty_when_the_days_were_closed_holds_its_own_events_back(own_database, closed):
    for day in OWN:
        closed.result(read_to=100, closed_hours=MARCH_4, day=day)
    closed.connection.execute("UPDATE sma.indexed_partitions SET settled_ms = %s", (at(MARCH_4),))
    closed.low_watermark(OWN_HOURS + 5, partition=2, next_offset=10)
    closed.block((0, 10), (OWN_HOURS, OWN_HOURS + 5), series="new", partition=2)
    unclosed = plan(own_database, RETAINED | {2: OffsetRange(0, 10)}).unclosed
    assert unclosed.low_watermark_ms == at(MARCH_4)
    assert (unclosed.events, unclosed.is_exact, list(unclosed.days)) == (1, False, OWN[:1])
    assert [each.kafka_partition for each in unclosed.held_back_by] == [2]


def test_of_a_block_over_the_low_watermark_at_least_one_event_is_not_compared(own_database, index):
    index.low_watermark(11)
    index.block((0, 100), (9, 12))
    unclosed = plan(own_database).unclosed
    assert (unclosed.events, unclosed.is_exact, unclosed.days) == (1, False, (DAY,))


def test_a_block_after_the_low_watermark_is_counted(own_database, index):
    index.low_watermark(11)
    index.block((0, 100), (11, 12))
    unclosed = plan(own_database).unclosed
    assert (unclosed.events, unclosed.is_exact) == (100, True)


def test_late_events_after_the_low_watermark_are_counted(own_database, index):
    index.low_watermark(11)
    index.late(5, 11.5, series="acme")
    index.late(6, 30, series="acme")
    for customer, events in ((None, 2), ("acme", 2)):
        assert plan_events(own_database, customer) == events


def plan_events(own_database, customer):
    own = {} if customer is None else {"customer": customer}
    with psycopg.connect(own_database.settings.owner_database_url.get_secret_value()) as connection:
        connection.execute("INSERT INTO sma.indexed_series VALUES (0, 'acme', 'm', 0) ON CONFLICT DO NOTHING")
    return plan(own_database, **own).unclosed.events


def test_an_empty_log_has_nothing_to_do(own_database):
    planned = plan(own_database)
    assert (planned.days, planned.offsets_in_log, planned.unclosed.events) == ((), 0, 0)


def test_days_that_are_far_apart_are_runs_of_their_own(own_database, closed):
    planned = plan(own_database, is_all=True)
    assert run_ranges(planned.days, planned.apart) == [(DAY, DAY), (OWN[0], OWN[0] + timedelta(days=2))]
