"""What `sma reconcile` says before it starts, what it leaves out, and what nobody has compared yet."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest

from batch.report.reconciliation_report import ReconciliationReport
from batch.schedule.reconciliation_plan import DayRequest, ReconciliationPlan
from batch.schedule.stale_days import MORE_IN_THE_LOG, MORE_IS_CLOSED, NO_RESULT, NOT_RECONCILED
from batch.schedule.unclosed import HoldingPartition, Unclosed
from cli.reconcile import (
    Planned,
    print_dry_run,
    print_nothing,
    print_report,
    require_explained,
    require_possible,
)
from cli.reconcile_words import nothing_in_words, plan_in_words, ranges_in_words, unclosed_in_words
from orchestration.run_durations import EndedRun, Estimate
from sma.errors import SmaError
from sma.instants import parse_instant

FIRST = date(2024, 3, 1)
OWN = tuple(FIRST + timedelta(days=number) for number in range(3))
DEMO = date(2013, 1, 31)
DEMOS_END_MS = parse_instant("2013-02-02")
INDEXED_AT = datetime(2026, 1, 1, 6, tzinfo=UTC)
ALL_CLOSED = Unclosed(0, True, (), DEMOS_END_MS, ())
HELD_BACK = Unclosed(
    8_640,
    True,
    OWN,
    DEMOS_END_MS,
    (HoldingPartition(0, DEMOS_END_MS + 2_000, ("AA", "departure_delay"), INDEXED_AT),),
)
HELD_BACK_LINES = [
    "8,640 events of 2024-03-01 to 2024-03-03 are not compared yet, in no closed window: windows are closed up to "
    "2013-02-02T00:00:00Z only",
    "  partition 0 holds them back: its newest record is of 2013-02-02T00:00:02Z; its newest event is of "
    "AA/departure_delay; no record has arrived since it was indexed at 2026-01-01T06:00:00Z",
    "  what closes them: later events in each of these partitions, or heartbeats: `sma heartbeat` where a partition is "
    "behind the others, `sma heartbeat --now` where no older event is to come",
]


def planned(days=OWN, reasons=None, unclosed=ALL_CLOSED, **values) -> ReconciliationPlan:
    defaults = {"settled": 0, "outside": (), "gone": (), "apart": (), "offsets": 8_640, "offsets_in_log": 35_000}
    why = dict.fromkeys(days, frozenset({NO_RESULT})) if reasons is None else reasons
    return ReconciliationPlan(days=days, reasons=why, unclosed=unclosed, last_reconciled_at=None, **defaults | values)


def test_a_plan_names_the_days_why_they_are_due_and_what_they_cost():
    estimate = Estimate(21.4, EndedRun(32, 21.4))
    assert plan_in_words(planned(settled=32), estimate, 1) == [
        "3 days to reconcile, in 1 run: 2024-03-01 to 2024-03-03",
        "  new: 2024-03-01 to 2024-03-03",
        "  8,640 of 35,000 Kafka offsets to read; those of days that differ once more",
        "  about 21 s or less: a run of 32 days took 21 s",
        "left out: 32 days, settled and unchanged: --all includes them, or --start and --end",
    ]


def test_days_are_grouped_by_why_they_are_due():
    reasons = {
        OWN[0]: frozenset({NO_RESULT, MORE_IS_CLOSED}),
        OWN[1]: frozenset({MORE_IN_THE_LOG, MORE_IS_CLOSED, NOT_RECONCILED}),
        OWN[2]: frozenset({NOT_RECONCILED}),
    }
    lines = plan_in_words(planned(days=(DEMO, *OWN), reasons=reasons), None, 2)
    assert lines[0] == ("4 days to reconcile, in 2 runs, one after the other: 2013-01-31, 2024-03-01 to 2024-03-03")
    assert set(lines[1:5]) == {
        "  settled, computed again: 2013-01-31",
        "  new: 2024-03-01",
        "  changed (more in the log, more is closed, not reconciled): 2024-03-02",
        "  computed and not reconciled yet: 2024-03-03",
    }


def test_a_duration_that_nobody_knows_is_not_invented():
    assert "  how long it takes is not known: no reconciliation has ended yet" in plan_in_words(planned(), None, 1)


def test_an_estimate_of_minutes_is_in_minutes():
    lines = plan_in_words(planned(), Estimate(200, EndedRun(1, 100.4)), 1)
    assert "  about 3 min 20 s or less: a run of 1 day took 1 min 40 s" in lines


def test_of_many_ranges_the_newest_are_named():
    every_other = [FIRST + timedelta(days=2 * number) for number in range(6)]
    assert ranges_in_words(every_other) == (
        "2024-03-01 and others in 2 ranges, 2024-03-05, 2024-03-07, 2024-03-09, 2024-03-11"
    )


def test_events_in_no_closed_window_are_counted_with_what_holds_them_back_and_what_closes_them():
    assert unclosed_in_words(HELD_BACK) == HELD_BACK_LINES


def test_one_event_of_a_partition_without_series_is_one():
    unclosed = Unclosed(1, True, OWN[:1], DEMOS_END_MS, (HoldingPartition(2, DEMOS_END_MS, None, INDEXED_AT),))
    assert unclosed_in_words(unclosed)[:2] == [
        "1 event of 2024-03-01 is not compared yet, in no closed window: windows are closed up to "
        "2013-02-02T00:00:00Z only",
        "  partition 2 holds them back: its newest record is of 2013-02-02T00:00:00Z; no record has arrived since it "
        "was indexed at 2026-01-01T06:00:00Z",
    ]


def test_of_many_partitions_the_first_are_named():
    holding = tuple(HoldingPartition(number, DEMOS_END_MS, None, INDEXED_AT) for number in range(5))
    lines = unclosed_in_words(Unclosed(7, False, OWN, DEMOS_END_MS, holding))
    assert lines[0].startswith("at least 7 events of ")
    assert [line.split()[1] for line in lines[1:4]] == ["0", "1", "2"]
    assert lines[4] == "  2 more partitions hold them back"


@pytest.mark.parametrize(
    ("values", "request_", "first"),
    [
        (
            {"settled": 32, "unclosed": HELD_BACK},
            DayRequest(),
            "nothing was compared: nothing new has closed since the last reconciliation: all days are reconciled",
        ),
        (
            {"settled": 1},
            DayRequest(customer="AA"),
            "nothing was compared: nothing new has closed of AA since the last reconciliation: all days are reconciled",
        ),
        (
            {"unclosed": HELD_BACK},
            DayRequest(start=OWN[0]),
            "nothing was compared: no day from 2024-03-01 to the last day has a closed window",
        ),
        ({"unclosed": HELD_BACK}, DayRequest(), "nothing was compared: no day has a closed window"),
        ({"gone": OWN}, DayRequest(), "nothing was compared: no day that can be reconciled is left"),
    ],
)
def test_where_nothing_is_due_the_first_line_says_so_and_the_last_ones_what_would_close_it(values, request_, first):
    lines = nothing_in_words(planned(days=(), **values), request_)
    assert lines[0] == first
    if "unclosed" in values:
        assert lines[-3:] == HELD_BACK_LINES


def test_when_days_were_last_reconciled_is_said():
    plan = ReconciliationPlan((), {}, 32, (), (), (), 0, 35_000, ALL_CLOSED, INDEXED_AT)
    assert nothing_in_words(plan, DayRequest())[0].endswith("all days are reconciled, the last at 2026-01-01T06:00:00Z")


def test_what_earlier_reconciliations_left_unexplained_fails_again():
    require_explained(planned(days=(), settled=32))
    with pytest.raises(SmaError, match="7 differences of earlier reconciliations are still unexplained"):
        require_explained(planned(days=(), settled=32, unexplained=7))


def test_an_empty_log_is_named():
    assert nothing_in_words(planned(days=(), offsets_in_log=0), DayRequest())[-1] == (
        "the log is empty: publish events with `sma produce`"
    )


def dry_run(capsys, plan, *, as_json=False):
    print_dry_run(Planned(DayRequest(), plan, (), None), as_json=as_json)
    return capsys.readouterr().out


def nothing(capsys, plan, before=None, *, as_json=False):
    print_nothing(Planned(DayRequest(), plan, (), None), before, as_json=as_json)
    return capsys.readouterr().out


BEFORE = (
    ReconciliationReport(9, 1, 0, 5, 4, 1, 0, 0, 1, 0, 9, 0, 0, 0, 0),
    ["sma explain AA m hour 2013-01-10T12:00:00Z"],
)


@pytest.mark.parametrize("before", [None, BEFORE])
def test_what_compared_nothing_prints_no_table_that_hides_events_which_wait(capsys, before):
    shown = nothing(capsys, planned(days=(), settled=32, unclosed=HELD_BACK), before)
    assert shown.startswith("nothing was compared: ")
    assert "unexplained" not in shown
    assert "8,640 events" in shown


def test_where_everything_was_reconciled_before_its_report_is_shown(capsys):
    shown = nothing(capsys, planned(days=(), settled=32), BEFORE)
    assert shown.startswith("nothing was compared: ")
    assert "Stream against batch, as reconciled before" in shown
    assert shown.splitlines()[-1].strip() == BEFORE[1][0]


def test_programs_get_the_counts_of_the_reconciliations_before(capsys):
    document = json.loads(nothing(capsys, planned(days=(), settled=32, unclosed=HELD_BACK), BEFORE, as_json=True))
    assert (document["windows_compared"], document["equal"], document["explain"]) == (5, 4, BEFORE[1])
    assert document["nothing_compared"][0].startswith("nothing was compared: ")


def test_a_report_of_no_window_says_that_nothing_was_compared(capsys):
    print_report(ReconciliationReport(*[0] * 15))
    shown = capsys.readouterr().out
    assert shown.startswith("No window was compared")
    assert "differences unexplained" not in shown


def test_a_report_of_windows_has_all_counts(capsys):
    print_report(ReconciliationReport(9, 1, 0, 5, 4, 1, 0, 0, 1, 0, 9, 0, 0, 0, 0))
    shown = capsys.readouterr().out
    assert "windows compared" in shown
    assert "differences unexplained" in shown


def test_a_dry_run_prints_the_plan_and_says_that_it_did_nothing(capsys):
    shown = dry_run(capsys, planned(unclosed=HELD_BACK))
    assert shown.startswith("3 days to reconcile")
    assert HELD_BACK_LINES[0] in shown
    assert shown.splitlines()[-1] == ("Dry run: no day was computed; the offset index was extended to the log's end.")


def test_programs_get_the_keys_of_a_report_where_nothing_was_ever_compared(capsys):
    document = json.loads(nothing(capsys, planned(days=(), settled=32, unclosed=HELD_BACK), as_json=True))
    assert {name: document[name] for name in ReconciliationReport.__slots__} == dict.fromkeys(
        ReconciliationReport.__slots__, 0
    )
    assert document["explain"] == []
    assert document["nothing_compared"][0].startswith("nothing was compared: ")
    assert document["plan"]["unclosed"]["events"] == 8_640


def test_programs_get_the_plan_of_a_dry_run(capsys):
    document = json.loads(dry_run(capsys, planned(settled=32), as_json=True))
    assert document.keys() == {"plan"}
    assert document["plan"]["days"][0] == {"day": "2024-03-01", "reasons": ["no batch result"]}
    assert document["plan"]["settled_days_left_out"] == 32
    assert (document["plan"]["offsets_to_read"], document["plan"]["estimated_seconds"]) == (8_640, None)


@pytest.mark.parametrize(
    ("left_out", "message"),
    [
        ({"gone": OWN}, "no day was reconciled: left out: 3 days of which Kafka no longer has all events"),
        ({"outside": (date.min,)}, "no day was reconciled: left out: 0001-01-01, where the log has events"),
    ],
)
def test_days_of_which_none_can_be_reconciled_are_a_failure(left_out, message):
    with pytest.raises(SmaError, match=message):
        require_possible(planned(days=(), **left_out))
    require_possible(planned(**left_out))
    require_possible(planned(days=()))


def test_differences_of_series_in_two_partitions_are_a_line_of_their_own(capsys):
    print_report(ReconciliationReport(9, 1, 0, 5, 1, 4, 0, 0, 4, 0, 9, 0, 0, 0, 3))
    shown = " ".join(capsys.readouterr().out.split())
    assert "differences explained by late events 1" in shown
    assert "differences of series in two partitions, explained 3" in shown
