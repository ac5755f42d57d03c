"""How long has a record waited? Told from when the log's end was where, through restarts and other topics' logs."""

from hypothesis import given
from hypothesis import strategies as st

from monitoring.exporter.log_history import MOST_SPELLS, LogHistory, load, save


def _looks(*looks: tuple[float, int], position: int = 0) -> LogHistory:
    history = LogHistory()
    for now_s, end in looks:
        history.observe(now_s, {0: end}, {0: position})
    return history


def test_a_record_came_in_between_the_looks_around_it():
    # time 100   110
    # end    40    60     records 40 to 59 came in between, evenly
    history = _looks((100, 40), (110, 60))
    assert history.waiting_s(110, 0, 49) == 5.0
    assert history.waiting_s(110, 0, 59) == 0.0
    assert history.waiting_s(130, 0, 59) == 20.0


def test_a_log_that_stood_still_before_does_not_make_the_next_record_old():
    history = _looks((0, 40), (3600, 40), (3605, 41))
    assert history.waiting_s(3605, 0, 40) == 0.0


def test_what_was_there_at_the_first_look_is_at_least_as_old_as_that():
    assert _looks((100, 40)).waiting_s(160, 0, 7) == 60.0


def test_a_record_that_is_not_there_does_not_wait():
    assert _looks((100, 40)).waiting_s(160, 0, 40) == 0.0
    assert LogHistory().waiting_s(160, 3, 0) == 0.0


def test_a_topic_made_anew_has_no_past():
    history = _looks((0, 5000), (99, 5000))
    history.read = {0: 4000}
    history.observe(100, {0: 10}, {0: 4000})
    assert history.read == {}
    assert history.waiting_s(100, 0, 3) == 0.0


def test_a_dead_consumer_lags_by_all_the_time_that_it_is_dead():
    history = LogHistory()
    for second in range(0, 7_200, 5):
        history.observe(second, {0: 100 * second}, {0: 1_000})  # it stopped at 10 s
    assert abs(history.waiting_s(7_195, 0, 1_000) - 7_185) <= 5


@given(st.lists(st.tuples(st.floats(0.1, 60), st.integers(0, 1_000)), min_size=1, max_size=3 * MOST_SPELLS))
def test_a_record_is_never_older_than_the_first_look_nor_younger_than_the_look_that_saw_it(steps):
    history, now_s, end, seen_at = LogHistory(), 0.0, 1, {}
    for seconds, records in steps:
        now_s, end = now_s + seconds, end + records
        history.observe(now_s, {0: end}, {0: 0})
        seen_at.setdefault(end - 1, now_s)
    for offset, at_s in seen_at.items():
        assert now_s - at_s - 1e-6 <= history.waiting_s(now_s, 0, offset) <= now_s
    assert len(history.spells[0]) <= MOST_SPELLS + 1


def test_what_was_read_is_forgotten():
    history = LogHistory()
    for second in range(1_000):
        history.observe(second, {0: 10 * second}, {0: 10 * second - 15})
    assert len(history.spells[0]) <= 4


def test_the_next_exporter_goes_on_from_what_was_kept(tmp_path):
    history = _looks((100, 40), (110, 60))
    history.read = {0: 50}
    save(history, tmp_path / "exporter" / "events.json", "events")
    assert load(tmp_path / "exporter" / "events.json", "events").spells == history.spells
    assert load(tmp_path / "exporter" / "events.json", "events").read == {0: 50}
    assert load(tmp_path / "exporter" / "events.json", "another").spells == {}


def test_what_cannot_be_read_is_no_history(tmp_path):
    path = tmp_path / "events.json"
    for text in ("", "{", "[]", '{"topic": "events", "partitions": {"0": [[1]]}}'):
        path.write_text(text)
        assert load(path, "events").spells == {}
