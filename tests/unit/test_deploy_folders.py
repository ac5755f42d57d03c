"""The state folder and everything in it are private, whatever the umask is and whatever was there before."""

import logging
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from clients.files import make_private_folder
from deploy.local import folders
from deploy.local.account import postgres_account
from deploy.local.environment import plan_environment, write_environment
from deploy.local.services.programs import config_files
from monitoring.exporter import log_history
from monitoring.logs.handlers import JsonFile, json_folder
from sma.errors import SmaError
from sma.settings import Settings

OTHERS = 0o077


@pytest.fixture(params=[0o022, 0o000], ids=["umask 022", "umask 000"])
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def make_everything(state_dir: Path) -> None:
    """Make what `sma up` makes before it starts a process."""
    environment = plan_environment(state_dir, {}, None)
    write_environment(environment)
    folders.make_folders(state_dir)
    folders.write_config_files(config_files(Settings(state_dir=state_dir), environment))


def open_to_others(state_dir: Path) -> list[tuple[str, str]]:
    """Return what others may read, write or enter; under root, PostgreSQL's group may go through the state folder."""
    paths = [state_dir, *state_dir.rglob("*")]
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in paths}
    if postgres_account() is not None and modes[state_dir] == folders.PASSABLE_BY_GROUP:
        del modes[state_dir]
    return [(path.name, oct(mode)) for path, mode in modes.items() if mode & OTHERS]


def test_all_that_up_makes_is_private(tmp_path, umask):
    make_everything(tmp_path / "deep" / "state")
    assert open_to_others(tmp_path / "deep" / "state") == []
    assert stat.S_IMODE((tmp_path / "deep").stat().st_mode) == 0o755  # PostgreSQL's user goes through it


def test_what_a_former_release_made_is_repaired(tmp_path, umask):
    state_dir = tmp_path / "state"
    make_everything(state_dir)
    for path in [state_dir, *state_dir.rglob("*")]:
        path.chmod(0o777 if path.is_dir() else 0o666)
    make_everything(state_dir)
    assert open_to_others(state_dir) == []


def test_the_log_files_of_a_command_and_the_exporters_history_are_in_private_folders(tmp_path, umask):
    JsonFile(json_folder(tmp_path / "state") / "sma.jsonl", "sma").emit(
        logging.LogRecord("sma", 20, __file__, 0, "text", (), None)
    )
    log_history.save(log_history.LogHistory(), tmp_path / "state" / "exporter" / "log.json", "events")
    made = [tmp_path / "state", *(path for path in (tmp_path / "state").rglob("*") if path.is_dir())]
    assert {path.name for path in made} == {"state", "logs", "json", "exporter"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in made} == {0o700}


def test_a_folder_that_everybody_writes_to_is_refused(tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    with pytest.raises(SmaError, match=r"SMA_STATE_DIR: .*shared is shared with other users: name a folder"):
        folders.make_state_dir(shared)
    assert stat.S_IMODE(shared.stat().st_mode) == 0o1777
    with pytest.raises(SmaError, match=r"SMA_STATE_DIR: / is shared"):
        folders.make_state_dir(Path("/"))


def test_a_folder_of_another_user_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: tmp_path.stat().st_uid + 1)
    with pytest.raises(SmaError, match="belongs to another user, who could read the passwords in it"):
        folders.make_state_dir(tmp_path)


def test_a_private_folder_keeps_what_its_owner_may_do(tmp_path):
    (tmp_path / "own").mkdir(mode=0o500)
    make_private_folder(tmp_path / "own")
    assert stat.S_IMODE((tmp_path / "own").stat().st_mode) == 0o500
