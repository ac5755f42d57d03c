"""Which pages of Prometheus and Alertmanager are linked: those that this build serves, where it serves them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

from deploy.local.services.pages import monitoring_pages
from sma.settings import MonitoringSettings

NOWHERE = "http://127.0.0.1:1"


@contextmanager
def serving(pages: dict[str, str]) -> Iterator[str]:
    """A server of these pages; every other path is 404."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = pages.get(self.path, "404 page not found").encode()
            self.send_response(200 if self.path in pages else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def pages_of(prometheus: str, alertmanager: str) -> dict[str, str]:
    return monitoring_pages(MonitoringSettings(prometheus_url=prometheus, alertmanager_url=alertmanager))


def test_pages_of_debians_builds_are_found_where_they_are():
    own = {"/": "the Debian package does not include a web application: use <code>amtool</code>"}
    with serving({"/classic/alerts": "", "/classic/targets": ""}) as prometheus, serving(own) as alertmanager:
        assert pages_of(prometheus, alertmanager) == {
            "alerts": f"{prometheus}/classic/alerts",
            "targets": f"{prometheus}/classic/targets",
            "alertmanager": f"{alertmanager}/api/v2/alerts",
        }


def test_pages_of_the_projects_own_builds_are_found_where_they_are():
    with serving({"/alerts": "", "/targets": ""}) as prometheus, serving({"/": "<script src=a.js>"}) as alertmanager:
        assert pages_of(prometheus, alertmanager) == {
            "alerts": f"{prometheus}/alerts",
            "targets": f"{prometheus}/targets",
            "alertmanager": f"{alertmanager}/",
        }


def test_what_does_not_answer_has_no_page():
    with serving({"/alerts": ""}) as prometheus:
        assert pages_of(prometheus, NOWHERE) == {"alerts": f"{prometheus}/alerts"}
    assert pages_of(NOWHERE, NOWHERE) == {}
