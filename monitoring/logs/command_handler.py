"""A logging handler for a command: it opens the files of a service, and imports what that takes, with the first event.

Most commands log nothing, and should not wait for what they do not use.
"""

import logging

from sma.errors import SmaError


class CommandHandler(logging.Handler):
    """Hands events to the JSON file of a service, and to Splunk where that is set up."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def emit(self, record: logging.LogRecord) -> None:
        """Hand over an event; without readable settings there is no file, and the command itself reports those."""
        from monitoring.logs.handlers import json_file, splunk

        try:
            handlers = (json_file(self._service), splunk(self._service))
        except SmaError:
            return
        for handler in handlers:
            if record.levelno >= handler.level:
                handler.handle(record)
