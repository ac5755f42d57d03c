"""The Power BI project holds together: Microsoft's object model loads it, and every name leads somewhere."""

import json
import re
import shutil

import pytest

from powerbi.checks.model import read_model, tables
from powerbi.checks.object_model import ObjectModel, loaded
from powerbi.checks.paths import PROJECT, REPORT, SEMANTIC_MODEL, THEME
from powerbi.checks.report import field_references, pages
from powerbi.checks.schemas import files_with_a_schema
from sma.errors import SmaError
from sma.settings import Settings

MODEL = tables()
COLUMNS = {(name, column) for name, table in MODEL.items() for column in table.named("column")}
MEASURES = {(name, measure) for name, table in MODEL.items() for measure in table.named("measure")}
TABLE = r"(?:'([^']+)'|\b([A-Za-z]\w*))"


@pytest.fixture(scope="module")
def object_model():
    try:
        with loaded(SEMANTIC_MODEL) as model:
            yield model
    except SmaError as error:
        pytest.fail(str(error), pytrace=False)


def test_microsofts_object_model_sees_what_the_checks_here_see(object_model: ObjectModel):
    assert object_model.columns() == {
        (name, column): said.properties["dataType"]
        for name, table in MODEL.items()
        for column, said in table.named("column").items()
    }
    assert object_model.measures() == MEASURES
    assert object_model.storage_modes() == {
        name: table.named("partition")[name].properties["mode"] for name, table in MODEL.items()
    }


def test_microsofts_object_model_shows_each_column_and_measure_as_the_checks_here_read_it(object_model: ObjectModel):
    shown = object_model.shown()
    assert shown.keys() == COLUMNS | MEASURES
    for (table, name), said in shown.items():
        kind = "column" if (table, name) in COLUMNS else "measure"
        read = MODEL[table].named(kind)[name].properties
        assert said["isHidden"] == ("isHidden" in read), name
        assert said["formatString"] == read.get("formatString", ""), name
        assert (said.get("sortByColumn") or "") == read.get("sortByColumn", "").strip("'"), name
        assert _text(said.get("formatStringExpression")) == _text(read.get("formatStringDefinition")), name
        assert re.fullmatch(r"[A-Z].*\.", said["description"]), name


def _text(expression: str | None) -> str:
    return " ".join((expression or "").split())


def test_every_relationship_joins_a_column_to_the_key_of_its_table(object_model: ObjectModel):
    joins = object_model.relationships()
    assert len(joins) == sum(top.kind == "relationship" for top in read_model())
    for table, column, to_table, key in joins:
        assert (table, column) in COLUMNS
        assert "isKey" in MODEL[to_table].named("column")[key].properties


def test_microsofts_object_model_refuses_what_is_no_tmdl(tmp_path):
    broken = tmp_path / "broken.SemanticModel"
    shutil.copytree(SEMANTIC_MODEL, broken)
    path = broken / "definition" / "tables" / "Calendar.tmdl"
    path.write_text(path.read_text().replace("dataType: int64", "dataType: whole", 1))
    with pytest.raises(SmaError, match="refuses"), loaded(broken):
        pass


def test_without_npm_one_line_says_so(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SmaError, match=r"^npm is not installed: [^\n]+$"), loaded(SEMANTIC_MODEL, tmp_path):
        pass


@pytest.mark.parametrize("name", sorted(MODEL))
def test_every_name_in_dax_is_in_the_model(name):
    roles = [top for top in read_model() if top.kind == "role"]
    expressions = [measure.expression for measure in MODEL[name].named("measure").values()]
    expressions += [
        role.named("tablePermission")[name].expression for role in roles if name in role.named("tablePermission")
    ]
    for expression in expressions:
        named = re.sub(r'"[^"]*"', "", expression)
        for quoted, plain, column in re.findall(TABLE + r"\[([^\]]+)\]", named):
            assert (quoted or plain, column) in COLUMNS, expression
        for quoted in re.findall(r"'([^']+)'", named):
            assert quoted in MODEL, expression
        for alone in re.findall(r"(?<![\w'])\[([^\]]+)\]", named):
            assert (name, alone) in COLUMNS or alone in {measure for _, measure in MEASURES}, expression


def test_measures_have_names_of_their_own():
    names = [measure.lower() for _, measure in MEASURES]
    assert len(set(names)) == len(names)
    for table, measure in MEASURES:
        assert measure.lower() not in {column.lower() for owner, column in COLUMNS if owner == table}


def test_the_current_sma_is_of_a_window_that_an_event_entered():
    """A window after the newest event of its series holds ever fewer events, down to one."""
    facts = MODEL["Moving averages"].named("measure")
    newest = facts["Current as of (UTC)"].expression
    assert "'Series'[Newest event (UTC)] + ('Averages'[Every (s)] + 0.0005) / 86400" in newest
    for name in ("Current SMA", "Current events", "Previous SMA"):
        assert "VAR latest = [Current as of (UTC)]" in facts[name].expression


def test_what_a_refresh_policy_loads_is_what_the_partition_loads():
    policies = {
        name: child.properties["sourceExpression"]
        for name, table in MODEL.items()
        for child in table.children
        if child.kind == "refreshPolicy"
    }
    assert policies.keys() == {"Moving averages", "Differences"}  # the names that a refresh by partition asks for
    for name, source in policies.items():
        assert source == MODEL[name].named("partition")[name].properties["source"]
        assert "Value.NativeQuery(" in source


def test_every_field_of_the_report_is_in_the_model():
    references = field_references()
    assert {one.kind for one in references} == {"Column", "Measure"}
    for one in references:
        assert (one.table, one.name) in (COLUMNS if one.kind == "Column" else MEASURES), one


def test_every_page_has_visuals_and_every_visual_a_field():
    folders = {path.parent.name for path in REPORT.glob("definition/pages/*/page.json")}
    assert set(pages()) == folders
    having = {one.file for one in field_references()}
    for page in pages():
        visuals = {
            str(path.relative_to(REPORT)) for path in REPORT.glob(f"definition/pages/{page}/visuals/*/visual.json")
        }
        assert visuals
        assert visuals <= having


def test_visuals_stand_on_their_page_and_on_no_other_visual():
    for page in pages():
        folder = REPORT / "definition" / "pages" / page
        size = json.loads((folder / "page.json").read_text())
        boxes = [json.loads(path.read_text())["position"] for path in folder.glob("visuals/*/visual.json")]
        for box in boxes:
            assert 0 <= box["x"] <= box["x"] + box["width"] <= size["width"]
            assert 0 <= box["y"] <= box["y"] + box["height"] <= size["height"]
            for other in boxes:
                apart = box["x"] + box["width"] <= other["x"] or box["y"] + box["height"] <= other["y"]
                apart |= other["x"] + other["width"] <= box["x"] or other["y"] + other["height"] <= box["y"]
                assert other is box or apart, (page, box, other)


def test_the_files_of_the_project_lead_to_one_another():
    for path in set(files_with_a_schema()) - {THEME}:
        assert json.loads(path.read_text())["$schema"].startswith(
            "https://developer.microsoft.com/json-schemas/fabric/"
        )
    (item,) = json.loads((PROJECT / "moving-averages.pbip").read_text())["artifacts"]
    report = PROJECT / item["report"]["path"]
    assert report == REPORT
    reference = json.loads((report / "definition.pbir").read_text())["datasetReference"]["byPath"]["path"]
    assert (report / reference).resolve() == SEMANTIC_MODEL


def test_the_refresh_asks_for_the_tables_and_by_the_policy_of_the_model():
    model, settings = tables(), Settings()
    policies = {name: table.named("refreshPolicy") for name, table in model.items() if table.named("refreshPolicy")}
    assert set(settings.powerbi_partitioned_tables.split(", ")) == set(policies)
    imported = {
        name
        for name, table in model.items()
        if all(part.properties["mode"] != "directQuery" for part in table.named("partition").values())
    }
    assert set(settings.powerbi_other_tables.split(", ")) == imported - set(policies)
    for policy in policies.values():
        (properties,) = (one.properties for one in policy.values())
        assert properties["incrementalGranularity"] == settings.powerbi_granularity
        assert int(properties["incrementalPeriods"]) == settings.powerbi_periods
