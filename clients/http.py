"""Sends one HTTP request to a service; what the response means belongs to the client of that service."""

import re
from typing import Any

import requests

from clients.answers import ANSWER_TIMEOUT_S, Refused, Unanswered
from sma.errors import SmaError, first_line_of


def send(
    service: str, url: str, method: str, path: str, timeout_s: float = ANSWER_TIMEOUT_S, **request: Any
) -> requests.Response:
    """Return the response of a service, whatever its status.

    Args:
        service: what errors call it.
        url: its address, without the path.
        method: of the request.
        path: of the request, from the first slash on.
        timeout_s: how long to wait for each sign of the service.
        request: as `requests.request` takes it.

    Raises:
        Unanswered: it does not answer.
    """
    try:
        return requests.request(method, url.rstrip("/") + path, timeout=timeout_s, **request)
    except requests.RequestException as error:
        raise Unanswered(service, without_credential(url), _detail(error)) from error


def get(service: str, url: str, path: str, timeout_s: float = ANSWER_TIMEOUT_S) -> requests.Response:
    """Return the response of a service; refuse the status of an error.

    Raises:
        SmaError: it does not answer, or the status is not 200 to 399.
    """
    response = send(service, url, "GET", path, timeout_s)
    if not response.ok:
        raise Refused(service, without_credential(url), f"HTTP {response.status_code} {response.reason}")
    return response


def read_json(service: str, url: str, setting: str, response: requests.Response) -> Any:
    """Return the JSON of a response.

    Raises:
        SmaError: it is not JSON, so another service listens there; `setting` holds the address.
    """
    try:
        return response.json()
    except requests.JSONDecodeError as error:
        raise SmaError(
            f"{without_credential(url)}: HTTP {response.status_code} and no JSON: is this {service}? mend {setting}"
        ) from error


def without_credential(url: str) -> str:
    """Return a URL as it may be shown.

    >>> without_credential("https://user:password@flink.example")
    'https://flink.example'
    """
    return re.sub(r"//[^@/ ]*@", "//", url)


def _detail(error: requests.RequestException) -> str:
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    if isinstance(error, requests.ConnectionError):
        return "no connection"
    return without_credential(first_line_of(error))
