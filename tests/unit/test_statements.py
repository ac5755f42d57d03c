import ast
import re
from pathlib import Path

import pytest

from clients.statements import load_statements
from sma.settings import CHECKOUT

ROOMS = ("batch", "monitoring/exporter", "overview", "powerbi/refresh", "reader")
FILES = [path for room in ROOMS for path in sorted((CHECKOUT / room).rglob("*.sql"))]
MODULES = [path for room in ROOMS for path in sorted((CHECKOUT / room).rglob("*.py"))]
_STATEMENT = re.compile(r"\s*(ANALYZE|COPY|CREATE|DELETE|INSERT|MERGE|SELECT|SET|TRUNCATE|UPDATE|WITH)\s")


def _name(path: Path) -> str:
    return path.relative_to(CHECKOUT).as_posix()


def _names_used(module: Path) -> set[str]:
    return set(re.findall(r'_SQL\["(\w+)"\]', module.read_text()))


@pytest.mark.parametrize("room", ROOMS)
def test_room_has_files_of_statements(room: str):
    assert any(path.is_relative_to(CHECKOUT / room) for path in FILES)


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_first_line_says_why_the_file_exists(path: Path):
    assert re.match(rf"-- Statements? of {path.stem}: .+\.", path.read_text().splitlines()[0])


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_lines_are_as_short_as_those_of_python(path: Path):
    assert [line for line in path.read_text().splitlines() if len(line) > 120] == []


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_module_uses_every_statement_of_its_file(path: Path):
    module = path.with_suffix(".py")
    assert set(load_statements(str(module))) - _names_used(module) == set()


@pytest.mark.parametrize("module", [path for path in MODULES if _names_used(path)], ids=_name)
def test_every_statement_that_a_module_uses_exists(module: Path):
    assert _names_used(module) - set(load_statements(str(module))) == set()


@pytest.mark.parametrize("module", MODULES, ids=_name)
def test_no_module_has_sql_of_its_own(module: Path):
    texts = [node.value for node in ast.walk(ast.parse(module.read_text())) if isinstance(node, ast.Constant)]
    assert [text for text in texts if isinstance(text, str) and _STATEMENT.match(text)] == []


def test_statement_ends_where_the_next_one_begins(tmp_path: Path):
    (tmp_path / "things.sql").write_text(
        "-- Statements of things: they are two.\n\n-- first --\n-- of one\nSELECT 1\n\n-- second --\nSELECT 2\n"
    )
    assert load_statements(str(tmp_path / "things.py")) == {"first": "-- of one\nSELECT 1", "second": "SELECT 2"}


def test_two_statements_of_one_name_are_refused(tmp_path: Path):
    (tmp_path / "things.sql").write_text("-- first --\nSELECT 1\n-- first --\nSELECT 2\n")
    with pytest.raises(ValueError, match=r"things\.sql: two statements have one name among first, first"):
        load_statements(str(tmp_path / "things.py"))
