"""A small server that stands for Flink's REST API: it answers each path with what a test put there."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

TRACE = """org.apache.flink.runtime.JobException: Recovery is suppressed
\tat org.apache.flink.X.y(X.java:1)
Caused by: java.io.IOException: writing failed
\tat a.B.c(B.java:2)
Caused by: org.postgresql.util.PSQLException: ERROR: permission denied for table t
\tat d.E.f(E.java:3)
\t... 3 more
"""


class Flink:
    """Answers each path with what was put there; a list is answered one by one, its last item again and again."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.status: dict[str, int | list[int]] = {}  # 200 unless given; a list as for the answers
        self.requests: list[tuple[str, str, Any]] = []
        flink = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                path = self.path.partition("?")[0]
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                is_json = body and self.headers.get_content_type() == "application/json"
                flink.requests.append((self.command, self.path, json.loads(body) if is_json else body or None))
                content = json.dumps(next_of(flink.answers[path])).encode()
                self.send_response(next_of(flink.status.get(path, 200)))
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PATCH = answer  # noqa: N815

            def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def has_jobs(self, *jobs: dict[str, Any]) -> None:
        self.answers["/jobs/overview"] = {"jobs": list(jobs)}


def next_of(answer: Any) -> Any:
    """Take the next of several answers; the last one stays."""
    if not isinstance(answer, list):
        return answer
    return answer.pop(0) if len(answer) > 1 else answer[0]


def job(state: str, job_id: str = "a", started_ms: int = 1, running: int = 2, name: str = "j") -> dict[str, Any]:
    tasks = {"running": running, "total": 2}
    return {"jid": job_id, "name": name, "state": state, "start-time": started_ms, "tasks": tasks}
