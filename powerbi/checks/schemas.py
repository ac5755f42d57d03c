"""Checks the project's JSON against Microsoft's published schemas.

The schemas are no part of this project: they are read from a checkout of github.com/microsoft/json-schemas. Whether
the fields that the JSON names exist is checked in `powerbi.checks.report`.

    python -m powerbi.checks.schemas CHECKOUT_OF_JSON_SCHEMAS
"""

import json
import sys
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator
from referencing import Registry, Resource
from referencing.exceptions import NoSuchResource

from powerbi.checks.paths import PROJECT
from sma.errors import SmaError

_PUBLISHED = "https://developer.microsoft.com/json-schemas/"


def files_with_a_schema(project: Path = PROJECT) -> list[Path]:
    """Return every file of the project that names its schema, in order of path; .pbids has none."""
    names = ("*.json", "*.pbip", "*.pbir", "*.pbism", ".platform")
    inside = [path for folder in ("*.SemanticModel", "*.Report") for path in project.glob(f"{folder}/**/*")]
    return sorted(path for path in [*project.glob("*.pbip"), *inside] if any(path.match(name) for name in names))


def complaints(checkout: Path, project: Path = PROJECT) -> list[str]:
    """Return what the schemas object to, one line for each objection, with file and place; [] means valid.

    Args:
        checkout: a checkout of microsoft/json-schemas.
        project: the folder of the .pbip file.

    Raises:
        SmaError: a schema is not in the checkout, or a file names none.
    """

    def retrieve(uri: str) -> Resource[Any]:
        path = checkout / uri.removeprefix(_PUBLISHED)
        if not uri.startswith(_PUBLISHED) or not path.is_file():
            raise NoSuchResource(uri)
        return Resource.from_contents(json.loads(path.read_text(encoding="utf-8-sig")))

    # referencing hides that its classes are attrs'
    registry: Registry[Any] = Registry(retrieve=retrieve)  # type: ignore[call-arg]
    found = []
    for path in files_with_a_schema(project):
        content = json.loads(path.read_text())
        uri = content.get("$schema", "")
        try:
            schema = registry.get_or_retrieve(uri).value.contents
        except NoSuchResource as error:
            raise SmaError(
                f"{path}: its schema {uri!r} is not in {checkout}: "
                "name a checkout of https://github.com/microsoft/json-schemas that has it"
            ) from error
        for objection in Draft7Validator(schema, registry=registry).iter_errors(content):
            found.append(f"{path.relative_to(project)}: {objection.json_path}: {objection.message}")
    return found


def main(arguments: list[str]) -> int:
    """Print the objections; 0 where there are none."""
    if len(arguments) != 1:
        print("usage: python -m powerbi.checks.schemas CHECKOUT_OF_JSON_SCHEMAS", file=sys.stderr)
        return 2
    try:
        found = complaints(Path(arguments[0]))
    except SmaError as error:
        print(error, file=sys.stderr)
        return 1
    print("\n".join(found) or f"{len(files_with_a_schema())} files, each as its schema says")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
