"""A ratio divides ours by theirs: medians, of several our worst and their best, whichever way is better."""

import pytest

from bench.cases import Case, Measure, Measured, Ratio, Result
from bench.events import STREAMED, Log
from sma.errors import SmaError
from sma.settings import Settings


def measured(measure: Measure, **results: list[Result]) -> Measured:
    cases = {name: Case(name, lambda log: Result(1, 1.0), measure) for name in results}
    return Measured(cases, {}, results=results)


def test_a_rate_counts_its_median_run():
    runs = [Result(100, 100.0), Result(100, 5.0), Result(100, 10.0)]
    found = measured(Measure.RATE, ours=runs, theirs=[Result(100, 20.0)])
    assert found.ratio(Ratio("", ("ours",), ("theirs",), 1, 2)) == 2


def test_seconds_are_a_fraction_of_theirs():
    found = measured(Measure.SECONDS, day=[Result(1, 1.0)], month=[Result(1, 20.0)])
    assert found.ratio(Ratio("", ("day",), ("month",), 1 / 20, 1 / 28)) == pytest.approx(1 / 20)


def test_bytes_do_not_depend_on_how_long_it_took():
    found = measured(Measure.BYTES, longer=[Result(5, 50.0, 300)], memory=[Result(1, 1.0, 200)])
    assert found.ratio(Ratio("", ("longer",), ("memory",), 1.3, 1)) == 1.5


def test_of_several_the_slowest_of_ours_meets_the_fastest_of_theirs():
    found = measured(Measure.RATE, a=[Result(4, 1.0)], b=[Result(2, 1.0)], c=[Result(8, 1.0)], d=[Result(1, 1.0)])
    assert found.ratio(Ratio("", ("a", "b"), ("c", "d"), 1, 2)) == 0.25


def test_cases_are_run_in_turn(log: Log):
    ran = []
    cases = {name: Case(name, lambda _, name=name: ran.append(name) or Result(1, 1.0)) for name in ("a", "b", "c")}
    Measured(cases, {}).run_in_turns({"a", "c"}, 2, lambda _: log, lambda _: None)
    assert ran == ["a", "c", "a", "c"]


def test_a_case_that_fails_is_not_run_again_and_takes_its_ratio_with_it(log: Log):
    def fail(_: Log) -> Result:
        raise SmaError("no")

    ratios = {"lost": Ratio("", ("a",), ("b",), 1, 1), "kept": Ratio("", ("a",), ("c",), 1, 1)}
    found = Measured(
        {"a": Case("a", lambda _: Result(1, 1.0)), "b": Case("b", fail), "c": Case("c", lambda _: Result(1, 1.0))},
        ratios,
    )
    said: list[str] = []
    found.run_in_turns(found.needed, 2, lambda _: log, said.append)
    assert [line for line in said if "no" in line] == ["1/2  b: no"]
    assert list(found.found) == ["kept"]
    with pytest.raises(SmaError, match="failed: b"):
        found.require_all()


@pytest.fixture
def log() -> Log:
    return Log(Settings.model_construct(), STREAMED, 0, {}, {})
