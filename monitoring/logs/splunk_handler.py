"""A logging handler that hands events to the shipper, which sends them to Splunk.

It may be closed and still used: the shipper ends with the process, not with its handler.
"""

import json
import logging
import os
import secrets
import socket
from collections.abc import Mapping
from itertools import count

from monitoring.logs.collector import Collector
from monitoring.logs.destination import SOURCETYPE, Destination
from monitoring.logs.events import EventFormatter
from monitoring.logs.shipper import Limits, Shipper

_OWN = logging.getLogger(__name__)


class SplunkHandler(logging.Handler):
    """Hands events to the shipper; never waits, never raises."""

    def __init__(
        self,
        service: str,
        destination: Destination,
        file: logging.Handler,
        limits: Limits = Limits(),  # noqa: B008 - frozen
    ) -> None:
        super().__init__(destination.level)
        self.setFormatter(EventFormatter(service))
        self._envelope = {"host": socket.gethostname(), "source": service, "sourcetype": SOURCETYPE}
        if destination.index:
            self._envelope["index"] = destination.index
        self._file = file
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
        self._file.handle(record)
        return self._event(record)
