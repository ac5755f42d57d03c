"""Writes the pictures of docs/powerbi.md.

python -m powerbi.pictures FOLDER        writes powerbi-overview.png, -series, -quality, -tooltips and -phone
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from powerbi.pictures.pages import PICTURES
from powerbi.pictures.rows import read_rows
from sma.errors import SmaError
from sma.settings import load_settings


def main(arguments: Sequence[str]) -> int:
    """Draw the pictures into a folder; 0 where it went well."""
    if len(arguments) != 1:
        print("usage: python -m powerbi.pictures FOLDER", file=sys.stderr)
        return 2
    folder = Path(arguments[0])
    folder.mkdir(parents=True, exist_ok=True)
    try:
        rows = read_rows(load_settings().database_url.get_secret_value())
        for name, draw in PICTURES.items():
            path = folder / f"powerbi-{name}.png"
            draw(rows).savefig(path, metadata={"Software": None}, pil_kwargs={"optimize": True})
            print(path)
    except SmaError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
