"""Chooses the account that PostgreSQL runs as. It refuses root; under root another user runs it and owns its files."""

import os
import pwd
import shutil
import subprocess
from pathlib import Path

from sma.errors import SmaError


def postgres_account() -> pwd.struct_passwd | None:
    """Return the user that PostgreSQL runs as when this process is root; None when it runs as this user.

    Raises:
        SmaError: root, and neither `postgres` nor `nobody` exists.
    """
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise SmaError("PostgreSQL cannot run as root, and there is no user postgres or nobody: add one, or do not be root")


def run_as_postgres(command: list[str]) -> subprocess.CompletedProcess[bytes]:
    """Run a command as the user of PostgreSQL, in the root folder and with no more than PATH in its environment."""
    account = postgres_account()
    as_user = {} if account is None else {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    return subprocess.run(  # type: ignore[call-overload,no-any-return]
        command, check=False, capture_output=True, cwd="/", env={"PATH": "/usr/bin:/bin", "TZ": "UTC"}, **as_user
    )


def give_to_postgres(path: Path) -> None:
    """Change the owner of a file or folder to PostgreSQL's user."""
    account = postgres_account()
    if account is not None:
        os.chown(path, account.pw_uid, account.pw_gid)


def require_enterable(folder: Path) -> None:
    """Refuse a folder that PostgreSQL's user cannot enter.

    Raises:
        SmaError: names the user and the first folder in the way.
    """
    account = postgres_account()
    if account is None:
        return
    for ancestor in [*reversed(folder.parents), folder]:
        if run_as_postgres([shutil.which("test") or "/usr/bin/test", "-x", str(ancestor)]).returncode != 0:
            raise SmaError(
                f"PostgreSQL runs as the user {account.pw_name}, which cannot enter {ancestor}: "
                f"run `chmod o+x {ancestor}`, or work in a folder that every user can enter"
            )
