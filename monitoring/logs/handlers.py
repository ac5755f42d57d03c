"""Makes the logging handlers of a process: one for its JSON file, one for Splunk.

Dagster configures logging again whenever a step of a run asks for its handlers, and `logging` then closes the existing
ones. So these handlers can be closed and still used. The one for Splunk is in `monitoring.logs.splunk_handler`, which
is imported only where Splunk is set up.
"""

import logging
from functools import cache
from pathlib import Path

from concurrent_log_handler import ConcurrentRotatingFileHandler

from clients.files import make_private_folder
from monitoring.logs.destination import destination_of
from monitoring.logs.events import EventFormatter
from sma.errors import SmaError
from sma.settings import load_settings

_OWN = logging.getLogger(__name__)
_FILE_BYTES = 20_000_000
_FILES = 3


def log_as(service: str) -> None:
    """Let everything that this process logs go to the JSON file of a service, and to Splunk where that is set up.

    Raises:
        SmaError: the settings cannot be read.
    """
    logging.getLogger().addHandler(json_file(service))
    logging.getLogger().addHandler(splunk(service))


@cache
def json_file(service: str) -> logging.Handler:
    """Return this process's handler for the file of a service, which other processes of it write to as well."""
    return JsonFile(json_folder(load_settings().state_dir) / f"{service}.jsonl", service)


@cache
def splunk(service: str) -> logging.Handler:
    """Return this process's handler for Splunk; one that does nothing where that is not, or only half, set up.

    `sma up` refuses half a Splunk; a run of Dagster or a command does its work all the same.
    """
    try:
        destination = destination_of(load_settings())
    except SmaError as error:
        json_file(service).handle(_OWN.makeRecord(_OWN.name, logging.ERROR, __file__, 0, str(error), (), None))
        return logging.NullHandler()
    if destination is None:
        return logging.NullHandler()
    from monitoring.logs.splunk_handler import SplunkHandler

    return SplunkHandler(service, destination, json_file(service))


def json_folder(state_dir: Path) -> Path:
    """Return where the JSON files are."""
    return state_dir / "logs" / "json"


class JsonFile(ConcurrentRotatingFileHandler):
    """Writes events into a rotated file; its folder may come and go."""

    def __init__(self, path: Path, service: str) -> None:
        self._folder = path.parent
        # closed after each event: `sma up --fresh` deletes the folder while the command itself logs
        super().__init__(str(path), maxBytes=_FILE_BYTES, backupCount=_FILES, encoding="utf-8", keep_file_open=False)
        self.setFormatter(EventFormatter(service))

    def emit(self, record: logging.LogRecord) -> None:
        """Write an event; a disk that is full or not writable is no failure of the work."""
        try:
            make_private_folder(self._folder)
        except OSError:
            self.handleError(record)
            return
        super().emit(record)
