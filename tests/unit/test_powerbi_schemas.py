"""The check against published schemas: it follows references, names file and place, and says what it lacks.

Small schemas stand in for Microsoft's, which are no part of this project.
"""

import json

import pytest

from powerbi.checks.formatting import unknown_formatting
from powerbi.checks.schemas import complaints, main
from sma.errors import SmaError

DRAFT = "http://json-schema.org/draft-07/schema#"
PUBLISHED = "https://developer.microsoft.com/json-schemas/fabric/"


@pytest.fixture
def checkout(tmp_path):
    folder = tmp_path / "schemas"
    for name, schema in {
        "page/1.0.0": {"required": ["name"], "properties": {"size": {"$ref": "../../size/1.0.0/schema.json"}}},
        "size/1.0.0": {"type": "number"},
    }.items():
        path = folder / "json-schemas" / "fabric" / name / "schema.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps({"$schema": DRAFT, "$id": f"{PUBLISHED}{name}/schema.json"} | schema))
    return folder


@pytest.fixture
def project(tmp_path):
    def write(**content):
        path = tmp_path / "project" / "a.Report" / "definition" / "page.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps({"$schema": f"{PUBLISHED}page/1.0.0/schema.json"} | content))
        return tmp_path / "project"

    return write


def test_what_the_schema_allows_passes(checkout, project):
    assert complaints(checkout, project(name="overview", size=1280)) == []


def test_an_objection_behind_a_reference_names_file_and_place(checkout, project):
    assert complaints(checkout, project(name="overview", size="wide")) == [
        "a.Report/definition/page.json: $.size: 'wide' is not of type 'number'"
    ]


def test_a_schema_that_is_not_in_the_checkout_is_no_success(tmp_path, project):
    with pytest.raises(SmaError, match=r"page\.json: its schema '[^']+' is not in .+: name a folder with checkouts of"):
        complaints(tmp_path, project(name="overview"))


def test_the_command_fails_with_one_line_where_there_are_no_schemas(tmp_path, capsys):
    assert main([str(tmp_path)]) == 1
    assert capsys.readouterr().err.count("\n") == 1


URI = "https://raw.githubusercontent.com/microsoft/powerbi-desktop-samples/main/Report%20Theme/schema.json"


def formatting(visual_type, **objects):
    """A visual that sets `card=[names]`."""
    settings = {card: [{"properties": dict.fromkeys(names, {})}] for card, names in objects.items()}
    return {"position": dict.fromkeys(("x", "y", "width", "height", "tabOrder"), 0)} | {
        "visual": {"visualType": visual_type, "objects": settings}
    }


@pytest.fixture
def objections(tmp_path):
    """What is said of a visual and a theme, where a line chart has `lines`, every visual a `title`."""

    def cards(**names):
        return {card: {"items": {"properties": dict.fromkeys(of_card, {})}} for card, of_card in names.items()}

    common = {"properties": cards(title=["text"])}
    line_chart = {"allOf": [{"$ref": "#/definitions/commonCards"}, {"properties": cards(lines=["show", "width"])}]}
    page = {"properties": {"*": {"properties": cards(background=["color"])}}}
    schema = {
        "definitions": {"commonCards": common, "visual-lineChart": line_chart},
        "properties": {"visualStyles": {"properties": {"page": page}}},
    }
    write(tmp_path / "powerbi-desktop-samples" / "Report Theme" / "schema.json", schema)

    def found(visual, styles=None):
        pages = tmp_path / "a.Report" / "definition" / "pages"
        write(pages / "pages.json", {"pageOrder": ["one"]})
        write(pages / "one" / "visuals" / "a" / "visual.json", visual)
        write(tmp_path / "theme.json", {"$schema": URI, "visualStyles": styles or {}})
        return unknown_formatting(tmp_path, tmp_path / "a.Report", tmp_path / "theme.json")

    return found


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def test_formatting_that_a_type_of_visual_has_passes(objections):
    styles = {
        "*": {"*": {"title": [{"text": ""}]}},
        "lineChart": {"*": {"title": [{"text": ""}], "lines": [{"show": True}]}},
        "page": {"*": {"background": [{"color": ""}]}},
    }
    assert objections(formatting("lineChart", lines=["show", "width"]), styles) == []


@pytest.mark.parametrize("unknown", [{"lines": ["shown"]}, {"line": ["show"]}])
def test_formatting_of_a_visual_that_power_bi_would_ignore_is_an_objection(objections, unknown):
    (objection,) = objections(formatting("lineChart", **unknown))
    assert objection.startswith("definition/pages/one/visuals/a/visual.json: ")
    assert objection.endswith(": lineChart has no such formatting")


@pytest.mark.parametrize("kind", ["*", "lineChart", "page"])
def test_formatting_of_a_theme_that_power_bi_would_ignore_is_an_objection(objections, kind):
    styles = {kind: {"*": {"title": [{"txt": ""}]}}}
    assert objections(formatting("lineChart"), styles) == [f"theme.json: title.txt: {kind} has no such formatting"]


def test_a_folder_without_the_schema_of_themes_is_no_success(tmp_path):
    with pytest.raises(SmaError, match=r"moving-averages-theme\.json: its schema '[^']+' is not in .+: name a folder"):
        unknown_formatting(tmp_path)
