"""Power BI's REST API, as far as refreshing one model needs it: request, status, cancellation. `follow` waits.

Sources, learn.microsoft.com: "Refresh Dataset In Group" (limits; which bodies make a refresh an enhanced one),
"Enhanced refresh with the Power BI REST API" (Location, statuses, conflicts, cancellation, requests that are dropped),
"Get Refresh Execution Details In Group" (enhanced refreshes only), "Get Refresh History In Group" (`Unknown` while it
runs; `Disabled`).
"""

import os
from dataclasses import dataclass
from typing import Any, Literal, cast

import requests
from requests.exceptions import InvalidSchema, InvalidURL, MissingSchema
from requests.utils import get_environ_proxies

from powerbi.refresh.clock import Clock
from powerbi.refresh.connection import Model
from sma.errors import SmaError

REQUEST_TIMEOUT_S = 30.0
TOKEN_MARGIN_S = 60.0
HISTORY = 60
DEFAULT_RETRY_AFTER_S = 60.0
DAILY_QUOTA_RETRY_S = 3600.0
SCOPE = "https://analysis.windows.net/powerbi/api/.default"

Ending = Literal["completed", "failed", "cancelled", "disabled", "timed_out"]
_ENDINGS: dict[str, Ending] = {
    "completed": "completed",
    "failed": "failed",
    "cancelled": "cancelled",
    "disabled": "disabled",
    "timedout": "timed_out",
}


@dataclass(frozen=True, slots=True)
class Accepted:
    """Power BI refreshes under this request id, and no other is ours."""

    request_id: str


@dataclass(frozen=True, slots=True)
class Busy:
    """Another refresh of the model runs."""


@dataclass(frozen=True, slots=True)
class Throttled:
    """A quota is used up; Power BI wants to be left alone for `retry_after_s` seconds."""

    reason: str
    retry_after_s: float


@dataclass(frozen=True, slots=True)
class State:
    """The state of a refresh: `ending` is None while it runs; `error` is Power BI's own message."""

    ending: Ending | None
    error: str | None = None


class Unanswered(Exception):
    """Nothing, a server error, or "too many requests" came back: the state of the refresh is not known."""

    def __init__(self, what: str, retry_after_s: float | None = None) -> None:
        """Store what went wrong, and how long to wait where the response names it."""
        super().__init__(what)
        self.retry_after_s = retry_after_s


class PowerBi:
    """One model, by one HTTP connection."""

    def __init__(self, model: Model, clock: Clock) -> None:
        """Connect at the first request."""
        self._model = model
        self._clock = clock
        self._session = requests.Session()
        # the environment's proxies and certificates, but no .netrc, which would replace the token
        self._session.trust_env = False
        self._session.verify = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or True
        self._proxies = {url: get_environ_proxies(url) for url in (model.token_url, model.refreshes_url)}
        self._token = ""
        self._token_ends = 0.0

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

    def trigger(self, body: dict[str, Any]) -> Accepted | Busy | Throttled:
        """Request a refresh, once: after a lost response, a refresh may run.

        Raises:
            Unanswered: it may have begun, under an id that is not known.
            SmaError: refused for good, or the sign-in is.
        """
        response = self._once("POST", "", json=body)
        if response.status_code == 202:
            return Accepted(_request_id(response))
        message = _error_of(response)
        if response.status_code == 429:
            return Throttled(message, _retry_after(response, DEFAULT_RETRY_AFTER_S))
        runs = "already" in message.lower() or "RefreshInProgress" in message
        if response.status_code == 409 or (response.status_code == 400 and runs):
            return Busy()
        if response.status_code == 400 and "exceeded limit" in message.lower():
            return Throttled(message, _retry_after(response, DAILY_QUOTA_RETRY_S))
        raise SmaError(f"Power BI refuses the refresh: {response.status_code} {message}: see docs/refresh.md")

    def state(self, request_id: str) -> State:
        """Return the state of that refresh, whatever other clients have started since; ask once.

        Raises:
            Unanswered: the state is not known: try again later.
            SmaError: the sign-in or the request is refused.
        """
        if self._model.enhanced:
            response = self._once("GET", f"/{request_id}")
            if response.status_code == 404:  # not listed yet; or dropped, of which nothing can be learned
                return State(None)
            details = self._read(response)
            return _state(str(details.get("extendedStatus") or details["status"]), details)
        history = self._read(self._once("GET", "", params={"$top": HISTORY}))["value"]
        entry = next((each for each in history if each["requestId"] == request_id), None)
        # the history may lag behind the response that accepted it
        return State(None) if entry is None else _state(str(entry["status"]), entry)

    def cancel(self, request_id: str) -> None:
        """Ask that a refresh be cancelled; only an enhanced one can be, and one that has ended needs none.

        Raises:
            Unanswered: whether it will be cancelled is not known.
            SmaError: the sign-in is refused.
        """
        if self._model.enhanced:
            _raise_if_throttled(self._once("DELETE", f"/{request_id}"))

    def _read(self, response: requests.Response) -> dict[str, Any]:
        _raise_if_throttled(response)
        if not response.ok:
            raise SmaError(f"Power BI refuses the state of a refresh: {response.status_code} {_error_of(response)}")
        try:
            return cast(dict[str, Any], response.json())
        except requests.JSONDecodeError as error:
            raise Unanswered("a response that is not JSON") from error

    def _once(self, method: str, path: str, **request: Any) -> requests.Response:
        response = self._sent(method, path, **request)
        if response.status_code == 401:  # expired earlier than announced: a new token, once
            self._token = ""
            response = self._sent(method, path, **request)
        if response.status_code == 401:
            raise SmaError("Power BI does not take the token: may the service principal use its API? docs/refresh.md")
        return response

    def _sent(self, method: str, path: str, **request: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {self._current_token()}"}
        proxies = self._proxies[self._model.refreshes_url]
        return self._http(method, self._model.refreshes_url + path, headers=headers, proxies=proxies, **request)

    def _current_token(self) -> str:
        if not self._token or self._clock.now() >= self._token_ends - TOKEN_MARGIN_S:
            form = {
                "grant_type": "client_credentials",
                "client_id": self._model.client_id,
                "client_secret": self._model.client_secret.get_secret_value(),
                "scope": SCOPE,
            }
            response = self._http(
                "POST", self._model.token_url, data=form, proxies=self._proxies[self._model.token_url]
            )
            _raise_if_throttled(response)
            if not response.ok:
                raise SmaError(f"the sign-in of SMA_POWERBI_CLIENT_ID is refused: {_sign_in_error(response)}")
            token = response.json()
            self._token = str(token["access_token"])
            self._token_ends = self._clock.now() + float(token["expires_in"])
        return self._token

    def _http(self, method: str, url: str, **request: Any) -> requests.Response:
        try:
            response = self._session.request(method, url, timeout=REQUEST_TIMEOUT_S, allow_redirects=False, **request)
        except (MissingSchema, InvalidSchema, InvalidURL) as error:
            raise SmaError(f"SMA_POWERBI_URL or SMA_POWERBI_LOGIN_URL: {url!r} is no address") from error
        except requests.RequestException as error:
            raise Unanswered(type(error).__name__) from error
        if response.status_code >= 500:
            raise Unanswered(f"{response.status_code} {response.reason}")
        return response


def _raise_if_throttled(response: requests.Response) -> None:
    if response.status_code == 429:
        raise Unanswered(_error_of(response), _retry_after(response, DEFAULT_RETRY_AFTER_S))


def _retry_after(response: requests.Response, default: float) -> float:
    value = response.headers.get("Retry-After", "")
    return float(value) if value.isdigit() else default


def _request_id(response: requests.Response) -> str:
    location = response.headers.get("Location", "").rstrip("/").rpartition("/")[2]
    request_id = location or response.headers.get("x-ms-request-id", "")
    if not request_id:
        raise SmaError("Power BI accepted a refresh but named no request: neither Location nor x-ms-request-id")
    return request_id


def _state(status: str, details: dict[str, Any]) -> State:
    # anything else runs: Unknown, NotStarted, InProgress
    ending = _ENDINGS.get(status.lower())
    error = details.get("serviceExceptionJson") or "; ".join(
        str(each.get("message")) for each in details.get("messages", ()) if each.get("type") == "Error"
    )
    return State(ending, str(error) if error and ending != "completed" else None)


def _error_of(response: requests.Response) -> str:
    try:
        body = cast(dict[str, Any], response.json())
    except requests.JSONDecodeError:
        return response.reason
    error = body.get("error", body)
    return f"{error.get('code', '')} {error.get('message', '')}".strip() or response.reason


def _sign_in_error(response: requests.Response) -> str:
    try:
        return str(response.json().get("error", response.reason))
    except requests.JSONDecodeError:
        return f"{response.status_code} {response.reason}"
