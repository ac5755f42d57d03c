"""A server of OAuth tokens by client credentials: JWTs without a signature, which a broker may be told to take."""

import base64
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Tokens:
    """What the server gives: for whom, for how long, and how many so far; `age_s` makes them old."""

    url: str
    life_s: float = 60.0
    age_s: float = 0.0
    given: int = 0

    def give(self, client: str) -> dict[str, Any]:
        self.given += 1
        issued = time.time() - self.age_s
        claims = {"sub": client, "iat": issued, "exp": issued + self.life_s}
        token = f"{_encoded({'alg': 'none'})}.{_encoded(claims)}."
        return {"access_token": token, "token_type": "Bearer", "expires_in": self.life_s}


def _encoded(part: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


@contextmanager
def tokens_server() -> Iterator[Tokens]:
    tokens = Tokens("")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            login = base64.b64decode(self.headers["Authorization"].removeprefix("Basic ")).decode()
            answer = json.dumps(tokens.give(login.partition(":")[0])).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        tokens.url = f"http://127.0.0.1:{server.server_port}/token"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield tokens
        finally:
            server.shutdown()
            thread.join()
