"""Reads the semantic model from TMDL: its tables, columns, measures and queries.

It reads the part of TMDL that this model uses, so that checks can compare it with the database and the report. Whether
the files are valid TMDL is decided by Microsoft's own reader (`powerbi.checks.object_model`); a test compares both.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from powerbi.checks.paths import SEMANTIC_MODEL
from sma.errors import SmaError

_HEAD = re.compile(
    r"(table|measure|column|partition|expression|relationship|role|tablePermission)\s+('(?:[^']|'')+'|[^\s=]+)(?:\s*=\s*(.*))?$"
)


@dataclass(frozen=True, slots=True)
class Object:
    """One TMDL object: its kind, its name, the expression after `=`, its properties and the objects in it."""

    kind: str
    name: str
    expression: str
    properties: dict[str, str] = field(default_factory=dict)
    children: "list[Object]" = field(default_factory=list)

    def named(self, kind: str) -> "dict[str, Object]":
        """The children of one kind, by name."""
        return {child.name: child for child in self.children if child.kind == kind}


def read_model(folder: Path = SEMANTIC_MODEL) -> list[Object]:
    """Return the objects at the top of every TMDL file of the model, in order of file name.

    Raises:
        SmaError: there is no TMDL in the folder.
    """
    files = sorted((folder / "definition").rglob("*.tmdl"))
    if not files:
        raise SmaError(f"{folder}: no .tmdl file under definition/: name the .SemanticModel folder of the project")
    return [top for path in files for top in _objects(_lines(path))]


def tables(folder: Path = SEMANTIC_MODEL) -> dict[str, Object]:
    """The model's tables, by name."""
    return {top.name: top for top in read_model(folder) if top.kind == "table"}


def _lines(path: Path) -> list[tuple[int, str]]:
    """Lines as (depth in tabs, text), without blank ones and descriptions."""
    kept = []
    for line in path.read_text().splitlines():
        text = line.lstrip("\t")
        if text.strip() and not text.startswith("///"):
            kept.append((len(line) - len(text), text))
    return kept


def _objects(lines: list[tuple[int, str]]) -> Iterator[Object]:
    """The objects that begin at the depth of the first line, and their properties and children."""
    for head, body in _blocks(lines):
        match = _HEAD.match(head)
        if not match:
            continue
        expression, inner = match[3] or "", body
        if match[3] == "":  # the expression is below, two deeper than its head
            depth = body[0][0]
            expression = "\n".join("\t" * (at - depth) + text for at, text in _while_deep(body, depth))
            inner = body[len(_while_deep(body, depth)) :]
        made = Object(match[1], _unquoted(match[2]), expression)
        for text, below in _blocks(inner):
            if _HEAD.match(text):
                continue
            key, _, value = text.partition(":") if ":" in text.partition("=")[0] else text.partition("=")
            made.properties[key.strip()] = value.strip() or _text(below)
            if text == "refreshPolicy":
                made.children.append(Object("refreshPolicy", "", "", dict(_properties(below))))
        made.children.extend(_objects(inner))
        yield made


def _blocks(lines: list[tuple[int, str]]) -> Iterator[tuple[str, list[tuple[int, str]]]]:
    """Each line of the smallest depth with the deeper lines below it."""
    if not lines:
        return
    depth = min(at for at, _ in lines)
    starts = [index for index, (at, _) in enumerate(lines) if at == depth]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        yield lines[start][1], lines[start + 1 : end]


def _properties(lines: list[tuple[int, str]]) -> Iterator[tuple[str, str]]:
    for text, below in _blocks(lines):
        key, _, value = text.partition("=") if text.endswith("=") else text.partition(":")
        yield key.strip(), value.strip() or _text(below)


def _while_deep(lines: list[tuple[int, str]], depth: int) -> list[tuple[int, str]]:
    """The first lines that are at `depth` or deeper."""
    for index, (at, _) in enumerate(lines):
        if at < depth:
            return lines[:index]
    return lines


def _text(lines: list[tuple[int, str]]) -> str:
    least = min((at for at, _ in lines), default=0)
    return "\n".join("\t" * (at - least) + text for at, text in lines)


def _unquoted(name: str) -> str:
    return name[1:-1].replace("''", "'") if name.startswith("'") else name
