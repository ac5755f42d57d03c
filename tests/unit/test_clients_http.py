"""What is said of a service over HTTP that does not answer, answers late, refuses, or is another one."""

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from clients import dagster
from clients.answers import Refused, Unanswered
from clients.flink import FlinkRest
from clients.http import get
from sma.errors import SmaError
from sma.settings import Settings


@pytest.fixture
def page() -> Iterator[str]:
    """The address of a server that answers each path with a page of HTML, and /ready with 503."""

    class Page(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(503 if self.path == "/ready" else 200)
            self.end_headers()
            self.wfile.write(b"<html>")

        do_GET = do_POST = answer  # noqa: N815

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
            pass

    with HTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_an_address_where_nothing_listens_is_named_without_its_credential():
    with pytest.raises(Unanswered) as raised:
        get("Prometheus", "http://reader:hidden@127.0.0.1:1", "/-/ready")
    assert str(raised.value) == "Prometheus does not answer at http://127.0.0.1:1 (no connection): run `sma up`"


def test_a_service_that_takes_too_long_is_distinguished_from_one_that_is_down():
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(Unanswered) as raised:
            get("the exporter", url, "/metrics", timeout_s=0.2)
    assert raised.value.detail == "no answer in time"


def test_a_service_that_is_not_ready_refuses(page: str):
    with pytest.raises(Refused, match=f"^Prometheus at {page} refuses: HTTP 503 Service Unavailable$"):
        get("Prometheus", page, "/ready")


@pytest.mark.parametrize("service", ["Flink", "Dagster"])
def test_another_service_at_the_address_is_named_with_its_setting(page: str, service: str):
    settings = Settings(flink_url=page, dagster_url=page)
    with pytest.raises(
        SmaError, match=f"^{page}: HTTP 200 and no JSON: is this {service}. mend SMA_{service.upper()}_URL$"
    ):
        if service == "Flink":
            FlinkRest(settings.flink_url).overview()
        else:
            dagster.ask(settings, "{ version }", {})
