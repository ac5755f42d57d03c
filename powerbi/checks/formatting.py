"""Checks that Power BI knows every formatting that the report's visuals and its theme set.

Power BI ignores a name that it does not know, and the schemas allow any: that of a visual in `objects`, that of a theme
in a card. But the schema of themes lists the names for each type of visual. Whether the JSON has the published form is
checked in `powerbi.checks.schemas`.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from powerbi.checks.paths import REPORT, THEME
from powerbi.checks.published import CHECKOUTS, published_schema
from powerbi.checks.report import visuals
from sma.errors import SmaError

Cards = dict[str, list[dict[str, Any]]]


def unknown_formatting(folder: Path, report: Path = REPORT, theme: Path = THEME) -> list[str]:
    """Return the formatting that the schema of themes does not have, one line each; [] means all is known.

    Args:
        folder: has the checkout powerbi-desktop-samples.
        report: the .Report folder.
        theme: its theme, which names the schema.

    Raises:
        SmaError: the schema is not in the folder.
    """
    styles = json.loads(theme.read_text())
    schema = published_schema(folder, styles["$schema"])
    if schema is None:
        raise SmaError(f"{theme}: its schema {styles['$schema']!r} is not in {folder}: name a folder with {CHECKOUTS}")
    used = [
        *((one.file, one.type, one.content["visual"].get("objects", {})) for one in visuals(report)),
        *((theme.name, kind, cards) for kind, by_name in styles["visualStyles"].items() for cards in by_name.values()),
    ]
    return [
        f"{file}: {card}.{name}: {kind} has no such formatting"
        for file, kind, cards in used
        for card, name in _names(cards)
        if name not in _known(schema, kind, card)
    ]


def _names(cards: Cards) -> Iterator[tuple[str, str]]:
    """Each (card, name) that is set: in a visual below `properties`, in a theme without."""
    for card, settings in cards.items():
        for setting in settings:
            yield from ((card, name) for name in setting.get("properties", setting))


def _known(schema: dict[str, Any], kind: str, card: str) -> set[str]:
    """The names that a card of one kind of visual has; '*' is every visual, 'page' the page."""
    if kind == "page":
        definition = schema["properties"]["visualStyles"]["properties"]["page"]["properties"]["*"]
    else:
        definition = schema["definitions"]["commonCards" if kind == "*" else f"visual-{kind}"]
    cards = [part["properties"][card] for part in _parts(schema, definition) if card in part.get("properties", {})]
    return {name for one in cards for part in _parts(schema, one["items"]) for name in part.get("properties", {})}


def _parts(schema: dict[str, Any], definition: dict[str, Any]) -> list[dict[str, Any]]:
    """A definition, or the definitions that it joins."""
    return [
        schema["definitions"][part["$ref"].rpartition("/")[2]] if "$ref" in part else part
        for part in definition.get("allOf", [definition])
    ]
