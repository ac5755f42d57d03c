"""The page's web server: what it answers to which address. It reads, and has nothing by which a reader could change.

Everything comes from this server: the policy that it sends lets a browser load nothing from elsewhere.
"""

import importlib.util
import io
from collections.abc import Awaitable, Callable
from datetime import date
from importlib.metadata import version
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from overview.page import PLOTLY_VERSION, render
from overview.whole import Choice, Sources
from sma.errors import SmaError
from sma.settings import Settings

HERE = Path(__file__).resolve().parent
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_HOSTS = ["127.0.0.1", "localhost"]  # or a page elsewhere could read this one by a name that it resolves to loopback


def app_of(settings: Settings, sources: Sources | None = None) -> Starlette:
    """Return the web application for the stack that `settings` names."""
    asked = sources or Sources(settings)

    def page(request: Request) -> Response:
        choice = _choice(request)
        return Response(
            render(asked.whole(choice), choice, settings),
            media_type="text/html",
            headers={"Cache-Control": "no-store"},
        )

    def picture(request: Request) -> Response:
        # for browsers without JavaScript alone, so matplotlib is loaded when it is needed
        from pictures.series import write_picture

        try:
            charts = asked.charts(_choice(request))
        except SmaError as error:
            return PlainTextResponse(str(error), 404)
        series = charts[0].series if charts else "no rows yet"
        if isinstance(series, str):
            return PlainTextResponse(series, 404)
        written = io.BytesIO()
        write_picture(series, written, "png")
        return Response(written.getvalue(), media_type="image/png", headers={"Cache-Control": "no-store"})

    def health(_: Request) -> Response:
        return PlainTextResponse(version("sma"))

    return Starlette(
        routes=[
            Route("/", page, methods=["GET"]),
            Route("/picture.png", picture, methods=["GET"]),
            Route("/healthz", health, methods=["GET"]),
            Route(f"/plotly-{PLOTLY_VERSION}.js", _plotly, methods=["GET"]),
            Mount("/static", StaticFiles(directory=HERE / "static")),
        ],
        middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=_HOSTS),
            Middleware(BaseHTTPMiddleware, dispatch=_with_headers),
        ],
    )


def _plotly(_: Request) -> Response:
    """The script that is in the package plotly; its name has the version, so a browser may keep it."""
    package = importlib.util.find_spec("plotly")
    assert package is not None and package.origin is not None  # noqa: S101 - it is locked
    script = Path(package.origin).parent / "package_data" / "plotly.min.js"
    return FileResponse(script, media_type="text/javascript", headers={"Cache-Control": "max-age=31536000, immutable"})


async def _with_headers(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
    response = await answer(request)
    response.headers.update(_HEADERS)
    return response


def _choice(request: Request) -> Choice:
    query = request.query_params
    return Choice(
        query.get("customer", ""), query.get("metric", ""), query.get("average", ""), _day(query.get("day", ""))
    )


def _day(text: str) -> date | None:
    """Return a day; None where the text is none, as for a page without one."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
