"""What docs/develop says is so: its files and names exist, and its tables are what the code computes."""

import ast
import re
from pathlib import Path

import polars as pl
import pytest

from batch.reconciliation.classify import Recomputed, classify_differences, compare
from batch.reconciliation.recomputed import recomputation_filters
from batch.windows.spans import RowSpan, Span
from sma.averages import parse_averages
from sma.settings import CHECKOUT
from sma.value import parse_value_micros
from sma.window import DurationWindow
from tests.support import oracle
from tests.support.memory_log import EVENTS_SCHEMA, MemoryLog

PAGES = CHECKOUT / "docs" / "develop"
JAVA = "streaming/operator/src/main/java/sma/streaming"
MIDNIGHT_MS = 1_767_571_200_000  # 2026-01-05, UTC
MICROS = 10**6


def tables(page: str) -> list[list[dict[str, str]]]:
    """Return the tables of a page, each as rows by the heading of their column."""
    found = []
    for table in re.findall(r"(?:^\|.*\n)+", (PAGES / page).read_text(), re.MULTILINE):
        heading, _, *rows = [[cell.strip() for cell in line[1:-2].split("|")] for line in table.splitlines(True)]
        found.append([dict(zip(heading, row, strict=True)) for row in rows])
    return found


def named_places() -> list[tuple[str, str]]:
    """Return each (file, name) of a table that has both columns; the name is empty where the file is meant whole."""
    found = []
    for page in sorted(PAGES.glob("*.md")):
        for table in tables(page.name):
            for row in table:
                for path in re.findall(r"`([^`]+)`", row.get("file", "")):
                    whole = re.sub("^J/", f"{JAVA}/", path)
                    found += [(whole, name) for name in re.findall(r"`([^`]+)`", row["name"]) or [""]]
    return sorted(set(found))


def defined_in_python(text: str) -> set[str]:
    """Return what a module defines at its top, and the methods of its classes as `Class.method`."""
    found = set()
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{each.name}" for each in node.body if isinstance(each, ast.FunctionDef)}
        if isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return found


def is_defined(path: Path, name: str) -> bool:
    text = path.read_text()
    escaped = re.escape(name)
    if path.suffix == ".py":
        return name in defined_in_python(text)
    if path.suffix == ".java":
        type_, method = rf"\b(class|record|enum|interface) {escaped}\b", rf"^    [\w<>\[\], ]+ {escaped}\("
        return bool(re.search(rf"{type_}|{method}|\bstatic final \w+ {escaped} ?=", text, re.MULTILINE))
    statement, object_ = rf"^-- {escaped} --$", rf"\b(FUNCTION|VIEW|TABLE) {escaped}\b"
    return bool(re.search(rf"{statement}|{object_}", text, re.MULTILINE))


@pytest.mark.parametrize(("path", "name"), named_places())
def test_a_file_that_a_page_names_is_there_and_defines_what_the_page_says(path, name):
    assert (CHECKOUT / path).exists()
    assert not name or is_defined(CHECKOUT / path, name)


@pytest.mark.parametrize("page", ["map.md", "follow-one-event.md", "change-a-rule.md", "testing.md"])
def test_a_page_names_files(page):
    assert any("file" in row for table in tables(page) for row in table)


def test_the_map_has_every_package():
    listed = {row["package"].strip("`") for table in tables("map.md") for row in table if "package" in row}
    assert [path for path in listed if not (CHECKOUT / path).exists()] == []
    parents = {"batch", "streaming", "powerbi", "monitoring", "deploy", "deploy/local"}  # listed by their subpackages
    packages = {path.parent.relative_to(CHECKOUT) for path in CHECKOUT.glob("[a-z]*/__init__.py")}
    packages |= {path.parent.relative_to(CHECKOUT) for top in parents for path in CHECKOUT.glob(f"{top}/*/__init__.py")}
    assert sorted({f"{path}/" for path in packages} - {f"{top}/" for top in parents} - listed) == []


def test_the_make_targets_of_the_page_about_tests_are_there():
    makefile = (CHECKOUT / "Makefile").read_text()
    for target in set(re.findall(r"make ([a-z-]+)", (PAGES / "testing.md").read_text())):
        assert f"\n{target}:" in makefile, target


# the log of follow-one-event.md, and what is computed from it

AVERAGES = parse_averages(
    """
watermark_delay: 1 minute
allowed_lateness: 2 minutes
averages:
  - {name: two_minutes, window: 2 minutes, every: 1 minute}
""",
    "averages.yaml",
)
(AVERAGE,) = AVERAGES.averages
assert isinstance(AVERAGE.window, DurationWindow)
EMITTED = "emitted: as_of = sum / count"


def milliseconds_of(text: str) -> int:
    hours, minutes, seconds = (int(part) for part in text.split(":"))
    return MIDNIGHT_MS + ((hours * 60 + minutes) * 60 + seconds) * 1000


def time_text(time_ms: int) -> str:
    seconds = (time_ms - MIDNIGHT_MS) // 1000
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def pair_text(pair: tuple[int, int] | None) -> str:
    return "" if pair is None else f"{pair[0] // MICROS} / {pair[1]}"


@pytest.fixture
def records() -> list[dict[str, str]]:
    return tables("follow-one-event.md")[0]


@pytest.fixture
def events(records) -> list[oracle.Event]:
    """The events of the page, by their position in the log; the heartbeat comes last."""
    assert [row["value"] == "heartbeat" for row in records] == [False] * (len(records) - 1) + [True]
    return [("acme", "temperature", milliseconds_of(row["event time"]), row["value"]) for row in records[:-1]]


@pytest.fixture
def log(events) -> MemoryLog:
    rows = [(*event[:3], parse_value_micros(event[3]), 0, kafka_offset) for kafka_offset, event in enumerate(events)]
    return MemoryLog(pl.DataFrame(rows, EVENTS_SCHEMA, orient="row"), AVERAGES.allowed_lateness_ms)


def pairs(events: list[oracle.Event]) -> dict[int, tuple[int, int]]:
    """Return the rows that the oracle has of some events, by as_of."""
    rows = oracle.duration_windows(events, AVERAGE.window.duration_ms, AVERAGE.every_ms)
    return {as_of_ms: pair for (_, _, as_of_ms), pair in rows.items()}


def emitted_by_record(records: list[dict[str, str]], events: list[oracle.Event]) -> list[dict[str, str]]:
    """Return the page's first table as the rule gives it: what is closed and changed after a record is emitted."""
    late = oracle.late_by_series(events, AVERAGES.allowed_lateness_ms)
    times_ms = [milliseconds_of(row["event time"]) for row in records]
    rows, closed = [], {}
    for place, record in enumerate(records):
        is_event = place < len(events)
        watermark_ms = max(times_ms[: place + 1]) - AVERAGES.watermark_delay_ms
        used = [event for at, event in enumerate(events[: place + 1]) if at not in late]
        before, closed = closed, {as_of: pair for as_of, pair in pairs(used).items() if as_of - 1 <= watermark_ms}
        emitted = {as_of: pair for as_of, pair in sorted(closed.items()) if before.get(as_of) != pair}
        rows.append(
            {
                "Kafka offset": str(place),
                "event time": time_text(times_ms[place]),
                "value": record["value"],
                "max event time before": time_text(max(times_ms[:place])) if is_event and place else "",
                "late": ("late" if place in late else "no") if is_event else "",
                "watermark": time_text(watermark_ms),
                EMITTED: ", ".join(f"{time_text(as_of)[:5]} = {pair_text(pair)}" for as_of, pair in emitted.items()),
            }
        )
    return rows


def test_the_stream_emits_what_the_page_says_record_by_record(records, events):
    assert records == emitted_by_record(records, events)


def test_the_batch_layer_finds_the_late_events_of_the_page(records, log):
    late = [int(row["Kafka offset"]) for row in records if row["late"] == "late"]
    assert [offset for _, offset in log.late_positions()] == late


def test_the_layers_have_the_rows_that_the_page_compares(records, events, log):
    day = (
        Span(-(10**15), MIDNIGHT_MS, ()),
        Span(MIDNIGHT_MS, MIDNIGHT_MS + 86_400_000, (RowSpan(MIDNIGHT_MS, MIDNIGHT_MS + 86_400_000),)),
    )
    whole = {0: len(events)}
    found = log.rows([AVERAGE], day, recomputation_filters(whole, whole, whole))
    rows = {layer: frame.drop("late_event_count") for layer, frame in found.items()}
    late = found["batch"].filter(pl.col("late_event_count") > 0)
    recomputed = Recomputed(rows["batch"], rows["stream"], late.drop("value_sum_micros", "event_count"))

    last = {}  # what the stream emitted last for each row
    for row in records:
        last |= dict(re.findall(r"(\d\d:\d\d) = (\d+ / \d+)", row[EMITTED]))
    columns = [
        ("acme", "temperature", AVERAGE.name, milliseconds_of(f"{as_of}:00"), int(total) * MICROS, int(count))
        for as_of, (total, count) in ((as_of, pair.split(" / ")) for as_of, pair in sorted(last.items()))
    ]
    streamed = pl.DataFrame(columns, rows["batch"].schema, orient="row")

    differences = classify_differences(compare(streamed, rows["batch"]), recomputed)
    classes = {
        time_text(as_of_ms)[:5]: {"class": class_, "explained": "yes" if is_explained else "no"}
        for as_of_ms, class_, is_explained in differences.select("as_of_ms", "class", "is_explained").rows()
    }
    batch = {
        time_text(as_of_ms)[:5]: pair_text(pair)
        for as_of_ms, *pair in rows["batch"].select("as_of_ms", "value_sum_micros", "event_count").rows()
    }
    (compared,) = (table for table in tables("follow-one-event.md") if "explained" in table[0])
    assert compared == [
        {"as_of": as_of, "stream": last.get(as_of, ""), "batch": batch.get(as_of, "")}
        | classes.get(as_of, {"class": "equal", "explained": ""})
        for as_of in sorted({*last, *batch})
    ]
