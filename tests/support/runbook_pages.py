"""The commands of the runbooks: which there are, and what each of them says and how it ends when it is run."""

import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from sma.settings import CHECKOUT

PAGES = sorted((CHECKOUT / "docs" / "runbooks").glob("*.md"))
_FENCE = re.compile(r"^( *)```sh( fix|)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_SECONDS = 550


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended."""

    code: int
    output: str


def looks(page: Path) -> list[str]:
    """Return the commands of a page that only look, one by one: many stand on several pages."""
    return [command for block in _blocks(page, fix="") for command in _one_by_one(block)]


def fixes(page: Path) -> list[str]:
    """Return the blocks of commands of a page that change something: what belongs together stays so."""
    return _blocks(page, fix=" fix")


def _blocks(page: Path, fix: str) -> list[str]:
    return [block for _, kind, block in _FENCE.findall(page.read_text()) if kind == fix]


def _one_by_one(block: str) -> Iterator[str]:
    command = ""
    for line in block.splitlines():
        command += f"{line}\n"
        if command.count("'") % 2 == 0:  # or the quotation goes on
            yield command
            command = ""


def run_all(
    blocks: Iterable[str], words: Mapping[str, str], environ: Mapping[str, str], folder: Path
) -> dict[str, Ran]:
    """Run blocks of commands in one shell that has read shell.sh, one after the other, each to its own end.

    Args:
        blocks: as the pages have them; one that stands on several pages is run once.
        words: what stands for the words in capitals.
        environ: the environment of the shell.
        folder: where the outputs go.
    """
    distinct = list(dict.fromkeys(blocks))
    lines = ["source docs/runbooks/shell.sh"]
    for number, block in enumerate(distinct):
        filled = re.sub(rf"\b({'|'.join(words)})\b", lambda found: words[found[0]], block)
        lines.append(
            f"( set -e -o pipefail\n{filled}\n) > {folder}/{number}.out 2>&1; echo $? > {folder}/{number}.code"
        )
    subprocess.run(["/bin/bash", "-c", "\n".join(lines)], cwd=CHECKOUT, env=dict(environ), timeout=_SECONDS, check=True)
    return {
        block: Ran(int((folder / f"{number}.code").read_text()), (folder / f"{number}.out").read_text())
        for number, block in enumerate(distinct)
    }
