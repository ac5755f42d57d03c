"""Generated streams: what the layers must agree on, whatever arrives.

A stream is a list of (customer, metric, event time in ms, value as decimal text) in the order of the log, with ties,
disorder, gaps, negative values, values with more than 6 decimals, halves to round, and exponents.
"""

from hypothesis import strategies as st

from sma.averages import Average

MINUTE = 60_000
HOUR = 60 * MINUTE

# small windows on a small grid, so that a generated stream has first, last and empty stretches of windows
AVERAGES = (
    Average("tumbling", window_ms=10 * MINUTE, every_ms=10 * MINUTE),
    Average("hour", window_ms=HOUR, every_ms=15 * MINUTE),
    Average("long", window_ms=6 * HOUR, every_ms=HOUR),
)


@st.composite
def value_texts(draw: st.DrawFn) -> str:
    sign = draw(st.sampled_from(["", "-", "+"]))
    whole = draw(st.integers(0, 10**12 - 1))
    fraction = draw(st.text("0123456789", max_size=12))
    text = f"{sign}{whole}.{fraction}" if fraction else f"{sign}{whole}"
    halves = st.sampled_from(
        ["0.0000005", "-0.0000005", "1.0000014999999999", "-2.5e-6", "1e-6", "5e-7", "-0", "1.5E3"]
    )
    return draw(st.one_of(st.just(text), st.just(text), halves))


def times(start_ms: int) -> st.SearchStrategy[int]:
    on_the_grid = st.integers(0, 60).map(lambda point: start_ms + point * 15 * MINUTE)
    anywhere = st.integers(0, 15 * HOUR).map(lambda offset: start_ms + offset)
    crowded = st.integers(0, 3).map(lambda offset: start_ms + 2 * HOUR + offset)
    just_before_the_grid = on_the_grid.map(lambda time_ms: time_ms - 1)
    return st.one_of(on_the_grid, anywhere, crowded, just_before_the_grid)


def streams(start_ms: int = 0, max_size: int = 60) -> st.SearchStrategy[list[tuple[str, str, int, str]]]:
    event = st.tuples(st.sampled_from(["a", "b", "ä"]), st.sampled_from(["m", "n"]), times(start_ms), value_texts())
    return st.lists(event, max_size=max_size)
