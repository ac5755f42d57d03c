"""`python -m overview`: serves the overview page, on loopback only, until stopped."""

import click
import uvicorn

from monitoring.logs.handlers import log_as
from overview.app import app_of
from sma.settings import load_settings

_LOOPBACK = "127.0.0.1"


@click.command()
@click.option("--port", required=True, type=click.IntRange(1024, 65535), help="where to serve")
def main(port: int) -> None:
    """Serve the page of what SMA_* names.

    \b
    Example:
      python -m overview --port 19012
    """
    settings = load_settings()
    log_as("overview")
    uvicorn.run(app_of(settings), host=_LOOPBACK, port=port, log_level="warning", access_log=False, server_header=False)


if __name__ == "__main__":
    main()
