"""Finds the pages of Prometheus and Alertmanager that people open; builds differ in what they serve, and where.

Debian's Prometheus has its pages under /classic, and Debian's Alertmanager has none: only its API and `amtool`.
"""

from clients.answers import HEALTH_TIMEOUT_S
from clients.http import send
from sma.errors import SmaError
from sma.settings import MonitoringSettings

_PROMETHEUS = {
    "alerts": ("/alerts", "/classic/alerts"),
    "targets": ("/targets", "/classic/targets"),
}
_ALERTMANAGER_API = "/api/v2/alerts"


def monitoring_pages(settings: MonitoringSettings) -> dict[str, str]:
    """Return the address of each page that answers, by name: `alerts` and `targets` of Prometheus, `alertmanager`.

    Where Alertmanager has no pages, its address is that of the alerts in its API. What does not answer is left out.
    """
    pages = {}
    try:
        for name, paths in _PROMETHEUS.items():
            path = next((path for path in paths if _text(settings.prometheus_url, path) is not None), None)
            if path is not None:
                pages[name] = _address(settings.prometheus_url, path)
    except SmaError:
        pass
    try:
        page = _text(settings.alertmanager_url, "/")
        if page is not None:
            pages["alertmanager"] = _address(settings.alertmanager_url, "/" if "<script" in page else _ALERTMANAGER_API)
    except SmaError:
        pass
    return pages


def _text(url: str, path: str) -> str | None:
    """Return a page; None where there is none."""
    response = send("Prometheus", url, "GET", path, HEALTH_TIMEOUT_S)
    return response.text if response.ok else None


def _address(url: str, path: str) -> str:
    return url.rstrip("/") + path
