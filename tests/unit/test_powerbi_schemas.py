"""The check against published schemas: it follows references, names file and place, and says what it lacks.

Small schemas stand in for Microsoft's, which are no part of this project.
"""

import json

import pytest

from powerbi.checks.paths import THEME
from powerbi.checks.schemas import complaints, main, unknown_formatting
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


def formatting(visual_type, **objects):
    """A visual that sets `card=[names]`, and the names that the schema of themes has for a line chart."""
    settings = {card: [{"properties": dict.fromkeys(names, {})}] for card, names in objects.items()}
    return {"position": dict.fromkeys(("x", "y", "width", "height", "tabOrder"), 0)} | {
        "visual": {"visualType": visual_type, "objects": settings}
    }


@pytest.fixture
def report(tmp_path):
    """A report with one visual, and a folder with a schema of themes."""
    names = {"properties": {"lines": {"items": {"properties": {"show": {}, "width": {}}}}}}
    uri = json.loads(THEME.read_text())["$schema"].rpartition("/")[2]
    schema = tmp_path / "powerbi-desktop-samples" / "Report Theme JSON Schema" / uri
    schema.parent.mkdir(parents=True)
    schema.write_text(json.dumps({"definitions": {"visual-lineChart": {"allOf": [{"properties": {}}, names]}}}))

    def write(content):
        pages = tmp_path / "a.Report" / "definition" / "pages"
        (pages / "one" / "visuals" / "a").mkdir(parents=True)
        (pages / "pages.json").write_text(json.dumps({"pageOrder": ["one"]}))
        (pages / "one" / "visuals" / "a" / "visual.json").write_text(json.dumps(content))
        return tmp_path / "a.Report"

    return write


def test_formatting_that_a_type_of_visual_has_passes(tmp_path, report):
    assert unknown_formatting(tmp_path, report(formatting("lineChart", lines=["show", "width"]))) == []


@pytest.mark.parametrize("unknown", [{"lines": ["shown"]}, {"line": ["show"]}])
def test_formatting_that_power_bi_would_ignore_is_an_objection(tmp_path, report, unknown):
    (objection,) = unknown_formatting(tmp_path, report(formatting("lineChart", **unknown)))
    assert objection.endswith("lineChart has no such formatting")


def test_a_folder_without_the_schema_of_themes_is_no_success(tmp_path):
    with pytest.raises(SmaError, match="name a folder with a checkout of powerbi-desktop-samples"):
        unknown_formatting(tmp_path)
