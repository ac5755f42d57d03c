"""`python -m heartbeats`: writes heartbeats to quiet partitions until it is stopped; docs/operating.md has the rule."""

import logging
import signal
import threading

import click

from heartbeats.service import Service
from monitoring.logs.handlers import log_as
from sma.settings import load_settings


@click.command()
def main() -> None:
    """Write heartbeats to the partitions of the topic `events` that are quiet, as averages.yaml has it, until stopped.

    Any number of these may run: one writes, the others wait for it to end.

    \b
    Examples:
      python -m heartbeats
      SMA_TOPIC_PREFIX=test. python -m heartbeats
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    log_as("heartbeats")
    is_over = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: is_over.set())
    Service(load_settings(), is_over.wait).run()


if __name__ == "__main__":
    main()
