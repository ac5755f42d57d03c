"""A webhook on this machine and a dead man's switch beside it: what Alertmanager has posted to each."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from typing import Any

from deploy.local.ports import LOOPBACK

_SWITCH = "/switch"


@dataclass(frozen=True)
class Webhook:
    """Where it listens, the notifications not yet taken from it, and all alerts that it was ever sent."""

    url: str
    notifications: Queue[dict[str, Any]] = field(default_factory=Queue)
    switched: Queue[dict[str, Any]] = field(default_factory=Queue)
    alerts: list[dict[str, Any]] = field(default_factory=list)

    @property
    def switch_url(self) -> str:
        """Where the dead man's switch is."""
        return self.url + _SWITCH

    def names(self, state: str = "firing") -> set[str]:
        """Return the alerts that were told to be in a state."""
        return {alert["labels"]["alertname"] for alert in self.alerts if alert["status"] == state}

    def one(self, name: str) -> dict[str, Any]:
        """Return an alert as it was first told."""
        return next(alert for alert in self.alerts if alert["labels"]["alertname"] == name)


@contextmanager
def listening() -> Iterator[Webhook]:
    """Take what is posted."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path == _SWITCH:
                webhook.switched.put(body)
            else:
                webhook.alerts.extend(body["alerts"])
                webhook.notifications.put(body)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
    webhook = Webhook(f"http://{LOOPBACK}:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield webhook
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
