"""Reads the log files of the stack's processes: their last lines, across rotated files, and what is added to them.

supervisord writes and rotates them: `kafka.log` is the newest, then `kafka.log.1` and so on. They are there while the
stack is down. JSON logs and what is shipped to Splunk belong to `monitoring.logs`.
"""

import os
from pathlib import Path
from typing import BinaryIO, Self

from deploy.local.parts import OPTIONAL_PROGRAMS, PROGRAMS
from sma.errors import SmaError


def programs_of(part: str) -> tuple[str, ...]:
    """Return the processes of a part; a process may be named too.

    Raises:
        SmaError: there is neither; the text has the names.
    """
    if part in PROGRAMS:
        return (*PROGRAMS[part], *OPTIONAL_PROGRAMS.get(part, ()))
    programs = [program for parts in (PROGRAMS, OPTIONAL_PROGRAMS) for each in parts.values() for program in each]
    if part in programs:
        return (part,)
    others = ", ".join(program for program in programs if program not in PROGRAMS)
    raise SmaError(f"no part is called {part!r}: there are {', '.join(PROGRAMS)}, and the processes {others}")


def logged_programs(state_dir: Path, part: str) -> tuple[str, ...]:
    """Return the processes of a part without those optional ones that have no log; a process may be named too.

    Raises:
        SmaError: there is neither.
    """
    optional = OPTIONAL_PROGRAMS.get(part, ())
    return tuple(each for each in programs_of(part) if each not in optional or log_files(state_dir, each))


def log_file(state_dir: Path, program: str) -> Path:
    """Return the file that a process's output goes to."""
    return state_dir / "logs" / f"{program}.log"


def log_files(state_dir: Path, program: str) -> list[Path]:
    """Return the log files of a process that are there, the newest first."""
    newest = log_file(state_dir, program)
    rotated = [path for path in newest.parent.glob(f"{newest.name}.*") if path.suffix[1:].isdecimal()]
    return [*([newest] if newest.exists() else []), *sorted(rotated, key=lambda path: int(path.suffix[1:]))]


class Log:
    """The log of one process, to be closed by a `with`; bytes that are no UTF-8 become replacement characters."""

    def __init__(self, state_dir: Path, program: str) -> None:
        """Read nothing yet; there may be no file yet."""
        self._state_dir, self._program = state_dir, program
        self._file: BinaryIO | None = None
        self._unfinished = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def last_lines(self, count: int) -> list[str]:
        """Return the last finished lines, the oldest first; `added_lines` goes on after them.

        A file is rotated where it is full, which may be within a line, so the files are read as if they were one.
        """
        text = self._read()
        newest = log_file(self._state_dir, self._program)
        for path in log_files(self._state_dir, self._program):
            if path == newest:
                continue
            if text.count(b"\n") > count:
                break
            text = path.read_bytes() + text
        return self._lines(text)[-count:] if count else []

    def unfinished_lines(self) -> list[str]:
        """Return what was written after the last finished line: one line at most."""
        return [_decoded(self._unfinished)] if self._unfinished else []

    def added_lines(self) -> list[str]:
        """Return the lines that were finished since, across a rotation."""
        is_rotated = self._file is not None and self._is_rotated(self._file)
        text = self._read()
        if is_rotated and self._file is not None:
            self._file.close()
            self._file = None
            text += self._read()
        return self._lines(self._unfinished + text)

    def _read(self) -> bytes:
        """Read the rest of the file that is open; open the newest one if none is."""
        if self._file is None:
            try:
                self._file = log_file(self._state_dir, self._program).open("rb")
            except FileNotFoundError:
                return b""
        return self._file.read()

    def _is_rotated(self, file: BinaryIO) -> bool:
        try:
            newest = log_file(self._state_dir, self._program).stat()
        except FileNotFoundError:
            return False  # between two names, or deleted: it is looked for again
        return not os.path.samestat(newest, os.fstat(file.fileno()))

    def _lines(self, text: bytes) -> list[str]:
        *lines, self._unfinished = text.split(b"\n")
        return [_decoded(line) for line in lines]


def _decoded(line: bytes) -> str:
    return line.decode(errors="replace").rstrip("\r")
