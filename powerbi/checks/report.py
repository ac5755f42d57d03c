"""Reads the report: its pages, their visuals, and the fields of the model that they refer to.

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


@dataclass(frozen=True, slots=True)
class Box:
    """The place of a visual on its page, in pixels from the left and the top."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Field:
    """A field that a visual shows; `label` is its heading."""

    kind: str
    table: str
    name: str
    label: str


@dataclass(frozen=True, slots=True)
class Visual:
    """One visual of a page; `content` is its file, `phone` its place on a phone, None where it is not shown there."""

    file: str
    page: str
    name: str
    box: Box
    phone: Box | None
    content: dict[str, Any]

    @property
    def type(self) -> str:
        """The type of visual, as 'card'."""
        return str(self.content["visual"]["visualType"])

    @property
    def title(self) -> str:
        """The title; '' where none is shown."""
        title = self.container("title")
        return title.get("text", "") if title.get("show") == "true" else ""

    def container(self, card: str) -> dict[str, str]:
        """Return the settings of the frame of the visual, such as 'title'; {} where it has none."""
        cards = self.content["visual"].get("visualContainerObjects", {}).get(card, [{"properties": {}}])
        return {name: literal(value) for name, value in cards[0]["properties"].items()}

    def fields(self, role: str) -> list[Field]:
        """Return the fields of one role of the visual, such as 'Values'; [] where it has none."""
        state = self.content["visual"]["query"]["queryState"].get(role, {"projections": []})
        made = []
        for projection in state["projections"]:
            ((kind, field),) = projection["field"].items()
            label = projection.get("displayName", field["Property"])
            made.append(Field(kind, field["Expression"]["SourceRef"]["Entity"], field["Property"], label))
        return made

    def settings(self, card: str, name: str) -> dict[str, Any]:
        """Return one setting of a card by what it is for: a field as 'Table.Name', or a value of the legend."""
        return {
            _target(one["selector"]): one["properties"][name]
            for one in self.content["visual"].get("objects", {}).get(card, [])
            if "selector" in one
        }

    def colours(self) -> dict[str, str]:
        """Return the colour of each field, or of each value of the legend, as '#0B65A3'."""
        return {name: literal(fill["solid"]["color"]) for name, fill in self.settings("dataPoint", "fill").items()}


def _target(selector: dict[str, Any]) -> str:
    if "metadata" in selector:
        return str(selector["metadata"])
    (one,) = selector["data"]
    return literal({"expr": one["scopeId"]["Comparison"]["Right"]})


def literal(expression: dict[str, Any]) -> str:
    """Return the value of a literal without its quotes, as PBIR writes them."""
    value: str = expression["expr"]["Literal"]["Value"]
    return value[1:-1].replace("''", "'") if value.startswith("'") else value


def visuals(report: Path = REPORT) -> list[Visual]:
    """Return the visuals of all pages, in order of page and of the tab key."""
    found = []
    for page in pages(report):
        of_page = []
        for path in (report / "definition" / "pages" / page).glob("visuals/*/visual.json"):
            content = json.loads(path.read_text())
            phone = path.with_name("mobile.json")
            of_page.append(
                Visual(
                    file=str(path.relative_to(report)),
                    page=page,
                    name=path.parent.name,
                    box=_box(content["position"]),
                    phone=_box(json.loads(phone.read_text())["position"]) if phone.is_file() else None,
                    content=content,
                )
            )
        found += sorted(of_page, key=lambda visual: float(visual.content["position"]["tabOrder"]))
    return found


def _box(position: dict[str, float]) -> Box:
    return Box(position["x"], position["y"], position["width"], position["height"])


def page(name: str, report: Path = REPORT) -> dict[str, Any]:
    """Return the file of a page."""
    content: dict[str, Any] = json.loads((report / "definition" / "pages" / name / "page.json").read_text())
    return content


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
