"""Rules for everything that a reader of the Power BI project sees: names, descriptions, formats, colours, layout."""

import json
import re
from decimal import Decimal
from itertools import combinations

import pytest

from powerbi.checks.model import Object, tables
from powerbi.checks.paths import REPORT, SEMANTIC_MODEL, THEME
from powerbi.checks.report import Box, Visual, literal, page, pages, visuals
from powerbi.pictures.formats import AGE_UNITS, LONGEST_AGE_UNIT, age, number, signed, text
from powerbi.pictures.pages import PICTURES
from sma.settings import CHECKOUT
from tests.support.colours import VISIONS, contrast, distance

MODEL = tables()
COLUMNS = [(name, column) for name, table in MODEL.items() for column in table.named("column").values()]
MEASURES = [(name, measure) for name, table in MODEL.items() for measure in table.named("measure").values()]
VISUALS = visuals()
PAGES = {name: page(name) for name in pages()}
CHARTS = [visual for visual in VISUALS if visual.type.endswith("Chart")]
COLOURS = json.loads(THEME.read_text())
# How the phone canvas of Power BI is measured; a page may be as long as it likes.
PHONE_WIDTH = 324


def identifier(one: tuple[str, Object] | Visual) -> str:
    return f"{one.page}/{one.name}" if isinstance(one, Visual) else f"{one[0]}[{one[1].name}]"


def is_sentence_case(name: str) -> bool:
    """A capital at the beginning and in abbreviations only; words with spaces; a unit in brackets at the end."""
    first, *others = name.split(" ")
    return bool(re.fullmatch(r"[A-Z][a-z]*|SMA|ISO", first)) and all(
        re.fullmatch(r"[a-z]+,?|SMA|%|\((UTC|s|events)\)", word) for word in others
    )


def is_hidden(described: Object) -> bool:
    return "isHidden" in described.properties


@pytest.mark.parametrize("name", ["as_of", "Current Sma", "Series Key", "Age (sec)", "current SMA"])
def test_a_name_of_another_style_is_noticed(name):
    assert not is_sentence_case(name)


def test_every_name_of_the_model_is_in_sentence_case():
    names = [*MODEL, *(described.name for _, described in (*COLUMNS, *MEASURES))]
    assert [name for name in names if not is_sentence_case(name)] == []


def test_every_page_title_and_heading_of_the_report_is_in_sentence_case():
    shown = [content["displayName"] for content in PAGES.values()]
    shown += [visual.title for visual in VISUALS]
    for visual in VISUALS:
        shown += [field.label for role in ("Values", "Category", "Series", "Y") for field in visual.fields(role)]
    assert [name for name in shown if not is_sentence_case(name)] == []


def test_everything_in_the_model_has_a_description_of_whole_sentences():
    described = []
    for path in (SEMANTIC_MODEL / "definition" / "tables").glob("*.tmdl"):
        lines = path.read_text().splitlines()
        for above, line in zip(["", *lines], lines, strict=False):
            if re.match(r"(table|\t(measure|column)) ", line):
                described.append(line)
                assert re.fullmatch(r"/// [A-Z].*\.", above.strip()), f"{path.name}: {line}"
    assert len(described) == len(MODEL) + len(COLUMNS) + len(MEASURES)


def test_keys_and_columns_that_only_serve_others_are_hidden():
    sorts = {(name, one.properties.get("sortByColumn", "").strip("'")) for name, one in COLUMNS}
    for name, one in COLUMNS:
        serves = one.name.endswith("key") or (name, one.name) in sorts or one.properties["dataType"] == "double"
        repeats = one.name in ("Average", "Date", "Customer") and name not in ("Averages", "Calendar", "Customers")
        assert is_hidden(one) or not (serves or repeats), (name, one.name)
        assert not (is_hidden(one) and "average" in one.name.lower() and name == "Averages"), (name, one.name)


def test_months_weekdays_and_averages_are_sorted_by_a_number_not_by_letters():
    sorted_by = {
        (name, one.name): one.properties["sortByColumn"].strip("'")
        for name, one in COLUMNS
        if "sortByColumn" in one.properties
    }
    assert sorted_by == {
        ("Calendar", "Month"): "Month number",
        ("Calendar", "Weekday"): "Weekday number",
        ("Averages", "Average"): "Window order",
        ("Averages", "Window and every"): "Window order",
    }
    for (table, _), by in sorted_by.items():
        assert MODEL[table].named("column")[by].properties["dataType"] == "int64"


@pytest.mark.parametrize("one", [*COLUMNS, *MEASURES], ids=identifier)
def test_every_number_and_time_has_a_format(one):
    _, described = one
    if described.properties.get("dataType") in ("string", "boolean"):
        assert "formatString" not in described.properties
        return
    assert ("formatString" in described.properties) != ("formatStringDefinition" in described.properties)
    has_time = "hh:nn:ss" in described.properties.get("formatString", "")
    assert has_time == described.name.endswith("(UTC)")


@pytest.mark.parametrize("one", MEASURES, ids=identifier)
def test_a_measure_of_a_moving_average_shows_its_digits_and_no_zeros_after_them(one):
    _, measure = one
    if "SMA" in measure.name or measure.name in ("Change", "Stream less batch"):
        assert text(measure, Decimal("61.800000000")).strip("+") == "61.8"
        assert text(measure, Decimal("-1234.000000000")) == "-1,234"
        assert text(measure, Decimal("0.123456789")).strip("+") == "0.123456789"
        whole, decimals = re.findall(r'"([^"]+)"', measure.properties["formatStringDefinition"])
        assert [part.replace(".#########", "") for part in decimals.split(";")] == whole.split(";")


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0 s"),
        (119, "119 s"),
        (120, "2 min"),
        (7_199, "119 min"),
        (7_200, "2 h"),
        (172_799, "47 h"),
        (172_800, "2 d"),
        (63_158_399, "730 d"),
        (435_766_888, "13 years"),
    ],
)
def test_an_age_is_shown_in_the_unit_that_a_person_would_use(seconds, shown):
    assert age(seconds) == shown


@pytest.mark.parametrize("name", ["Age of closed windows", "Age of stream", "Age of reconciliation"])
def test_ages_stay_numbers_and_are_shown_by_a_format_with_the_units_of_the_pictures(name):
    """As text, '12 d' would sort before '3 min'."""
    steps = [
        f'SELECTEDMEASURE() < {end}, """" & FORMAT({_whole(length)}, "#,0") & " {unit}""",'
        for end, length, unit in AGE_UNITS
    ]
    length, unit = LONGEST_AGE_UNIT
    steps.append(f'"""" & FORMAT({_whole(length)}, "#,0") & " {unit}"""')
    measure = MODEL["Data age"].named("measure")[name]
    assert measure.properties["formatStringDefinition"].split() == f"SWITCH( TRUE(), {' '.join(steps)} )".split()
    assert "SECOND" in measure.expression


def _whole(length: int) -> str:
    return "SELECTEDMEASURE()" if length == 1 else f"INT(SELECTEDMEASURE() / {length})"


def test_numbers_as_text():
    assert [number(one) for one in (Decimal("61.8"), 0, Decimal("1234567.000000001"))] == [
        "61.8",
        "0",
        "1,234,567.000000001",
    ]
    assert [signed(one) for one in (Decimal("0.5"), Decimal("-0.5"), 0)] == ["+0.5", "-0.5", "0"]


def test_the_theme_is_registered_in_the_report():
    report = json.loads((REPORT / "definition" / "report.json").read_text())
    (package,) = report["resourcePackages"]
    (item,) = package["items"]
    assert package["type"] == report["themeCollection"]["customTheme"]["type"] == "RegisteredResources"
    assert item["name"] == item["path"] == report["themeCollection"]["customTheme"]["name"] == THEME.name
    assert item["type"] == "CustomTheme"


def test_text_and_marks_stand_out_from_the_background():
    """At least 4.5 for text and 3 for marks: Web Content Accessibility Guidelines 2.2, 1.4.3 and 1.4.11."""
    background = COLOURS["background"]
    text_colours = [COLOURS["foreground"], COLOURS["foregroundNeutralSecondary"]]
    text_colours += [one["color"] for one in COLOURS["textClasses"].values()]
    assert min(contrast(colour, background) for colour in text_colours) >= 4.5
    marks = [*COLOURS["dataColors"], COLOURS["good"], COLOURS["neutral"], COLOURS["bad"]]
    assert min(contrast(colour, background) for colour in marks) >= 3


@pytest.mark.parametrize("vision", VISIONS)
def test_the_colours_of_one_chart_differ_to_every_eye(vision):
    first, second, *_ = COLOURS["dataColors"]
    for pair in ((first, second), (first, COLOURS["bad"])):
        assert distance(*pair, vision) > 20, pair


def test_the_report_uses_no_colour_that_is_not_in_the_theme():
    used = {
        colour.upper()
        for path in REPORT.glob("definition/pages/*/visuals/*/*.json")
        for colour in re.findall(r"#[0-9A-Fa-f]{6}", path.read_text())
    }
    assert used
    assert used <= {colour.upper() for colour in (*COLOURS["dataColors"], COLOURS["bad"])}


@pytest.mark.parametrize("visual", VISUALS, ids=identifier)
def test_every_visual_has_a_title_and_a_text_for_screen_readers(visual):
    alternative = visual.container("general")["altText"]
    assert visual.title
    assert re.fullmatch(r"[A-Z].*\.", alternative)
    assert len(alternative) <= 250  # Power BI's limit
    assert alternative.rstrip(".") != visual.title


@pytest.mark.parametrize("chart", [one for one in CHARTS if one.type == "lineChart"], ids=identifier)
def test_a_chart_of_windows_draws_nothing_between_them(chart):
    """Power BI joins the points of a continuous axis over a gap, so the line is off and each window is a dot."""
    objects = chart.content["visual"]["objects"]
    assert literal(objects["categoryAxis"][0]["properties"]["axisType"]) == "Scalar"
    shown = {one.get("selector", {}).get("metadata"): one["properties"] for one in objects["lineStyles"]}
    assert shown.keys() == {None, *(f"{field.table}.{field.name}" for field in chart.fields("Y"))}
    for properties in shown.values():
        assert literal(properties["strokeShow"]) == "false"
        assert literal(properties["showMarker"]) == "true"


def test_each_layer_has_the_same_colour_on_every_page():
    blue, orange, *_ = COLOURS["dataColors"]
    colours = {name: colour for chart in CHARTS for name, colour in chart.colours().items()}
    assert colours == {
        "batch": blue,
        "stream": orange,
        "Moving averages.Batch SMA": blue,
        "Moving averages.Stream SMA": orange,
        "Reconciliation.Explained windows": blue,
        "Reconciliation.Unexplained windows": COLOURS["bad"],
    }


@pytest.mark.parametrize("name", PAGES)
def test_the_tab_key_goes_through_a_page_as_one_reads_it(name):
    boxes = [visual.box for visual in VISUALS if visual.page == name]
    assert boxes == sorted(boxes, key=lambda box: (box.y, box.x))


def test_the_documentation_describes_every_page_and_shows_every_picture():
    documentation = (CHECKOUT / "docs" / "powerbi.md").read_text()
    table = documentation.partition("| page | shows |\n| --- | --- |\n")[2].partition("\n\n")[0]
    described = [line.split(" | ")[0].removeprefix("| ") for line in table.splitlines()]
    assert described == [content["displayName"] for content in PAGES.values()]
    shown = re.findall(r"\(images/powerbi-(\w+)\.png\)", documentation)
    assert shown == list(PICTURES)
    assert all((CHECKOUT / "docs" / "images" / f"powerbi-{name}.png").is_file() for name in shown)


def test_every_chart_has_a_page_with_exact_values_as_its_tooltip():
    used = set()
    for chart in CHARTS:
        tooltip = chart.container("visualTooltip")
        assert (tooltip["show"], tooltip["type"]) == ("true", "Canvas")
        used.add(tooltip["section"])
    tooltip_pages = {name for name, content in PAGES.items() if content.get("type") == "Tooltip"}
    assert used == tooltip_pages
    for name in tooltip_pages:
        assert PAGES[name]["pageBinding"]["type"] == "Tooltip"
        assert PAGES[name]["visibility"] == "HiddenInViewMode"


@pytest.mark.parametrize("name", [name for name, content in PAGES.items() if content.get("type") != "Tooltip"])
def test_every_visual_of_a_page_has_its_place_on_a_phone_in_the_same_order(name):
    of_page = [visual for visual in VISUALS if visual.page == name]
    boxes = [visual.phone for visual in of_page if visual.phone]
    assert len(boxes) == len(of_page)
    assert boxes == sorted(boxes, key=lambda box: (box.y, box.x))
    for box in boxes:
        assert 0 <= box.x < box.x + box.width <= PHONE_WIDTH
    assert not any(overlap(*pair) for pair in combinations(boxes, 2))


def overlap(one: Box, other: Box) -> bool:
    return (
        one.x < other.x + other.width
        and other.x < one.x + one.width
        and one.y < other.y + other.height
        and other.y < one.y + one.height
    )
