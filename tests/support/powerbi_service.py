"""Power BI's REST API on a local port, as its documentation describes it; time is the test's own.

One model is refreshed once at a time; of other clients' requests, which come at random moments, one waits in a queue
behind the refresh that runs, and is newer than it in the history. Failures come at random too. What became of each
refresh is kept in `refreshes`, the truth that a client's account is held against.
"""

import json
import random
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from socketserver import StreamRequestHandler, ThreadingTCPServer
from urllib.parse import parse_qs, urlsplit

from pydantic import SecretStr

from powerbi.refresh.connection import Model
from tests.support.powerbi_tables import Tables

ENDINGS = ("Completed", "Failed", "Cancelled", "Disabled")


@dataclass
class FakeClock:
    time: float = 1_700_000_000.0

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.time += seconds


@dataclass
class Held:
    request_id: str
    client: str
    began: float
    ends: float
    ending: str
    told: bool = True
    body: dict = field(default_factory=dict)


@dataclass
class Service:
    clock: FakeClock
    seed: int = 0
    token_seconds: float = 3600
    duration_s: tuple[float, float] = (20, 90)
    weights: tuple[int, ...] = (1, 0, 0, 0)
    others_every_s: float = 0  # mean; 0 for nobody else
    trouble: float = 0  # share of requests answered by 503, or not at all, half of them after they were carried out
    too_many: float = 0  # share of requests answered by 429
    down_until: float = 0  # until then nothing is answered; see token_down for the sign-in alone
    token_down_until: float = 0
    lag_s: float = 0  # so long after it was accepted a refresh is not listed yet
    daily_quota: int = 0
    throttle_next: list[int] = field(default_factory=list)  # Retry-After of the next POSTs
    keep_going: bool = False  # refreshes end only when they are cancelled
    refreshes: list[Held] = field(default_factory=list)
    tokens: dict[str, float] = field(default_factory=dict)
    tables: Tables | None = None  # None: any table and partition will do
    url: str = ""
    posts: int = 0
    requests: int = 0

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.next_other = self.clock.now() + self._gap()
        self.lock = threading.Lock()
        self.by_id: dict[str, Held] = {}
        self.ended: dict[str, bytes] = {}  # entries of the history that change no more

    def model(self, *, enhanced: bool = True, **changed) -> Model:
        values = {
            "token_url": f"{self.url}/tenant/oauth2/v2.0/token",
            "refreshes_url": f"{self.url}/groups/w/datasets/d/refreshes",
            "client_id": "sma",
            "client_secret": SecretStr("hush"),
            "enhanced": enhanced,
            "partitioned_tables": tuple(self.tables.partitioned) if self.tables else (),
            "other_tables": tuple(self.tables.others) if self.tables else (),
            "granularity": "day",
            "periods": self.tables.periods if self.tables else 35,
            "max_parallelism": 10,
            "timeout_s": 1200.0,
            "every_s": 900.0,
            "per_day": 0,
        }
        return Model(**(values | changed))

    def answer(self, method: str, path: str, body: bytes, authorization: str):
        """Return status, headers and body; None to drop the connection."""
        with self.lock:
            self.requests += 1
            self._others()
            address = urlsplit(path)
            if self.clock.now() < self.down_until:
                return None
            if address.path.endswith("/token"):
                if self.clock.now() < self.token_down_until:
                    return 503, {}, {}
                return self._sign_in(parse_qs(body.decode()))
            if self.tokens.get(authorization.removeprefix("Bearer "), 0) <= self.clock.now():
                return 401, {}, {"error": {"code": "TokenExpired", "message": "expired"}}
            if self.random.random() < self.too_many:
                return 429, {"Retry-After": str(self.random.randint(1, 40))}, {"error": {"message": "too many"}}
            trouble = self.random.random() < self.trouble
            after = trouble and self.random.random() < 0.5
            if trouble and not after:
                return (503, {}, {}) if self.random.random() < 0.5 else None
            answer = self._carry_out(method, address, body)
            if after:
                if method == "POST" and answer[0] == 202:
                    self.refreshes[-1].told = False
                return None
            return answer

    def _sign_in(self, form):
        if form["client_secret"] != ["hush"]:
            return 401, {}, {"error": "invalid_client"}
        token = self.random.randbytes(8).hex()
        self.tokens[token] = self.clock.now() + self.token_seconds
        return 200, {}, {"access_token": token, "expires_in": self.token_seconds, "token_type": "Bearer"}

    def _carry_out(self, method, address, body):
        request_id = address.path.rpartition("/refreshes")[2].strip("/")
        if method == "POST":
            return self._post(json.loads(body or b"{}"))
        if not request_id:
            top = int(parse_qs(address.query).get("$top", ["60"])[0])
            listed = [held for held in self.refreshes[-top:] if self._is_listed(held)]
            self.random.shuffle(listed)
            return 200, {}, b'{"value": [' + b",".join(map(self._entry_text, listed)) + b"]}"
        held = self.by_id.get(request_id)
        if held is None or not held.body or not self._is_listed(held):  # details: of enhanced refreshes only
            return 404, {}, {"error": {"code": "EntityNotFound", "message": request_id}}
        if method == "DELETE":
            if held.ends > self.clock.now():
                held.ends, held.ending = self.clock.now(), "Cancelled"
            return 200, {}, {}
        running = held.ends > self.clock.now()
        progress = "InProgress" if held.began <= self.clock.now() else "NotStarted"
        answer = self._entry(held) | {"extendedStatus": progress if running else held.ending}
        if not running and held.ending == "Failed":
            answer["messages"] = [{"code": "1", "message": f"source of {request_id}", "type": "Error"}]
            del answer["serviceExceptionJson"]
        return 202 if running else 200, {}, answer

    def _post(self, body):
        self.posts += 1
        now = self.clock.now()
        if self.throttle_next:
            return 429, {"Retry-After": str(self.throttle_next.pop(0))}, {"error": {"message": "Too many requests"}}
        if self.daily_quota and sum(each.began > now - 86_400 for each in self.refreshes) >= self.daily_quota:
            text = "Invalid dataset refresh request. Number of refresh requests in last 24 hours exceeded limit"
            return 400, {}, {"error": {"code": "InvalidRequest", "message": text}}
        if self.refreshes and self.refreshes[-1].ends > now:
            if body:  # the page on enhanced refresh says 409, the older one 400
                return 409, {}, {"error": {"code": "Conflict", "message": "in progress"}}
            text = "Invalid dataset refresh request. Another refresh request is already executing"
            return 400, {}, {"error": {"code": "InvalidRequest", "message": text}}
        if self.tables and (error := self.tables.error_of(body)):
            return 400, {}, {"error": {"code": "InvalidRequest", "message": error}}
        held = self._begin("sma", now, body)
        if self.tables and held.ending == "Completed":
            self.tables.refresh(body)
        place = {"Location": f"{self.url}/groups/w/datasets/d/refreshes/{held.request_id}"} if body else {}
        return 202, place | {"x-ms-request-id": held.request_id}, None

    def _begin(self, client: str, began: float, body: dict) -> Held:
        ends = float("inf") if self.keep_going else began + self.random.uniform(*self.duration_s)
        (ending,) = self.random.choices(ENDINGS, self.weights)
        request_id = str(uuid.UUID(int=self.random.getrandbits(128)))
        self.refreshes.append(Held(request_id, client, began, ends, ending, body=body))
        self.by_id[request_id] = self.refreshes[-1]
        return self.refreshes[-1]

    def _is_listed(self, held: Held) -> bool:
        return self.clock.now() >= held.began + self.lag_s or held.client == "other"

    def _others(self) -> None:
        while self.next_other <= self.clock.now():
            last = self.refreshes[-1] if self.refreshes else None
            is_queue_free = last is None or last.began <= self.next_other
            if is_queue_free:  # else one waits already, and this one is dropped
                began = max(self.next_other, last.ends if last else 0)
                if began < float("inf"):
                    self._begin("other", began, {"type": "full"})
            self.next_other += self._gap()

    def _gap(self) -> float:
        return self.random.expovariate(1 / self.others_every_s) if self.others_every_s else float("inf")

    def _entry_text(self, held: Held) -> bytes:
        text = self.ended.get(held.request_id)
        if text is None:
            text = json.dumps(self._entry(held)).encode()
            if held.ends <= self.clock.now():
                self.ended[held.request_id] = text
        return text

    def _entry(self, held: Held) -> dict:
        began = datetime.fromtimestamp(held.began, UTC).isoformat()
        entry = {"requestId": held.request_id, "refreshType": "ViaApi", "startTime": began, "status": "Unknown"}
        if held.ends <= self.clock.now():
            entry |= {"endTime": datetime.fromtimestamp(held.ends, UTC).isoformat(), "status": held.ending}
            if held.ending == "Failed":
                entry["serviceExceptionJson"] = json.dumps({"errorCode": f"source of {held.request_id}"})
        return entry


@contextmanager
def serving(service: Service) -> Iterator[Service]:
    """Answer on a free port of loopback, in the least of HTTP/1.1: the standard library's handler is most of a test."""

    class Handler(StreamRequestHandler):
        disable_nagle_algorithm = True

        def handle(self) -> None:
            while line := self.rfile.readline().decode():
                method, path, _ = line.split()
                headers = {}
                while header := self.rfile.readline().decode().strip():
                    name, _, value = header.partition(":")
                    headers[name.lower()] = value.strip()
                body = self.rfile.read(int(headers.get("content-length", 0)))
                answer = service.answer(method, path, body, headers.get("authorization", ""))
                if answer is None:
                    return  # and the connection is dropped
                status, answered, content = answer
                data = content if isinstance(content, bytes) else json.dumps(content).encode() if content else b""
                lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", f"Content-Length: {len(data)}"]
                lines += [f"{name}: {value}" for name, value in answered.items()]
                self.wfile.write("\r\n".join([*lines, "", ""]).encode() + data)

    server = ThreadingTCPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    service.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield service
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
