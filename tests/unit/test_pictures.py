"""What a picture shows of a series: lines with their gaps, marks, and no difference lost where windows are left out."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.report.series_windows import EXPLAINED, NOT_RECONCILED, UNEXPLAINED
from pictures.lines import Line, count_differences, dots, joined, lines, marks
from pictures.series import FORMATS, draw_series, write_picture
from pictures.thinning import mark_runs, thin
from tests.support.drawn_windows import MINUTE, series, windows


def minutes_of(drawn):
    return [[as_of_ms // MINUTE for as_of_ms, _ in line.points] for line in drawn]


def test_a_line_ends_where_a_grid_point_has_no_window():
    #   minute   0   1   2   .   4   5
    drawn = windows(*((minute, 1, 1) for minute in (0, 1, 2, 4, 5)))
    assert minutes_of(lines(mark_runs(drawn, MINUTE), "stream")) == [[0, 1, 2], [4, 5]]


def test_a_line_ends_where_its_layer_has_no_row_and_the_other_one_goes_on():
    drawn = mark_runs(windows((0, 1, 1), (1, None, 2), (2, 3, 3)), MINUTE)
    assert minutes_of(lines(drawn, "stream")) == [[0], [2]]
    assert minutes_of(lines(drawn, "batch")) == [[0, 1, 2]]


def test_a_line_that_becomes_provisional_goes_on_from_the_last_final_point():
    drawn = mark_runs(windows((0, 1, 1), (1, 1, 1), (2, 1, 1, False), (4, 1, 1)), MINUTE)
    parts = list(lines(drawn, "batch"))
    assert minutes_of(parts) == [[0, 1], [1, 2], [4]]
    assert [part.is_final for part in parts] == [True, False, True]


def test_joined_lines_have_a_hole_between_them_and_lone_points_are_dots():
    one, two = Line("batch", True, ((0, Decimal(1)), (1, Decimal(2)))), Line("batch", True, ((5, Decimal(3)),))
    assert joined([one, two]) == [(0, 1), (1, 2), (5, None), (5, 3)]
    assert dots([one, two]) == [(5, 3)]


def test_a_differing_window_is_marked_at_the_batch_average_or_at_the_streams_where_there_is_no_other():
    drawn = windows((0, 1, 2, True, EXPLAINED, 3), (1, 4, None, True, UNEXPLAINED), (2, 5, 5))
    assert [(mark.kind, mark.as_of_ms // MINUTE, mark.at, mark.late_events) for mark in marks(drawn)] == [
        (EXPLAINED, 0, 2, 3),
        (UNEXPLAINED, 1, 4, 0),
    ]


def test_differences_are_counted_by_kind_and_unexplained_ones_are_not_among_the_explained():
    kinds = [EXPLAINED, EXPLAINED, NOT_RECONCILED, UNEXPLAINED, None]
    drawn = windows(*((minute, 1, 2, True, kind) for minute, kind in enumerate(kinds)))
    assert count_differences(drawn) == {EXPLAINED: 2, UNEXPLAINED: 1, NOT_RECONCILED: 1}


def test_few_windows_are_all_drawn():
    drawn = mark_runs(windows(*((minute, minute, minute) for minute in range(90))), MINUTE)
    assert thin(drawn, spans=10).equals(drawn)


kinds = st.sampled_from([None, None, None, None, EXPLAINED, UNEXPLAINED, NOT_RECONCILED])
averages = st.one_of(st.none(), st.integers(-50, 50))


@given(st.lists(st.tuples(st.integers(1, 3), averages, averages, kinds), min_size=60, max_size=300))
def test_no_extreme_no_kind_of_difference_and_no_gap_is_lost_by_thinning(steps):
    minute, rows = 0, []
    for step, stream, batch, kind in steps:
        minute += step
        rows.append((minute, stream, batch, True, kind))
    whole = mark_runs(windows(*rows), MINUTE)
    spans = 3
    thinned = thin(whole, spans)
    assert thinned.height <= 9 * spans
    for layer in ("stream", "batch"):
        assert (thinned[layer].min(), thinned[layer].max()) == (whole[layer].min(), whole[layer].max())
    assert set(count_differences(thinned)) == set(count_differences(whole))
    width_ms = (whole["as_of_ms"][-1] - whole["as_of_ms"][0]) // spans + 1
    spans_of = {
        name: {((row[0] - whole["as_of_ms"][0]) // width_ms, row[4]) for row in frame.rows() if row[4] is not None}
        for name, frame in (("whole", whole), ("thinned", thinned))
    }
    assert spans_of["thinned"] == spans_of["whole"]
    for line in lines(thinned, "batch"):  # no line crosses a grid point without a window
        first_ms, last_ms = line.points[0][0], line.points[-1][0]
        between = whole.filter(whole["as_of_ms"].is_between(first_ms, last_ms))
        assert between["run"].n_unique() == 1


def test_of_the_differences_in_a_span_the_largest_is_drawn():
    rows = [(minute, 0, 0) for minute in range(100)]
    rows[40], rows[41], rows[42] = ((40 + at, 0, apart, True, EXPLAINED) for at, apart in enumerate((1, 9, 2)))
    rows += [(minute, 0, -20 if minute == 100 else 20) for minute in range(100, 102)]  # so that none is an extreme
    thinned = thin(mark_runs(windows(*rows), MINUTE), spans=1)
    assert [mark.at for mark in marks(thinned)] == [9]


def labels(figure):
    return [text.get_text() for text in figure.axes[0].get_legend().get_texts()]


def test_the_legend_says_in_words_what_is_drawn_and_how_many_windows_differ():
    figure = draw_series(series(windows((0, 1, 2, True, EXPLAINED), (1, 2, 3, True, UNEXPLAINED), (2, 1, None, False))))
    assert labels(figure) == [
        "stream: without late events",
        "stream: without late events, not final",
        "batch: every event",
        "differs, explained by late events: 1",
        "differs, UNEXPLAINED: 1",
    ]
    assert figure.get_suptitle() == "AA/delay: average of the last 1 hour, every 1 minute (hour)"
    assert "of which" not in figure.axes[0].get_title(loc="left")


def test_a_picture_that_leaves_windows_out_says_so():
    figure = draw_series(series(windows(*((minute, minute % 7, minute % 7) for minute in range(20_000)))))
    shown = figure.axes[0].get_title(loc="left")
    assert "20,000 windows, of which " in shown
    drawn = sum(len(line.get_xdata()) for line in figure.axes[0].get_lines())
    assert drawn < 2 * 9 * 400 + 10


@pytest.mark.parametrize("file_format", FORMATS)
def test_a_picture_is_written_in_each_format_whatever_the_name_is(tmp_path, file_format):
    path = tmp_path / f"picture.{file_format}"
    write_picture(series(windows((0, 1, 1), (1, 2, 2)), "$a_{b}$ <b>株</b>", "%s {0} \\"), path, file_format)
    first = path.read_bytes()
    assert first.startswith({"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[file_format])
    write_picture(series(windows((0, 1, 1), (1, 2, 2)), "$a_{b}$ <b>株</b>", "%s {0} \\"), path, file_format)
    assert path.read_bytes() == first
