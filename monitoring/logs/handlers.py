"""Makes the logging handlers of a process: one for its JSON file, one for Splunk.

Dagster configures logging again whenever a step of a run asks for its handlers, and `logging` then closes the existing
ones. So these handlers can be closed and still used, and the shipper ends with the process, not with its handler.
"""

import json
import logging
import os
import secrets
import socket
from collections.abc import Mapping
from functools import cache
from itertools import count
from pathlib import Path

from concurrent_log_handler import ConcurrentRotatingFileHandler

from clients.files import make_private_folder
from monitoring.logs.collector import Collector
from monitoring.logs.destination import SOURCETYPE, Destination, destination_of
from monitoring.logs.events import EventFormatter
from monitoring.logs.shipper import Limits, Shipper
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
    return logging.NullHandler() if destination is None else SplunkHandler(service, destination)


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


class SplunkHandler(logging.Handler):
    """Hands events to the shipper; never waits, never raises."""

    def __init__(self, service: str, destination: Destination, limits: Limits = Limits()) -> None:  # noqa: B008 - frozen
        super().__init__(destination.level)
        self.setFormatter(EventFormatter(service))
        self._envelope = {"host": socket.gethostname(), "source": service, "sourcetype": SOURCETYPE}
        if destination.index:
            self._envelope["index"] = destination.index
        self._service = service
        self._process, self._numbers = secrets.token_hex(4), count()
        self.shipper = Shipper(Collector(destination, limits.response_s), self._report, limits)

    def emit(self, record: logging.LogRecord) -> None:
        """Hand over an event, except one that the shipper itself logs."""
        if self.shipper.is_own_thread():
            return
        try:
            if self.shipper.has_room():
                self.shipper.add(self._event(record))
        except Exception:  # logging must not end the work, whatever is at fault in an event
            self.handleError(record)

    def _event(self, record: logging.LogRecord) -> bytes:
        event_id = f"{self._process}-{os.getpid()}-{next(self._numbers)}"
        head = json.dumps(self._envelope | {"time": round(record.created, 3), "fields": {"event_id": event_id}})
        return f'{head[:-1]}, "event": {self.format(record)}}}'.encode(errors="replace")

    def _report(self, what: str, dropped: Mapping[str, int]) -> bytes:
        """Log a report of the shipper to the file, and return it as an event for Splunk."""
        extra = {"dropped": sum(dropped.values())} if dropped else {}
        record = _OWN.makeRecord(_OWN.name, logging.WARNING, __file__, 0, what, (), None, extra=extra)
        json_file(self._service).handle(record)
        return self._event(record)
