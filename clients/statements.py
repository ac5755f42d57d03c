"""Loads the SQL statements of a module: those of `blocks.py` are in `blocks.sql`, next to it.

The first line of such a file says why it exists. A statement begins with a line `-- name --` and ends where the next
one begins. Its comments go to the database too, so a percent sign in them is doubled where parameters are bound.

Source: procrastinate, sql/queries.sql.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import LiteralString, cast

_NAME_LINE = re.compile(r"^-- ([a-z_]+) --$", re.MULTILINE)


def load_statements(module_file: str) -> Mapping[str, LiteralString]:
    """Return the statements of a module by name.

    Args:
        module_file: `__file__` of the module.

    Raises:
        ValueError: two statements have one name.
    """
    path = Path(module_file).with_suffix(".sql")
    _, *names_and_texts = _NAME_LINE.split(path.read_text(encoding="utf-8"))
    names, texts = names_and_texts[::2], names_and_texts[1::2]
    if len(set(names)) < len(names):
        raise ValueError(f"{path}: two statements have one name among {', '.join(names)}: rename one of them")
    # the text is the project's own, as a literal in the module would be
    return {name: cast(LiteralString, text.strip()) for name, text in zip(names, texts, strict=True)}
