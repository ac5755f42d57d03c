"""Checks the project's JSON against Microsoft's published schemas.

The schemas are not part of this project. They are read from a folder with checkouts of two repositories of
github.com/microsoft: json-schemas for the report, powerbi-desktop-samples for its theme. Whether the fields that the
JSON names exist is checked in `powerbi.checks.report`.

    python -m powerbi.checks.schemas FOLDER        FOLDER/json-schemas, FOLDER/powerbi-desktop-samples
"""

import json
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from jsonschema import Draft7Validator
from referencing import Registry, Resource
from referencing.exceptions import NoSuchResource
from referencing.jsonschema import DRAFT7

from powerbi.checks.paths import PROJECT, REPORT, THEME
from powerbi.checks.report import visuals
from sma.errors import SmaError

# where Microsoft publishes schemas, and the checkout that has them
_CHECKOUTS = {
    "https://developer.microsoft.com/json-schemas/": "json-schemas",
    "https://raw.githubusercontent.com/microsoft/powerbi-desktop-samples/main/": "powerbi-desktop-samples",
}


def files_with_a_schema(project: Path = PROJECT) -> list[Path]:
    """Return every file of the project that names its schema, in order of path; .pbids has none."""
    names = ("*.json", "*.pbip", "*.pbir", "*.pbism", ".platform")
    inside = [path for folder in ("*.SemanticModel", "*.Report") for path in project.glob(f"{folder}/**/*")]
    return sorted(path for path in [*project.glob("*.pbip"), *inside] if any(path.match(name) for name in names))


def complaints(folder: Path, project: Path = PROJECT) -> list[str]:
    """Return the schemas' objections, one line each, with file and place; [] means valid.

    Args:
        folder: has the checkouts json-schemas and powerbi-desktop-samples.
        project: the folder of the .pbip file.

    Raises:
        SmaError: a schema is not in its checkout, or a file names none.
    """

    def retrieve(uri: str) -> Resource[Any]:
        for published, checkout in _CHECKOUTS.items():
            path = folder / checkout / unquote(uri.removeprefix(published))
            if uri.startswith(published) and path.is_file():
                return DRAFT7.create_resource(json.loads(path.read_text(encoding="utf-8-sig")))
        raise NoSuchResource(uri)

    # referencing hides that its classes are attrs'
    registry: Registry[Any] = Registry(retrieve=retrieve)  # type: ignore[call-arg]
    objections = []
    for path in files_with_a_schema(project):
        content = json.loads(path.read_text())
        uri = content.get("$schema", "")
        try:
            schema = registry.get_or_retrieve(uri).value.contents
        except NoSuchResource as error:
            raise SmaError(
                f"{path}: its schema {uri!r} is not in {folder}: name a folder with checkouts of "
                f"{' and '.join(f'https://github.com/microsoft/{name}' for name in _CHECKOUTS.values())} that has it"
            ) from error
        for objection in Draft7Validator(schema, registry=registry).iter_errors(content):
            objections.append(f"{path.relative_to(project)}: {objection.json_path}: {objection.message}")
    return objections


def unknown_formatting(folder: Path, report: Path = REPORT) -> list[str]:
    """Return the formatting of visuals that the theme's schema does not have, one line each; [] means all is known.

    The schema of a visual allows any name in `objects`, and Power BI ignores a name that it does not know. The schema
    of themes lists the names of each type of visual.

    Args:
        folder: has the checkout powerbi-desktop-samples.
        report: the .Report folder; its theme names the schema.

    Raises:
        SmaError: the schema is not in the folder.
    """
    uri = json.loads(THEME.read_text())["$schema"]
    published = next(one for one in _CHECKOUTS if uri.startswith(one))
    path = folder / _CHECKOUTS[published] / unquote(uri.removeprefix(published))
    if not path.is_file():
        raise SmaError(f"{path}: no such file: name a folder with a checkout of powerbi-desktop-samples that has it")
    definitions = json.loads(path.read_text(encoding="utf-8-sig"))["definitions"]
    return [
        f"{visual.file}: {card}.{name}: {visual.type} has no such formatting"
        for visual in visuals(report)
        for card, settings in visual.content["visual"].get("objects", {}).items()
        for setting in settings
        for name in setting["properties"]
        if name not in _properties(definitions[f"visual-{visual.type}"], card)
    ]


def _properties(definition: dict[str, Any], card: str) -> set[str]:
    """The names of the settings in one card of a type of visual; a definition may have several parts."""
    cards = [part["properties"][card] for part in _parts(definition) if card in part.get("properties", {})]
    return {name for one in cards for part in _parts(one["items"]) for name in part.get("properties", {})}


def _parts(definition: dict[str, Any]) -> list[dict[str, Any]]:
    return definition.get("allOf", [definition])  # type: ignore[no-any-return]


def main(arguments: list[str]) -> int:
    """Print the objections; 0 where there are none."""
    if len(arguments) != 1:
        print("usage: python -m powerbi.checks.schemas FOLDER", file=sys.stderr)
        return 2
    try:
        objections = complaints(Path(arguments[0])) + unknown_formatting(Path(arguments[0]))
    except SmaError as error:
        print(error, file=sys.stderr)
        return 1
    print("\n".join(objections) or f"{len(files_with_a_schema())} files, each valid by its schema")
    return 1 if objections else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
