"""The check against published schemas: it follows references, names file and place, and says what it lacks.

Small schemas stand in for Microsoft's, which are no part of this project.
"""

import json

import pytest

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
        path = folder / "fabric" / name / "schema.json"
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
    with pytest.raises(SmaError, match=r"page\.json: its schema '[^']+' is not in .+: name a checkout of"):
        complaints(tmp_path, project(name="overview"))


def test_the_command_fails_with_one_line_where_there_are_no_schemas(tmp_path, capsys):
    assert main([str(tmp_path)]) == 1
    assert capsys.readouterr().err.count("\n") == 1
