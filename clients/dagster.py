"""Dagster's GraphQL API, as its own UI uses it: sends one query and returns its data; errors are one line."""

from collections.abc import Mapping
from typing import Any

from clients.answers import DAGSTER_TIMEOUT_S
from clients.http import get, read_json, send, without_credential
from sma.errors import SmaError
from sma.settings import DagsterSettings

_SERVICE, _SETTING = "Dagster", "SMA_DAGSTER_URL"


def ask(
    settings: DagsterSettings, query: str, variables: Mapping[str, Any], timeout_s: float = DAGSTER_TIMEOUT_S
) -> dict[str, Any]:
    """Return the data of the response to a query.

    Raises:
        SmaError: Dagster does not answer, or reports an error.
    """
    url, body = settings.dagster_url, {"query": query, "variables": variables}
    response = send(_SERVICE, url, "POST", "/graphql", timeout_s, json=body)
    result = read_json(_SERVICE, url, _SETTING, response)
    if result.get("errors"):
        raise SmaError(f"Dagster at {without_credential(url)}: {first_line(result['errors'][0]['message'])}")
    data: dict[str, Any] = result["data"]
    return data


def version(settings: DagsterSettings, timeout_s: float) -> str:
    """Return the version of the webserver.

    Raises:
        SmaError: Dagster does not answer, or something else does.
    """
    server = read_json(
        _SERVICE, settings.dagster_url, _SETTING, get(_SERVICE, settings.dagster_url, "/server_info", timeout_s)
    )
    return str(server["dagster_webserver_version"])


def first_line(message: str) -> str:
    """Return the first line that is not blank."""
    return next((line.strip() for line in message.splitlines() if line.strip()), "no reason given")
