"""Sends a batch to Splunk's HTTP Event Collector and classifies the response: accepted, our fault, or theirs.

Source: Splunk documentation, "Troubleshoot HTTP Event Collector": the table of status codes; and "Format events for
HTTP Event Collector": a batch is JSON objects one after another.
"""

import email.utils
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

import requests
from requests.auth import AuthBase

from monitoring.logs.destination import Destination

CONNECT_S, RESPONSE_S = 3.0, 10.0
_OF_THE_REQUEST = frozenset({7, 10, 11, 14, 16})  # the index, the channel, acknowledgements: every event has them alike
_LONGEST_TEXT = 200


class Verdict(Enum):
    """What to do with a batch."""

    ACCEPTED = auto()
    AGAIN = auto()
    """Theirs: busy, failing, or not there. It can be sent again."""
    REFUSED = auto()
    """Ours: token, index or address. Every batch gets this response until somebody fixes it."""
    BAD_EVENT = auto()
    """Ours: one event is not as it should be; the others are."""
    TOO_LARGE = auto()


@dataclass(frozen=True, slots=True)
class SendResult:
    """What became of sending a batch.

    `bad_event` is the place of the event that the collector could not take, if the response names it.
    `may_be_the_batch`: the collector's failure may come from the batch.
    """

    verdict: Verdict
    why: str = ""
    retry_after_s: float = 0.0
    bad_event: int | None = None
    may_be_the_batch: bool = False


class Collector:
    """A connection to the collector, for one thread."""

    def __init__(self, destination: Destination, response_s: float = RESPONSE_S) -> None:
        """Connect with the first batch; `response_s` is how long to wait for a response."""
        self._destination = destination
        self._response_s = response_s
        self._session: requests.Session | None = None

    def forget(self) -> None:
        """Give up the connection, which another process may be using."""
        self._session = None

    def send(self, batch: Sequence[bytes]) -> SendResult:
        """Send a batch, once."""
        if self._session is None:
            self._session = requests.Session()
            self._session.auth = _Token(self._destination)
        ca_file = self._destination.ca_file
        try:
            response = self._session.post(
                self._destination.url,
                data=b"\n".join(batch),
                headers={"Content-Type": "application/json"},
                timeout=(CONNECT_S, self._response_s),
                allow_redirects=False,
                verify=True
                if ca_file is None
                else str(ca_file),  # here: REQUESTS_CA_BUNDLE takes precedence over the session's
            )
        except requests.RequestException as error:
            return SendResult(Verdict.AGAIN, f"no answer ({type(error).__name__})")
        return classify(response, len(batch))


class _Token(AuthBase):
    """The collector's header; as authentication, so that no netrc replaces it."""

    def __init__(self, destination: Destination) -> None:
        self._destination = destination

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Splunk {self._destination.token.get_secret_value()}"
        return request


def classify(response: requests.Response, events: int) -> SendResult:
    """Return what a response to a batch of `events` events means."""
    body = _body(response)
    status, code, number = response.status_code, body.get("code"), body.get("invalid-event-number")
    why = f"HTTP {status}" + (f", code {code}: {str(body.get('text'))[:_LONGEST_TEXT]}" if body else "")
    if status == requests.codes.ok and code == 0:
        return SendResult(Verdict.ACCEPTED)
    if status == requests.codes.request_entity_too_large:
        return SendResult(Verdict.TOO_LARGE, why)
    if status == requests.codes.bad_request and code not in _OF_THE_REQUEST:
        is_place = isinstance(number, int) and not isinstance(number, bool) and 0 <= number < events
        return SendResult(Verdict.BAD_EVENT, why, bad_event=number if is_place else None)
    if status in (requests.codes.request_timeout, requests.codes.too_many_requests) or status >= 500:
        may_be_the_batch = status == requests.codes.internal_server_error
        return SendResult(Verdict.AGAIN, why, _retry_after_s(response), may_be_the_batch=may_be_the_batch)
    return SendResult(Verdict.REFUSED, why)


def _body(response: requests.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _retry_after_s(response: requests.Response) -> float:
    """The header, in seconds or as a date; 0 where it is missing or cannot be parsed."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isdecimal():
        return float(text)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except (TypeError, ValueError):
        return 0.0
