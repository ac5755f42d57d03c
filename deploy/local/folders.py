"""Makes the state folder of a stack and what is in it private: nobody else may enter a folder or read a file.

Under root, PostgreSQL runs as another user. That user's group may go through the state folder, and list nothing in it.
"""

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from clients.files import make_private_folder, write_whole
from deploy.local.account import give_to_postgres, postgres_account
from sma.errors import SmaError

PRIVATE_FILE = 0o600
PASSABLE_BY_GROUP = 0o710

_FOLDERS = (
    "dagster",
    "exporter",
    "flink",
    "flink/conf",
    "flink/tmp",
    "kafka",
    "logs",
    "logs/flink",
    "logs/json",
    "prometheus",
)


def make_state_dir(state_dir: Path) -> None:
    """Make the state folder of a stack, or take the rights of others from one that is there.

    Raises:
        SmaError: the folder is of another user, or one that everybody writes to, such as /tmp.
    """
    if state_dir.is_dir():
        present = state_dir.stat()
        if present.st_mode & stat.S_ISVTX or state_dir == Path(state_dir.anchor):
            raise SmaError(f"SMA_STATE_DIR: {state_dir} is shared with other users: name a folder of the stack's own")
        if present.st_uid != os.geteuid():
            raise SmaError(
                f"SMA_STATE_DIR: {state_dir} belongs to another user, who could read the passwords in it:"
                " name a folder of your own"
            )
    for missing in reversed([each for each in state_dir.parents if not each.exists()]):
        missing.mkdir(mode=0o755, exist_ok=True)  # PostgreSQL's user goes through it
    make_private_folder(state_dir)
    account = postgres_account()
    if account is not None:
        os.chown(state_dir, -1, account.pw_gid)
        state_dir.chmod(PASSABLE_BY_GROUP)


def make_folders(state_dir: Path) -> None:
    """Make the folders of the parts in a state folder, or take the rights of others from those that are there."""
    for name in _FOLDERS:
        make_private_folder(state_dir / name)
    make_postgres_home(state_dir)


def make_postgres_home(state_dir: Path) -> Path:
    """Make the folder that PostgreSQL's files are in, which belongs to PostgreSQL's user, and return it."""
    home = state_dir / "postgres"
    make_private_folder(home)
    give_to_postgres(home)
    return home


def write_config_files(files: Mapping[str, Mapping[Path, str]]) -> None:
    """Write the configuration of each part, which may contain credentials, for the part's user alone.

    Args:
        files: path and contents by part, as `config_files` returns them; the folders are there.
    """
    for part, part_files in files.items():
        for path, text in part_files.items():
            write_whole(path, text, mode=PRIVATE_FILE)
            if part == "timescaledb":
                give_to_postgres(path)
