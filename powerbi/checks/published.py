"""Finds Microsoft's published schemas in checkouts of the repositories that have them."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote

_REPOSITORIES = {
    "https://developer.microsoft.com/json-schemas/": "json-schemas",
    "https://raw.githubusercontent.com/microsoft/powerbi-desktop-samples/main/": "powerbi-desktop-samples",
}
# what a message asks for
CHECKOUTS = f"checkouts of {' and '.join(f'https://github.com/microsoft/{name}' for name in _REPOSITORIES.values())}"


def published_schema(folder: Path, uri: str) -> Any:
    """Return the schema that is published at a URI; None where the folder's checkouts do not have it."""
    for published, repository in _REPOSITORIES.items():
        path = folder / repository / unquote(uri.removeprefix(published))
        if uri.startswith(published) and path.is_file():
            return json.loads(path.read_text(encoding="utf-8-sig"))
    return None
