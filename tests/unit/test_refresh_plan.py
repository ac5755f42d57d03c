"""As little is asked for as contains all that waits, under names that the documentation gives."""

from contextlib import closing
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from powerbi.refresh.partitions import partition_name, refresh_period_start
from powerbi.refresh.plan import Contents, Plan, body_of, plan
from powerbi.refresh.service import Accepted, PowerBi
from sma.errors import SmaError
from tests.support.powerbi_service import FakeClock, Service, serving
from tests.support.powerbi_tables import Tables

NEWEST = date(2013, 2, 10)
START = date(2013, 1, 7)  # of 35 days, NEWEST the last
DAY = timedelta(days=1)
WELL = {"newest_day": NEWEST, "streamed_day": NEWEST, "policy_day": NEWEST, "is_well": True}


@pytest.fixture
def model():
    return Service(FakeClock(), tables=Tables()).model()


@pytest.mark.parametrize(
    ("granularity", "name"),
    # the documentation's example, on 2 February 2021: a year, a month and a day; SSMS shows quarters as 2021Q1
    [("year", "2021"), ("quarter", "2021Q1"), ("month", "2021Q102"), ("day", "2021Q10201")],
)
def test_partitions_are_named_as_documented(granularity, name):
    assert partition_name(date(2021, 2, 1), granularity) == name


def test_the_documented_month_is_a_month():
    assert partition_name(date(2021, 1, 31), "month") == "2021Q101"


@pytest.mark.parametrize(("month", "quarter"), [(3, 1), (4, 2), (6, 2), (7, 3), (9, 3), (10, 4), (12, 4)])
def test_a_quarter_has_three_months(month, quarter):
    assert partition_name(date(2020, month, 5), "day") == f"2020Q{quarter}{month:02}05"


@pytest.mark.parametrize(
    ("granularity", "periods", "start"),
    [
        ("day", 1, date(2021, 2, 2)),  # the documentation's example: today alone
        ("day", 35, date(2020, 12, 30)),
        ("month", 1, date(2021, 2, 1)),
        ("month", 3, date(2020, 12, 1)),
        ("quarter", 2, date(2020, 10, 1)),
        ("year", 1, date(2021, 1, 1)),
        ("year", 3, date(2019, 1, 1)),
    ],
)
def test_the_refresh_period_ends_with_the_current_period(granularity, periods, start):
    assert refresh_period_start(date(2021, 2, 2), granularity, periods) == start


def test_the_local_server_has_the_documented_partitions():
    made = Tables(periods=1).partitions_of(date(2021, 2, 2))
    assert list(made) == ["2018", "2019", "2020", "2021Q101", "2021Q10201", "2021Q10202"]


def test_the_first_refresh_of_a_day_applies_the_policy_for_the_newest_day_of_the_data(model):
    contents = Contents(**WELL | {"policy_day": NEWEST - DAY, "waiting_days": [NEWEST]})
    planned = plan(model, contents)
    assert planned == Plan("policy", covers_from=START, effective_date=NEWEST)
    body = body_of(model, planned)
    assert (body["applyRefreshPolicy"], body["effectiveDate"]) == (True, "2013-02-10")
    assert "objects" not in body


def test_later_ones_take_the_changed_days_of_each_partitioned_table_and_the_other_tables_whole(model):
    planned = plan(model, Contents(**WELL, waiting_days=[START, NEWEST]))
    assert planned == Plan("partitions", partitions=("2013Q10107", "2013Q10209", "2013Q10210"))
    body = body_of(model, planned)
    assert body["applyRefreshPolicy"] is False
    assert body["objects"] == [
        *({"table": "Moving averages", "partition": name} for name in planned.partitions),
        *({"table": "Stream and batch", "partition": name} for name in planned.partitions),
        {"table": "Calendar"},
        {"table": "Data age"},
    ]


def test_where_nothing_was_reconciled_the_days_that_the_stream_states_are_taken(model):
    assert plan(model, Contents(**WELL)).partitions == ("2013Q10209", "2013Q10210")


def test_a_day_whose_partition_may_have_been_merged_takes_the_tables_whole(model):
    planned = plan(model, Contents(**WELL, waiting_days=[START - DAY, NEWEST]))
    assert planned == Plan("tables")
    assert body_of(model, planned)["objects"] == [
        {"table": table} for table in ("Moving averages", "Stream and batch", "Calendar", "Data age")
    ]


@pytest.mark.parametrize("changed", [{"policy_day": None}, {"is_well": False}])
def test_what_is_not_known_to_be_there_is_not_named(model, changed):
    assert plan(model, Contents(**WELL | changed, waiting_days=[NEWEST])).scope == "policy"


def test_on_shared_capacity_the_body_is_empty_and_without_tables_it_names_none(model):
    shared = Service(FakeClock(), tables=Tables()).model(enhanced=False)
    assert body_of(shared, plan(shared, Contents(**WELL))) == {}
    plain = Service(FakeClock()).model()
    assert plan(plain, Contents(**WELL)) == Plan("model")
    assert "objects" not in body_of(plain, Plan("model"))


def test_an_empty_database_asks_for_the_model(model):
    assert plan(model, Contents()) == Plan("model")


@given(
    effective=st.dates(date(2000, 1, 1), date(2030, 1, 1)),
    ages=st.lists(st.integers(0, 34)),
    streamed=st.integers(-1, 50),
)
def test_every_partition_that_is_named_is_there_once_the_policy_was_applied(effective, ages, streamed):
    tables = Tables()
    model = Service(FakeClock(), tables=tables).model()
    contents = Contents(
        waiting_days=[effective - age * DAY for age in ages],
        newest_day=effective,
        streamed_day=effective - streamed * DAY,
        policy_day=effective,
        is_well=True,
    )
    tables.refresh(body_of(model, Plan("policy", effective_date=effective)))
    planned = plan(model, contents)
    assert planned.scope == "partitions"
    assert tables.error_of(body_of(model, planned)) is None
    read = []
    tables.read = lambda first, last: read.append((first, last))
    tables.refresh(body_of(model, planned))
    assert {first for first, last in read if first == last} >= set(contents.waiting_days) | {effective}


@pytest.mark.parametrize(
    ("objects", "said"),
    [
        ([{"table": "Moving averages", "partition": "2013-02-10"}], "no partition 2013-02-10"),
        ([{"table": "Moving averages", "partition": "2012Q41231"}], "no partition 2012Q41231"),  # merged
        ([{"table": "Moving averages", "partition": "2013Q10211"}], "no partition 2013Q10211"),  # not made yet
        ([{"table": "Averages of moving"}], "Averages of moving is not in the model"),
        ([{"table": "Data age", "partition": "2013Q10210"}], "no partition"),
    ],
)
def test_a_wrong_name_is_refused_by_the_local_server(objects, said):
    service = Service(FakeClock(), tables=Tables())
    with serving(service), closing(PowerBi(service.model(), service.clock)) as client:
        model = service.model()
        assert isinstance(client.trigger(body_of(model, Plan("policy", effective_date=NEWEST))), Accepted)
        service.clock.sleep(200)
        with pytest.raises(SmaError, match=said):
            client.trigger({"type": "full", "applyRefreshPolicy": False, "objects": objects})
