"""`python -m monitoring.exporter`: serves the project's metrics to Prometheus; docs/metrics.md lists them."""

import logging
import shutil
import threading
from functools import partial

import click
from prometheus_client import CollectorRegistry, generate_latest, start_http_server
from prometheus_client.core import Metric

from monitoring.exporter import dagster_runs, database, flink_job
from monitoring.exporter.collector import Collectors, Source
from monitoring.exporter.families import gauge
from monitoring.exporter.kafka_lag import KafkaLag
from monitoring.exporter.transactions import OpenTransactionAges
from monitoring.logs.handlers import log_as
from sma.settings import Settings, load_settings

_log = logging.getLogger(__name__)

_LOOPBACK = "127.0.0.1"


def sources_of(settings: Settings) -> list[Source]:
    """Return the sources and their intervals: a few seconds where an alert must fire within two minutes."""
    lag, transactions = KafkaLag(settings), OpenTransactionAges(settings)
    return [
        Source("kafka", 5, lambda: [*lag.look(), *transactions.look()]),
        Source("flink", 5, partial(flink_job.look, settings)),
        Source("database", 15, partial(database.look_at_the_server, settings)),
        Source("split_series", 10, partial(database.look_at_split_series, settings)),
        Source("reconciliation", 30, partial(database.look_at_reconciliation, settings)),
        Source("refresh", 15, partial(database.look_at_refreshes, settings)),
        Source("dagster", 15, partial(dagster_runs.look, settings)),
        Source("disk", 15, partial(_look_at_the_disk, settings)),
    ]


def _look_at_the_disk(settings: Settings) -> list[Metric]:
    usage = shutil.disk_usage(settings.state_dir)
    return [
        *gauge("sma_disk_free_bytes", "Left on the disk of the state folder", usage.free),
        *gauge("sma_disk_size_bytes", "Size of that disk", usage.total),
    ]


@click.command()
@click.option("--port", default=0, help="where to serve; without it every source is read once and printed")
@click.option("--address", default=_LOOPBACK, show_default=True, help="on which address")
def main(port: int, address: str) -> None:
    """Serve the metrics of what SMA_* names, until stopped.

    \b
    Examples:
      python -m monitoring.exporter                 # what would a scrape get?
      python -m monitoring.exporter --port 9400 --address 0.0.0.0
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    registry = CollectorRegistry()
    sources = sources_of(load_settings())
    collectors = Collectors(sources)
    registry.register(collectors)
    if not port:
        for source in sources:
            collectors.look(source)
        click.echo(generate_latest(registry).decode(), nl=False)
        return
    log_as("exporter")
    collectors.start()
    start_http_server(port, addr=address, registry=registry)
    _log.info("serving metrics at http://%s:%d/metrics", address, port)
    threading.Event().wait()


if __name__ == "__main__":
    main()
