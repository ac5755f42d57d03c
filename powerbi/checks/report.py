"""Lists the fields of the model that the report refers to.

Whether the JSON has the form that Microsoft publishes is checked in `powerbi.checks.schemas`.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from powerbi.checks.paths import REPORT


@dataclass(frozen=True, slots=True)
class FieldReference:
    """A column or measure that a file of the report names; `kind` is 'Column' or 'Measure'."""

    file: str
    kind: str
    table: str
    name: str


def field_references(report: Path = REPORT) -> list[FieldReference]:
    """Return every reference to a field, of all pages, visuals and filters, in order of file; with repetitions."""
    references = []
    for path in sorted((report / "definition").rglob("*.json")):
        content = json.loads(path.read_text())
        aliases = {one["Name"]: one["Entity"] for part in _objects(content) for one in part.get("From", [])}
        for part in _objects(content):
            for kind in ("Column", "Measure"):
                if isinstance(part.get(kind), dict) and "Property" in part[kind]:
                    source = part[kind]["Expression"]["SourceRef"]
                    table = source.get("Entity") or aliases[source["Source"]]
                    references.append(
                        FieldReference(str(path.relative_to(report)), kind, table, part[kind]["Property"])
                    )
    return references


def pages(report: Path = REPORT) -> list[str]:
    """Return the names of the pages, in the order in which readers see them."""
    order: list[str] = json.loads((report / "definition" / "pages" / "pages.json").read_text())["pageOrder"]
    return order


def _objects(content: Any) -> Iterator[dict[str, Any]]:
    """Every JSON object in `content`, itself included."""
    if isinstance(content, dict):
        yield content
        for value in content.values():
            yield from _objects(value)
    elif isinstance(content, list):
        for value in content:
            yield from _objects(value)
