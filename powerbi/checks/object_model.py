"""Loads the semantic model with Microsoft's own object model, and returns the tables, columns and measures in it.

The object model comes as an MCP server on standard input and output, from the npm registry; `install` puts it under
.local/install. It reads the folder and talks to no database. Which columns the database has is checked elsewhere.
"""

import fcntl
import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from typing import Any

from sma.errors import SmaError
from sma.settings import CHECKOUT

_PINNED = Path(__file__).with_name("object_model_reader")
INSTALLED = CHECKOUT / ".local" / "install" / "powerbi-object-model"
_PROGRAM = "node_modules/@microsoft/powerbi-modeling-mcp-linux-x64/dist/powerbi-modeling-mcp"
_INSTALL_SECONDS = 240
_RESPONSE_SECONDS = 60


def install(folder: Path = INSTALLED) -> Path:
    """Install the pinned package, checked by its hash, into a folder unless it is there; return the program.

    If processes do this at the same time, one installs and the others wait for it.

    Raises:
        SmaError: there is no npm, or it could not install the package.
    """
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / _PROGRAM
    with (folder / "lock").open("w") as lock_file:
        fcntl.flock(lock_file, fcntl.LOCK_EX)
        _install_package(folder, program)
    return program


def _install_package(folder: Path, program: Path) -> None:
    lock = (_PINNED / "package-lock.json").read_text()
    stamp = folder / "installed"
    if stamp.is_file() and stamp.read_text() == lock and program.is_file():
        return
    npm = shutil.which("npm")
    if npm is None:
        raise SmaError(
            "npm is not installed: Microsoft's object model comes as an npm package; install Node.js with npm"
        )
    for name in ("package.json", "package-lock.json"):
        shutil.copy(_PINNED / name, folder / name)
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1"]
    try:
        ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_INSTALL_SECONDS, check=False)
        problem = " ".join(ran.stderr.split())[:300] if ran.returncode else ""
    except subprocess.TimeoutExpired:
        problem = f"no end after {_INSTALL_SECONDS} s"
    if problem:
        raise SmaError(
            f"Microsoft's object model could not be installed from the npm registry: {problem}; try again with it"
        )
    program.chmod(0o755)
    stamp.write_text(lock)


class ObjectModel:
    """A semantic model as Microsoft's object model has loaded it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._calls = 0
        self._send(
            "initialize",
            {"protocolVersion": "2024-11-05", "capabilities": {}, "clientInfo": {"name": "sma", "version": "1"}},
        )

    def load(self, folder: Path) -> None:
        """Load a .SemanticModel folder.

        Raises:
            SmaError: the object model refuses it; the message is its own.
        """
        self._ask("connection_operations", "ConnectFolder", folderPath=str(folder))

    def columns(self) -> dict[tuple[str, str], str]:
        """Return the data type of each (table, column), in TMDL's spelling, as 'int64'."""
        listed = self._ask("column_operations", "List")
        return {
            (table["tableName"], column["name"]): column["dataType"][0].lower() + column["dataType"][1:]
            for table in listed
            for column in table["columns"]
        }

    def measures(self) -> set[tuple[str, str]]:
        """Return each (table, measure)."""
        listed = self._ask("measure_operations", "List")
        return {(table["tableName"], measure["name"]) for table in listed for measure in table["measures"]}

    def shown(self) -> dict[tuple[str, str], dict[str, Any]]:
        """Return how each (table, column or measure) is shown.

        Returns:
            description, isHidden, formatString, and for a measure formatStringExpression, for a column sortByColumn.
        """
        found = {}
        for kind, names in (("column", self.columns()), ("measure", self.measures())):
            references = [{"tableName": table, "name": name} for table, name in sorted(names)]
            for one in self._call(f"{kind}_operations", "Get", references=references)["results"]:
                found[one["data"]["tableName"], one["data"]["name"]] = one["data"]
        return found

    def storage_modes(self) -> dict[str, str]:
        """Return the storage mode of each table, in TMDL's spelling, as 'directQuery'."""
        return {
            table["name"]: table["storageMode"][0].lower() + table["storageMode"][1:]
            for table in self._ask("table_operations", "List")
        }

    def relationships(self) -> set[tuple[str, str, str, str]]:
        """Return each (from table, from column, to table, to column)."""
        keys = ("fromTable", "fromColumn", "toTable", "toColumn")
        return {
            (one[keys[0]], one[keys[1]], one[keys[2]], one[keys[3]])
            for one in self._ask("relationship_operations", "List")
        }

    def _ask(self, tool: str, operation: str, **arguments: str) -> Any:
        return self._call(tool, operation, **arguments).get("data")

    def _call(self, tool: str, operation: str, **arguments: Any) -> dict[str, Any]:
        result = self._send(
            "tools/call", {"name": tool, "arguments": {"request": {"operation": operation, **arguments}}}
        )
        text = " ".join(part.get("text", "") for part in result.get("content", []))
        if result.get("isError"):
            raise SmaError(f"Microsoft's object model refuses {arguments or operation}: {text}")
        response: dict[str, Any] = json.loads(text)
        return response

    def _send(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        self._calls += 1
        request = {"jsonrpc": "2.0", "id": self._calls, "method": method, "params": params}
        assert self._process.stdin and self._process.stdout  # noqa: S101 - both are pipes
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        late = Timer(_RESPONSE_SECONDS, self._process.kill)
        late.start()
        try:
            for line in self._process.stdout:
                response = json.loads(line)
                if response.get("id") == self._calls:
                    error = {"isError": True, "content": [{"text": str(response.get("error"))}]}
                    return response.get("result") or error
        finally:
            late.cancel()
        raise SmaError(f"Microsoft's object model ended before it answered {method}, or took {_RESPONSE_SECONDS} s")


@contextmanager
def loaded(folder: Path, installed: Path = INSTALLED) -> Iterator[ObjectModel]:
    """Load a .SemanticModel folder for the time of a `with` block; installs the object model first.

    Args:
        folder: the .SemanticModel folder.
        installed: where the object model is, or is put.

    Raises:
        SmaError: it cannot be installed, or it does not load the folder.
    """
    program = [str(install(installed)), "--readonly"]
    with subprocess.Popen(
        program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            model = ObjectModel(process)
            model.load(folder)
            yield model
        finally:
            process.kill()
