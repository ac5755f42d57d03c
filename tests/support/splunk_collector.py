"""Splunk's HTTP Event Collector on a local port, which enforces the protocol as Splunk documents it, with outages.

Splunk documentation, "Format events for HTTP Event Collector" and "Troubleshoot HTTP Event Collector" (status codes).
As the real one, it takes a batch event by event, so that the events before one at fault are in the index.
"""

import gzip
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PATHS = ("/services/collector", "/services/collector/event", "/services/collector/event/1.0")
TOKEN = "3f1c8f0e-0000-4000-8000-c0ffee5ec4e7"  # noqa: S105 - of this collector alone
_ENVELOPE = {"time", "host", "source", "sourcetype", "index", "event", "fields"}
_ANSWERS = {
    0: (200, "Success"),
    1: (403, "Token disabled"),
    2: (401, "Token is required"),
    3: (401, "Invalid authorization"),
    4: (403, "Invalid token"),
    5: (400, "No data"),
    6: (400, "Invalid data format"),
    7: (400, "Incorrect index"),
    8: (500, "Internal server error"),
    9: (503, "Server is busy"),
    12: (400, "Event field is required"),
    13: (400, "Event field cannot be blank"),
    15: (400, "Error in handling indexed fields"),
}


@dataclass
class SplunkCollector:
    """What it holds and how it behaves; `mood` may be changed at any time.

    Its moods: `well`; `busy` (503, code 9), `failing` (500, code 8), `throttling` (429 with Retry-After), `hanging`
    (takes the request and says nothing), `hanging up` (drops the connection), `portal` (a page with status 200, as a
    proxy has).
    """

    url: str = ""
    indexes: tuple[str, ...] = ("main",)
    tokens: dict[str, bool] = field(default_factory=lambda: {TOKEN: True})  # False: disabled
    max_content_length: int = 1_000_000
    mood: str = "well"
    fails_on: str = ""  # a text in an event that makes the server fail
    envelopes: list[dict[str, Any]] = field(default_factory=list)
    requests: int = 0
    statuses: list[int] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    @property
    def events(self) -> list[dict[str, Any]]:
        return [envelope["event"] for envelope in self.envelopes]

    def wait_for(self, condition, seconds: float = 20.0) -> None:
        with self.changed:
            assert self.changed.wait_for(condition, seconds), (self.statuses, len(self.envelopes))

    def answer(self, method: str, path: str, headers, body: bytes) -> tuple[int, dict[str, str], Any] | None:
        """Return status, headers and body; None to drop the connection."""
        while self.mood == "hanging":
            time.sleep(0.02)
        if self.mood == "hanging up":
            return None
        if self.mood == "portal":
            return 200, {}, "<html>please sign in</html>"
        if path.partition("?")[0] not in PATHS:
            return 404, {}, {"text": "The requested URL was not found on this server.", "code": 404}
        if method != "POST":
            return 405, {}, {"text": "Method Not Allowed", "code": 405}
        if len(body) > self.max_content_length:
            return 413, {}, {"text": "Content-Length too large", "code": 27}
        if self.mood == "throttling":
            return 429, {"Retry-After": "0"}, {"text": "Too many requests", "code": 26}
        code, number = self._take(headers, body)
        status, text = _ANSWERS[code]
        return status, {}, {"text": text, "code": code} | ({} if number is None else {"invalid-event-number": number})

    def _take(self, headers, body: bytes) -> tuple[int, int | None]:
        authorization = headers.get("Authorization")
        if not authorization:
            return 2, None
        scheme, _, token = authorization.partition(" ")
        if scheme != "Splunk":
            return 3, None
        if token not in self.tokens:
            return 4, None
        if not self.tokens[token]:
            return 1, None
        if self.mood in ("busy", "failing"):
            return (9 if self.mood == "busy" else 8), None
        text = (gzip.decompress(body) if headers.get("Content-Encoding") == "gzip" else body).decode()
        if not text.strip():
            return 5, None
        if self.fails_on and self.fails_on in text:
            return 8, None
        decoder, place, number = json.JSONDecoder(parse_constant=_no_json), 0, 0
        while place < len(text):
            if text[place].isspace():
                place += 1
                continue
            try:
                envelope, place = decoder.raw_decode(text, place)
            except ValueError:
                return 6, number
            code = self._fault_of(envelope)
            if code:
                return code, number
            with self.changed:
                self.envelopes.append(envelope)
            number += 1
        return 0, None

    def _fault_of(self, envelope: Any) -> int:
        if not isinstance(envelope, dict) or envelope.keys() - _ENVELOPE:
            return 6
        if "event" not in envelope:
            return 12
        if envelope["event"] in ("", None):
            return 13
        if not _is_time(envelope.get("time", 0)):
            return 6
        if "index" in envelope and envelope["index"] not in self.indexes:
            return 7
        fields = envelope.get("fields", {})
        if not isinstance(fields, dict) or any(isinstance(value, dict) for value in fields.values()):
            return 15
        return 0


def _is_time(value: Any) -> bool:
    """Epoch seconds, with a fraction or without, as a number or a text."""
    try:
        return not isinstance(value, bool) and float(value) < 100_000_000_000
    except (TypeError, ValueError):
        return False


def _no_json(constant: str) -> None:
    raise ValueError(constant)


@contextmanager
def running_collector(**settings) -> Iterator[SplunkCollector]:
    """Serve a collector on a free loopback port."""
    collector = SplunkCollector(**settings)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 30

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            answered = collector.answer(self.command, self.path, self.headers, body)
            if answered is None:
                self.close_connection = True
                return
            status, headers, said = answered
            text = said if isinstance(said, str) else json.dumps(said)
            try:
                self.send_response(status)
                for name, value in (
                    {"Content-Length": str(len(text)), "Content-Type": "application/json"} | headers
                ).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text.encode())
            except OSError:  # the client did not wait for it
                self.close_connection = True
            with collector.changed:
                collector.requests += 1
                collector.statuses.append(status)
                collector.changed.notify_all()

        do_GET = do_PUT = do_POST

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            pass  # a client that went away

    server = Server(("127.0.0.1", 0), Handler)
    collector.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield collector
    finally:
        collector.mood = "well"
        server.shutdown()
        server.server_close()
        thread.join()
