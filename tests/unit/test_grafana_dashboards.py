"""The dashboards as Grafana would import them: what their Python makes, with stable uids and no fixed data source."""

import json
import re

import pytest
import yaml

from monitoring.grafana.__main__ import FOLDER, dashboards
from monitoring.grafana.panels import DATABASE_PLUGIN
from sma.settings import CHECKOUT

FILES = sorted(FOLDER.glob("*.json"))
UIDS = {"sma-pipeline", "sma-flink", "sma-kafka", "sma-reconciliation", "sma-series"}


def panels_of(board):
    return [panel for panel in board["panels"] if panel["type"] != "row"]


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def board(request):
    return json.loads(request.param.read_text())


def test_the_files_are_what_the_python_makes():
    assert {path.name: path.read_text() for path in FILES} == dashboards()


def test_uids_are_stable_and_each_file_is_called_after_its_own():
    assert {json.loads(path.read_text())["uid"] for path in FILES} == {path.stem for path in FILES} == UIDS


def test_it_imports_without_an_edit(board):
    assert board.get("id") is None
    assert "__inputs" not in board
    variables = {variable["name"]: variable for variable in board["templating"]["list"]}
    assert variables["prometheus"]["type"] == variables["timescaledb"]["type"] == "datasource"
    assert (variables["prometheus"]["query"], variables["timescaledb"]["query"]) == ("prometheus", DATABASE_PLUGIN)
    for panel in panels_of(board):
        assert panel["datasource"]["uid"] in ("${prometheus}", "${timescaledb}")
        assert panel["targets"]
    ids = [panel["id"] for panel in board["panels"]]
    assert len(ids) == len(set(ids))


def test_no_two_panels_overlap(board):
    taken = set()
    for panel in board["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells


def test_every_panel_says_what_it_shows_and_in_which_unit(board):
    for panel in panels_of(board):
        assert panel["description"], panel["title"]
        assert panel["type"] == "table" or panel["fieldConfig"]["defaults"]["unit"]


def test_every_metric_of_a_panel_is_listed_or_flinks_own(board):
    listed = set(re.findall(r"^\| `(sma_\w+)`", (CHECKOUT / "docs" / "metrics.md").read_text(), re.MULTILINE))
    for panel in panels_of(board):
        for target in panel["targets"]:
            assert set(re.findall(r"\bsma_\w+", target.get("expr", ""))) <= listed


def test_provisioning_names_the_plugins_of_the_panels_and_the_folder():
    folder = CHECKOUT / "monitoring" / "grafana" / "provisioning"
    sources = yaml.safe_load((folder / "datasources" / "sma.yml").read_text())["datasources"]
    assert {source["type"] for source in sources} == {"prometheus", DATABASE_PLUGIN}
    (provider,) = yaml.safe_load((folder / "dashboards" / "sma.yml").read_text())["providers"]
    assert provider["options"]["path"] == "${SMA_DASHBOARDS}"
