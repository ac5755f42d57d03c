"""Each case of an explanation has a sentence of its own: what readers see, and why."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from batch.explain.command import explain_command
from batch.explain.explanation import Case, DayState, LogReading, explain_window
from batch.explain.layer_checks import Row, StoredResult
from batch.explain.stored_records import Reconciliation, Served, WindowRecords
from batch.explain.wording import check_in_words, sentence, window_in_words
from batch.windows.window_events import Pair, SeriesEvent
from cli.explain_document import as_document, listed_events
from sma.averages import Average
from sma.errors import SmaError
from sma.instants import parse_instant
from sma.window import CountWindow, DurationWindow

AS_OF = parse_instant("2013-01-10T12:00")
HOUR_MS = 3_600_000
HOUR = Average("hour", DurationWindow(HOUR_MS), every_ms=900_000)
LAST_2 = Average("last_2", CountWindow(2), every_ms=900_000)
WRITTEN = datetime(2026, 1, 1, 12, tzinfo=UTC)
LATER = datetime(2026, 1, 1, 13, tzinfo=UTC)
T12, T13, NOON = "2026-01-01T12:00:00Z", "2026-01-01T13:00:00Z", "2013-01-10T12:00:00Z"

NOTHING = WindowRecords(None, None, None, None, (), (), ())
EVENTS = (
    SeriesEvent(0, 0, AS_OF - 30_000, 4_000_000),
    SeriesEvent(0, 1, AS_OF - 60_000, 2_000_000, newest_before_ms=AS_OF + HOUR_MS),
)
LOG = LogReading((0,), EVENTS, None, AS_OF + HOUR_MS, {0: 2}, is_committed=True)
STATE = DayState(frozenset(), None, date(1970, 1, 1), None)
HELD_BACK = replace(STATE, low_watermark_ms=AS_OF - HOUR_MS, held_back_by=(1, 3))
STREAMED = Row(Pair(4_000_000, 1), Decimal("4.000000000"), WRITTEN, 0)
COMPUTED = Row(Pair(6_000_000, 2), Decimal("3.000000000"), WRITTEN)
RESULT = StoredResult({0: 2}, AS_OF, "run-1", WRITTEN)
RECONCILED = Reconciliation("run-1", LATER, 1, 0, 1, 0, 0, 1, 0)
STREAM_SERVED = Served("stream", False, Decimal(4), STREAMED.pair, True)
FINAL_SERVED = Served("batch", True, Decimal(3), COMPUTED.pair, True)
STREAM_ONLY = replace(NOTHING, served=STREAM_SERVED, streamed=STREAMED)
FINAL = WindowRecords(FINAL_SERVED, STREAMED, COMPUTED, RESULT, (RECONCILED,), (), ())
NEW_EVENT = SeriesEvent(0, 2, AS_OF - 90_000, 1_000_000, newest_before_ms=AS_OF + HOUR_MS)


def explained(records, log=LOG, state=STATE, average=HOUR):
    return explain_window("AA", "delay", average, AS_OF, records, log, state)


@pytest.mark.parametrize(
    ("records", "log", "state", "case", "words"),
    [
        (
            FINAL,
            LOG,
            STATE,
            Case.FINAL,
            f"final: the batch result, reconciled at {T13}; the stream emitted 4, 1 event, without 1 late event",
        ),
        (
            replace(FINAL, streamed=replace(STREAMED, pair=COMPUTED.pair)),
            replace(LOG, events=(EVENTS[0], replace(EVENTS[1], newest_before_ms=None))),
            STATE,
            Case.FINAL,
            f"final: the batch result, reconciled at {T13}; the stream emitted the same",
        ),
        (
            replace(FINAL, served=replace(FINAL_SERVED, is_final=False), reconciliations=()),
            LOG,
            STATE,
            Case.NOT_FINAL,
            f"not final: the batch result, written at {T12}; the day was never reconciled; the stream "
            "emitted 4, 1 event, without 1 late event",
        ),
        (
            FINAL,
            replace(LOG, events=(*EVENTS, NEW_EVENT), committed={0: 3}),
            STATE,
            Case.FINAL,
            f"final: the batch result, reconciled at {T13}; the stream emitted 4, 1 event, without 1 late "
            "event; 1 event, 1 of them late, arrived after it was computed: the next reconciliation includes them",
        ),
        (
            STREAM_ONLY,
            LOG,
            replace(STATE, reasons=frozenset({"no batch result"}), late_since=LATER),
            Case.STREAM_ONLY,
            f"streamed row only, emitted at {T12}: the batch layer has not computed 2013-01-10; the day "
            f"is stale (no batch result, late events have waited since {T13}); 1 late event is not in it",
        ),
        (
            replace(STREAM_ONLY, result=replace(RESULT, low_watermark_ms=AS_OF - HOUR_MS)),
            replace(LOG, events=EVENTS[:1]),
            STATE,
            Case.STREAM_ONLY,
            f"streamed row only, emitted at {T12}: the batch layer computed 2013-01-10 only to "
            f"2013-01-10T11:00:00Z, at {T12}, and the day is not stale: no further window of it is "
            "closed in all partitions",
        ),
        (
            STREAM_ONLY,
            replace(LOG, unindexed=7),
            STATE,
            Case.STREAM_ONLY,
            f"streamed row only, emitted at {T12}: the batch layer has not computed 2013-01-10; 7 "
            "offsets of the log are not indexed yet; 1 late event is not in it",
        ),
        (
            STREAM_ONLY,
            LOG,
            replace(STATE, first_day=date(2014, 1, 1)),
            Case.STREAM_ONLY,
            f"streamed row only, emitted at {T12}: 2013-01-10 is before SMA_FIRST_DAY, 2014-01-01, and "
            "is not reconciled by itself; 1 late event is not in it",
        ),
        (
            replace(NOTHING, streamed=STREAMED, result=RESULT),
            replace(LOG, events=()),
            STATE,
            Case.NOT_SERVED,
            "WRONG: the stream's pair 4.000000 / 1 is not the sum of its events, no row: not served: only the stream "
            "has a row (4, 1 event); the batch layer computed 2013-01-10 without one",
        ),
        (
            NOTHING,
            replace(LOG, events=()),
            STATE,
            Case.NO_ROW,
            f"no row exists: AA/delay has no event in the window, 1 hour: 2013-01-10T11:00:00Z <= event time < {NOON}",
        ),
        (
            NOTHING,
            replace(LOG, watermark_ms=AS_OF - 2),
            STATE,
            Case.NOT_YET,
            f"no row yet: the window is not closed because the watermark of partition 0 has not passed {NOON}: it is "
            "at 2013-01-10T11:59:59.998Z; a later event or a heartbeat there (`sma heartbeat --now`) closes it; "
            "the window has 2 events so far",
        ),
        (
            STREAM_ONLY,
            LOG,
            HELD_BACK,
            Case.STREAM_ONLY,
            f"streamed row only, emitted at {T12}: the window is not closed in all partitions, so the batch layer has "
            f"no row: the low watermark has not passed {NOON}, it is at 2013-01-10T11:00:00Z, held back by "
            "partitions 1, 3; a later event or a heartbeat there (`sma heartbeat --now`) closes it; 1 late event "
            "is not in it",
        ),
        (
            STREAM_ONLY,
            replace(LOG, events=EVENTS[:1]),
            replace(HELD_BACK, low_watermark_ms=None, held_back_by=(2,)),
            Case.STREAM_ONLY,
            f"streamed row only, emitted at {T12}: the window is not closed in all partitions, so the batch layer has "
            f"no row: the low watermark has not passed {NOON}, there is none yet, held back by partition 2; a "
            "later event or a heartbeat there (`sma heartbeat --now`) closes it",
        ),
        (
            STREAM_ONLY,
            replace(LOG, unindexed=7),
            HELD_BACK,
            Case.STREAM_ONLY,
            f"streamed row only, emitted at {T12}: the batch layer has not computed 2013-01-10; 7 "
            "offsets of the log are not indexed yet; 1 late event is not in it",
        ),
        (
            NOTHING,
            replace(LOG, is_committed=False),
            STATE,
            Case.NOT_YET,
            "no row yet: the stream has not committed the log's end; ask again when `sma wait` returns",
        ),
        (
            replace(NOTHING, result=RESULT),
            LOG,
            STATE,
            Case.LOST_ROW,
            "WRONG: the batch layer's row is missing, the sum of its events is 6.000000 / 2: WRONG: the stream's row "
            "is missing, the sum of its events is 4.000000 / 1: readers see no row, though there should be one",
        ),
        (
            NOTHING,
            LOG,
            replace(STATE, first_kept=date(2013, 1, 11)),
            Case.NOT_KEPT,
            "no longer kept: rows of days before 2013-01-11 are dropped (SMA_KEEP_DAYS)",
        ),
        (
            FINAL,
            replace(LOG, events=EVENTS[1:], lost=(0, 0, 0)),
            STATE,
            Case.FINAL,
            f"final: the batch result, reconciled at {T13}; the stream emitted 4, 1 event; its events "
            "cannot be shown or added up: Kafka no longer has the offsets 0 to 0 of partition 0",
        ),
        (
            NOTHING,
            replace(LOG, events=(), lost=(0, 0, 0)),
            STATE,
            Case.UNKNOWN,
            "no row is stored; its events cannot be shown or added up: Kafka no longer has the offsets 0 to 0 of "
            "partition 0: whether there should be one is unknown",
        ),
    ],
)
def test_each_case_has_its_sentence(records, log, state, case, words):
    explanation = explained(records, log, state)
    assert (explanation.case, sentence(explanation)) == (case, words)
    assert explanation.is_wrong == words.startswith("WRONG")


def test_a_window_of_n_events_without_a_new_one_has_no_row():
    old = SeriesEvent(0, 0, AS_OF - 900_001, 1)
    explanation = explained(NOTHING, replace(LOG, events=(old,)), average=LAST_2)
    assert explanation.case is Case.NO_ROW
    assert sentence(explanation) == (
        "no row exists: a window of N events has one only where an event lies in the last 15 minutes, and AA/delay has "
        "none there: 2013-01-10T11:45:00Z <= event time < 2013-01-10T12:00:00Z"
    )


def test_a_window_of_n_events_begins_with_its_oldest():
    assert window_in_words(explained(FINAL, average=LAST_2)) == (
        "the last 2 events before 2013-01-10T12:00:00Z, the oldest of 2013-01-10T11:59:00Z"
    )


def test_late_events_are_listed_first_and_in_order_of_time():
    many = tuple(SeriesEvent(0, offset, AS_OF - 1_000 * offset, 0) for offset in range(2, 9))
    explanation = explained(FINAL, replace(LOG, events=(*many, *EVENTS)))
    assert [event.kafka_offset for event in listed_events(explanation, 3)] == [1, 3, 2]
    assert listed_events(explanation, 0) == []


def test_the_document_holds_exact_sums_and_times():
    document = as_document(explained(FINAL), "http://dagster/", 50)
    assert document["served"] == {
        "source": "batch",
        "is_final": True,
        "sma": "3",
        "value_sum": "6.000000",
        "event_count": 2,
        "is_full": True,
    }
    assert document["answer"]["run_url"] == "http://dagster/runs/run-1"
    assert [(event["event_time"], event["in_stream"], event["in_batch"]) for event in document["events"]] == [
        ("2013-01-10T11:59:00Z", False, True),
        ("2013-01-10T11:59:30Z", True, True),
    ]


@pytest.mark.parametrize(
    ("records", "layers"),
    [
        (NOTHING, []),
        (STREAM_ONLY, ["stream"]),
        (replace(FINAL, streamed=None), ["batch"]),
        (FINAL, ["stream", "batch"]),
    ],
)
def test_an_event_is_in_no_layer_that_has_no_row(records, layers):
    explanation = explained(records, replace(LOG, events=EVENTS[:1]))
    positions = explanation.positions_by_layer()
    assert [layer for layer, held in positions.items() if EVENTS[0].position in held] == layers
    (event,) = as_document(explanation, "http://dagster/", 50)["events"]
    assert [layer for layer in ("stream", "batch") if event[f"in_{layer}"]] == layers


def test_the_document_names_what_holds_a_window_back():
    document = as_document(explained(STREAM_ONLY, state=HELD_BACK), "http://dagster/", 50)
    assert (document["low_watermark"], document["held_back_by"]) == ("2013-01-10T11:00:00Z", [1, 3])


@pytest.mark.parametrize(
    ("names", "command"),
    [
        (("AA", "delay"), "sma explain AA delay hour 2013-01-10T12:00:00Z"),
        (("it's", "a b"), "sma explain 'it'\"'\"'s' 'a b' hour 2013-01-10T12:00:00Z"),
        (("-x", "m"), "sma explain -- -x m hour 2013-01-10T12:00:00Z"),
    ],
)
def test_a_command_can_be_pasted(names, command):
    assert explain_command(*names, "hour", AS_OF) == command


@pytest.mark.parametrize(
    "text", ["2013-01-10T12:00", "2013-01-10 12:00:00+00:00", "2013-01-10T13:00+01:00", "2013-01-10T12:00:00.000Z"]
)
def test_a_grid_point_can_be_written_in_each_way_of_iso_8601(text):
    assert parse_instant(text) == 1_357_819_200_000


@pytest.mark.parametrize("text", ["noon", "2013-13-01", "2013-01-10T12:00:00.0001"])
def test_what_is_no_grid_point_of_any_average_is_one_line(text):
    with pytest.raises(SmaError, match=text):
        parse_instant(text)


def test_a_row_of_two_partitions_says_why_it_is_not_final_and_which_partition_the_stream_has():
    other = replace(EVENTS[1], kafka_partition=2, newest_before_ms=None)
    log = replace(LOG, partitions=(0, 2), events=(EVENTS[0], other), committed={0: 2, 2: 2})
    not_final = replace(
        FINAL,
        served=replace(FINAL_SERVED, is_final=False),
        result=replace(RESULT, read_to={0: 2, 2: 2}),
        unsettled=("two_partitions",),
    )
    found = explained(not_final, log)
    assert not found.is_wrong
    assert sentence(found).startswith(f"not final: the batch result, written at {T12}; the series has events in more")
    checked = check_in_words(found, found.stream)
    assert checked.startswith("equals the sum of its 1 event, without the late ones, in partition 0 alone; ")
    assert checked.endswith("the series is in the partitions 0, 2")
