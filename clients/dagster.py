"""Dagster's GraphQL API, as its own UI uses it: sends one query and returns its data; errors are one line."""

from collections.abc import Mapping
from typing import Any

import requests

from sma.errors import SmaError
from sma.settings import Settings

TIMEOUT_SECONDS = 30


def ask(
    settings: Settings, query: str, variables: Mapping[str, Any], timeout_s: float = TIMEOUT_SECONDS
) -> dict[str, Any]:
    """Return the data that answers a query.

    Raises:
        SmaError: Dagster does not answer, or says that it cannot.
    """
    url = f"{settings.dagster_url.rstrip('/')}/graphql"
    try:
        response = requests.post(url, json={"query": query, "variables": variables}, timeout=timeout_s)
        answer = response.json()
    except requests.exceptions.JSONDecodeError as error:
        raise SmaError(
            f"{url}: HTTP {response.status_code} and no JSON: is this Dagster? mend SMA_DAGSTER_URL"
        ) from error
    except requests.RequestException as error:
        raise SmaError(f"Dagster does not answer at {settings.dagster_url}: start it with `sma up`") from error
    if answer.get("errors"):
        raise SmaError(f"Dagster at {settings.dagster_url}: {first_line(answer['errors'][0]['message'])}")
    data: dict[str, Any] = answer["data"]
    return data


def first_line(message: str) -> str:
    """Return the first line that says something."""
    return next((line.strip() for line in message.splitlines() if line.strip()), "no reason given")
