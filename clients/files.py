"""Writes small files whole or not at all, and makes folders that nobody else may enter.

A full disk or a kill in the middle leaves the file that was there before.
"""

import os
import stat
from pathlib import Path


def make_private_folder(folder: Path) -> None:
    """Make a folder and those missing above it, for this user alone; take the rights of others from one that is there.

    Raises:
        OSError: it cannot be made, or belongs to another user and is open to others.
    """
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    for each in reversed(missing):
        each.mkdir(mode=0o700, exist_ok=True)  # whatever the umask is, others get nothing
    mode = stat.S_IMODE(folder.stat().st_mode)
    if mode & 0o077:
        folder.chmod(0o700)


def write_whole(path: Path, text: str, mode: int = 0o644) -> None:
    """Write a file beside the one of that name, in UTF-8, and put it in its place once it is on the disk.

    Raises:
        OSError: it cannot be written; the file that was there before stays.
    """
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError:
        new.unlink(missing_ok=True)
        raise
