"""`python -m overview`: serves the overview page, on loopback only, until stopped."""

import logging

import click
import uvicorn

from monitoring.logs.handlers import log_as
from overview.app import app_of
from sma.settings import load_settings

_LOOPBACK = "127.0.0.1"
_ENDS_WITHIN_S = 3


@click.command()
@click.option("--port", required=True, type=click.IntRange(1024, 65535), help="where to serve")
def main(port: int) -> None:
    """Serve the page of what SMA_* names.

    \b
    Example:
      python -m overview --port 19012
    """
    settings = load_settings()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    log_as("overview")
    uvicorn.run(
        app_of(settings),
        host=_LOOPBACK,
        port=port,
        log_config=None,  # its loggers hand on to the root, and so to the JSON file
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_ENDS_WITHIN_S,
    )


if __name__ == "__main__":
    main()
