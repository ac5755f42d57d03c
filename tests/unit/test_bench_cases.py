"""A benchmark's figures: what a ratio divides, in which order cases run, how they warm up, and which are uneven."""

import pytest

from bench.cases import Case, Measure, Ratio, Result
from bench.digest import Digest, digest_of
from bench.report import warn_of_uneven
from bench.rounds import Rounds, order_of
from sma.errors import SmaError

WHOLE, BEGINNING = "whole", "beginning"


def rounds_of(measure: Measure, **results: list[Result]) -> Rounds[str]:
    cases = {name: Case(name, lambda _: Result(1, 1.0), measure) for name in results}
    return Rounds(cases, {}, results=results)


def run(rounds: Rounds[str], needed: set[str], times: int) -> list[str]:
    """Run cases, and return the lines of progress."""
    said: list[str] = []
    rounds.run(needed, times, lambda _: WHOLE, lambda _: BEGINNING, said.append)
    return said


def test_a_rate_counts_its_median_run():
    runs = [Result(100, 100.0), Result(100, 5.0), Result(100, 10.0)]
    found = rounds_of(Measure.RATE, ours=runs, theirs=[Result(100, 20.0)])
    assert found.ratio(Ratio("", ("ours",), ("theirs",), 1, 2)) == 2


def test_seconds_are_a_fraction_of_theirs():
    found = rounds_of(Measure.SECONDS, day=[Result(1, 1.0)], month=[Result(1, 20.0)])
    assert found.ratio(Ratio("", ("day",), ("month",), 1 / 20, 1 / 28)) == pytest.approx(1 / 20)


def test_bytes_do_not_depend_on_how_long_it_took():
    found = rounds_of(Measure.BYTES, longer=[Result(5, 50.0, 300)], memory=[Result(1, 1.0, 200)])
    assert found.ratio(Ratio("", ("longer",), ("memory",), 1.3, 1)) == 1.5


def test_of_several_the_slowest_of_ours_meets_the_fastest_of_theirs():
    found = rounds_of(Measure.RATE, a=[Result(4, 1.0)], b=[Result(2, 1.0)], c=[Result(8, 1.0)], d=[Result(1, 1.0)])
    assert found.ratio(Ratio("", ("a", "b"), ("c", "d"), 1, 2)) == 0.25


def test_every_round_runs_every_case_and_begins_further_on():
    #   abcdef
    #     cdefab
    #       efabcd
    orders = ["".join(order_of("abcdef", number, 3)) for number in range(3)]
    assert orders == ["abcdef", "cdefab", "efabcd"]


def test_two_cases_take_turns_in_being_the_first():
    assert [order_of("ab", number, 3) for number in range(3)] == [["a", "b"], ["b", "a"], ["a", "b"]]


def test_a_case_alone_and_no_case_at_all_have_an_order():
    assert [order_of("a", number, 2) for number in range(2)] == [["a"], ["a"]]
    assert order_of("", 0, 2) == []


def test_only_needed_cases_are_run_in_the_order_of_their_round():
    ran: list[str] = []
    cases = {
        name: Case(name, lambda _, name=name: ran.append(name) or Result(1, 1.0), warms_up=False) for name in "abc"
    }
    run(Rounds(cases, {}), {"a", "c"}, 2)
    assert ran == ["a", "c", "c", "a"]


def test_a_case_warms_up_before_each_of_its_runs_and_that_is_not_counted():
    ran: list[str] = []
    rounds = Rounds({"a": Case("a", lambda over: ran.append(over) or Result(len(ran), 1.0))}, {})
    run(rounds, {"a"}, 2)
    assert ran == [BEGINNING, WHOLE, BEGINNING, WHOLE]
    assert rounds.figures("a") == [2, 4]


def test_a_case_that_nothing_would_warm_is_run_once_a_round():
    ran: list[str] = []
    run(Rounds({"a": Case("a", lambda over: ran.append(over) or Result(1, 1.0), warms_up=False)}, {}), {"a"}, 2)
    assert ran == [WHOLE, WHOLE]


def test_no_case_warms_up_where_figures_do_not_matter():
    ran: list[str] = []
    rounds = Rounds({"a": Case("a", lambda over: ran.append(over) or Result(1, 1.0))}, {})
    rounds.run({"a"}, 1, lambda _: WHOLE, None, lambda _: None)
    assert ran == [WHOLE]


@pytest.mark.parametrize("fails_over", [BEGINNING, WHOLE])
def test_a_case_that_fails_is_not_run_again_and_takes_its_ratio_with_it(fails_over: str):
    ran: list[str] = []

    def fail(over: str) -> Result:
        ran.append(over)
        if over == fails_over:
            raise SmaError("no")
        return Result(1, 1.0)

    ratios = {"lost": Ratio("", ("a",), ("b",), 1, 1), "kept": Ratio("", ("a",), ("c",), 1, 1)}
    rounds = Rounds(
        {"a": Case("a", lambda _: Result(1, 1.0)), "b": Case("b", fail), "c": Case("c", lambda _: Result(1, 1.0))},
        ratios,
    )
    said = run(rounds, rounds.needed, 2)
    assert [line for line in said if "no" in line] == ["1/2  b: no"]
    assert ran[-1] == fails_over and len(ran) == len({*ran})
    assert list(rounds.found) == ["kept"]
    with pytest.raises(SmaError, match="failed: b"):
        rounds.require_all()


@pytest.mark.parametrize(
    ("measure", "results"),
    [
        (Measure.RATE, [Result(300, 1.0), Result(401, 1.0)]),
        (Measure.SECONDS, [Result(1, 4.01), Result(1, 3.0)]),
        (Measure.BYTES, [Result(1, 1.0, 401), Result(1, 9.0, 300)]),
    ],
)
def test_runs_that_differ_by_more_than_a_third_are_uneven(measure: Measure, results: list[Result]):
    assert rounds_of(measure, a=results).uneven == ["a"]


@pytest.mark.parametrize("results", [[Result(300, 1.0), Result(400, 1.0)], [Result(300, 1.0)], [Result(3, 1.0)] * 3])
def test_runs_that_differ_by_a_third_or_less_are_even(results: list[Result]):
    assert rounds_of(Measure.RATE, a=results).uneven == []


def test_the_spread_is_from_the_least_run_to_the_most():
    found = rounds_of(Measure.RATE, a=[Result(5, 1.0), Result(2, 1.0), Result(9, 1.0)])
    assert found.spread("a") == (2, 9)


def test_a_warning_names_an_uneven_case_its_spread_and_the_ratios_that_take_it():
    rounds = rounds_of(Measure.RATE, a=[Result(1_000, 1.0), Result(2_000, 1.0)], b=[Result(5, 1.0)])
    rounds.ratios = {"a_vs_b": Ratio("", ("a",), ("b",), 1, 1), "b_vs_b": Ratio("", ("b",), ("b",), 1, 1)}
    said: list[str] = []
    warn_of_uneven(rounds, said.append)
    assert said == [
        "warning: the runs of a differ by more than a third, from 1,000/s to 2,000/s: do not rely on a_vs_b"
    ]


def test_a_digest_does_not_depend_on_the_order_of_rows():
    rows = [("c", "m", "hour", 60_000, 5, 2), ("c", "m", "hour", 120_000, -7, 1)]
    assert digest_of(rows) == digest_of(reversed(rows))


@pytest.mark.parametrize(
    "other",
    [
        ("d", "m", "hour", 60_000, 5, 2),
        ("c", "n", "hour", 60_000, 5, 2),
        ("c", "m", "day", 60_000, 5, 2),
        ("c", "m", "hour", 60_001, 5, 2),
        ("c", "m", "hour", 60_000, 6, 2),
        ("c", "m", "hour", 60_000, 5, 3),
    ],
)
def test_a_digest_sees_each_column(other: tuple[str, str, str, int, int, int]):
    assert digest_of([("c", "m", "hour", 60_000, 5, 2)]) != digest_of([other])


def test_a_digest_counts_rows_and_their_events():
    found = digest_of([("c", "m", "hour", 60_000, 5, 2), ("c", "m", "hour", 120_000, -7, 1)])
    assert found == Digest(2, 3, found.checksum)
