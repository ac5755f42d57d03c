"""Commands and output that a page of the documentation shows, as a user copies and reads them."""

import re
import shlex

from sma.settings import CHECKOUT


def documented_commands(page: str) -> list[list[str]]:
    """Return the words of each command in the first block of shell commands of a page, without comments."""
    lines = _first_block(page, "sh").replace("\\\n", " ").splitlines()
    return [words for line in lines if (words := shlex.split(line, comments=True))]


def documented_output(page: str) -> list[list[str]]:
    """Return the words of each line of the first block of output of a page."""
    return [line.split() for line in _first_block(page, "").splitlines()]


def _first_block(page: str, language: str) -> str:
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", (CHECKOUT / page).read_text(), re.MULTILINE | re.DOTALL)
    return next(text for name, text in blocks if name == language)
