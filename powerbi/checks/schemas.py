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

from jsonschema import Draft7Validator
from referencing import Registry, Resource
from referencing.exceptions import NoSuchResource
from referencing.jsonschema import DRAFT7

from powerbi.checks.formatting import unknown_formatting
from powerbi.checks.paths import PROJECT
from powerbi.checks.published import CHECKOUTS, published_schema
from sma.errors import SmaError


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
        schema = published_schema(folder, uri)
        if schema is None:
            raise NoSuchResource(uri)
        return DRAFT7.create_resource(schema)

    # referencing hides that its classes are attrs'
    registry: Registry[Any] = Registry(retrieve=retrieve)  # type: ignore[call-arg]
    objections = []
    for path in files_with_a_schema(project):
        content = json.loads(path.read_text())
        uri = content.get("$schema", "")
        try:
            schema = registry.get_or_retrieve(uri).value.contents
        except NoSuchResource as error:
            raise SmaError(f"{path}: its schema {uri!r} is not in {folder}: name a folder with {CHECKOUTS}") from error
        for objection in Draft7Validator(schema, registry=registry).iter_errors(content):
            objections.append(f"{path.relative_to(project)}: {objection.json_path}: {objection.message}")
    return objections


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
