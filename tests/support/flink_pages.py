"""Every page that Flink's REST API shows of a cluster and of a job, as text.

Source: Flink documentation, REST API. Pages that start or stop something are left out.
"""

from collections.abc import Iterator
from itertools import product

import requests

_CLUSTER = (
    "/config",
    "/overview",
    "/datasets",
    "/jars",
    "/jobs",
    "/jobs/overview",
    "/jobs/metrics",
    "/applications/overview",
    "/taskmanagers",
    "/taskmanagers/metrics",
    "/jobmanager/config",
    "/jobmanager/environment",
    "/jobmanager/metrics",
    "/jobmanager/logs",
    "/jobmanager/log",
    "/jobmanager/stdout",
    "/jobmanager/thread-dump",
)
_JOB = (
    "",
    "/accumulators?includeSerializedValue=true",
    "/checkpoints",
    "/checkpoints/config",
    "/config",
    "/exceptions",
    "/metrics",
    "/plan",
    "/jobmanager/config",
    "/jobmanager/environment",
    "/resource-requirements",
    "/status",
)
_VERTEX = (
    "",
    "/accumulators",
    "/backpressure",
    "/jm-operator-metrics",
    "/metrics",
    "/subtasks/accumulators",
    "/subtasks/metrics",
    "/subtasktimes",
    "/taskmanagers",
    "/watermarks",
)
_TASK_MANAGER = (
    "",
    "/log",
    "/logs",
    "/metrics",
    "/stdout",
    "/thread-dump",
)


def pages(url: str, job_id: str) -> Iterator[tuple[str, str]]:
    """Ask for every page; yield its path and its text, an error's included."""
    ask = requests.Session()

    def json_of(path: str) -> dict:
        return ask.get(url + path, timeout=30).json()

    vertices = [f"/jobs/{job_id}/vertices/{vertex['id']}" for vertex in json_of(f"/jobs/{job_id}")["vertices"]]
    managers = [f"/taskmanagers/{manager['id']}" for manager in json_of("/taskmanagers")["taskmanagers"]]
    jars = [f"/jars/{jar['id']}/plan" for jar in json_of("/jars")["files"]]
    applications = [f"/applications/{each['id']}" for each in json_of("/applications/overview")["applications"]]
    paths = [
        *_CLUSTER,
        *jars,
        *(f"/jobs/{job_id}{page}" for page in _JOB),
        *("".join(parts) for parts in product(vertices, _VERTEX)),
        *(f"{vertex}/subtasks/0{page}" for vertex in vertices for page in ("", "/metrics")),
        *("".join(parts) for parts in product(managers, _TASK_MANAGER)),
        *("".join(parts) for parts in product(applications, ("", "/exceptions", "/jobmanager/config"))),
    ]
    for path in paths:
        yield path, ask.get(url + path, timeout=60).text
