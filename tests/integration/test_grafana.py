"""Every query of every panel against the real Prometheus and the real database of a place with data: it gives some."""

import json
from contextlib import ExitStack

import psycopg
import pytest
from tenacity import Retrying, stop_after_delay, wait_fixed

from monitoring.grafana.__main__ import FOLDER
from tests.support.monitored import monitored
from tests.support.places import place_on
from tests.support.publishing import Sent, publish
from tests.support.stored import succeed

START = 1_357_034_400_000
YAML = """
watermark_delay: 1 minute
allowed_lateness: 1 hour
averages:
  - {name: hour, window: 1 hour, every: 1 minute}
"""
CHOSEN = {"customer": "c1", "metric": "m", "average": "hour"}
FROM, TO = "2013-01-01T00:00:00Z", "2013-01-02T00:00:00Z"


def targets():
    for path in sorted(FOLDER.glob("*.json")):
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel.get("targets") or ():
                yield path.stem, panel["title"], target


def variables():
    for path in sorted(FOLDER.glob("*.json")):
        for variable in json.loads(path.read_text())["templating"]["list"]:
            if variable["type"] == "query":
                yield variable["name"], variable["query"]


def as_grafana_sends(statement):
    """Put the chosen values and the time range where Grafana puts them."""
    for name, value in CHOSEN.items():
        statement = statement.replace(f"${{{name}:sqlstring}}", f"'{value}'")
    return statement.replace("$__timeFilter(as_of)", f"as_of BETWEEN '{FROM}' AND '{TO}'")


@pytest.fixture(scope="module")
def watched(stack, stack_template, slots, tmp_path_factory):
    """A place whose job has read events, whose database has a reconciliation, and a Prometheus that knows it."""
    folder = tmp_path_factory.mktemp("monitored")
    (folder / "averages.yaml").write_text(YAML)
    with ExitStack() as held:
        place = held.enter_context(place_on(stack, stack_template))
        place.environ.update(SMA_AVERAGES=str(folder / "averages.yaml"), SMA_PUBLISH_AVERAGES="false")
        prometheus = held.enter_context(monitored(place, folder))
        succeed(place.sma("stream", "start"))
        held.callback(place.sma, "stream", "stop")
        publish(
            place.settings,
            [
                Sent(
                    b'{"customer": "c%d", "metric": "m", "event_time": %d, "value": 1}'
                    % (partition, START + second * 1_000),
                    START + second * 1_000,
                    partition=partition,
                )
                for partition in range(4)
                for second in range(0, 600, 5)
            ],
        )
        succeed(place.sma("wait", "--timeout", "120"))
        with psycopg.connect(place.settings.owner_database_url.get_secret_value(), autocommit=True) as connection:
            connection.execute(
                "INSERT INTO sma.batch_averages (customer, metric, average, as_of, value_sum, event_count)"
                " SELECT customer, metric, average, as_of, value_sum, event_count FROM sma.streaming_averages"
            )
            connection.execute(
                "INSERT INTO sma.batch_days (day, average, read_to, low_watermark, row_count, run_id)"
                " VALUES ('2013-01-01', 'hour', '{}', '2013-01-02', 40, 'run')"
            )
            connection.execute(
                "INSERT INTO sma.reconciliations VALUES"
                " ('run', '2013-01-01', 'hour', 40, 39, 1, 0, 0, 1, 0, '{}', 1, now())"
            )
            connection.execute(
                "INSERT INTO sma.differences SELECT 'run', customer, metric, average, as_of, 'changed', true, 1,"
                " value_sum - 1, event_count, value_sum, event_count FROM sma.batch_averages LIMIT 1"
            )
            connection.execute("INSERT INTO sma.accounting VALUES ('run', 0, 0, 10, 10, 8, 1, 1, 0)")
        yield place, prometheus


def test_every_panels_query_gives_data(watched):
    place, prometheus = watched
    for attempt in Retrying(stop=stop_after_delay(150), wait=wait_fixed(3), reraise=True):
        with attempt:  # rates want two scrapes, and what reconciling found is asked for every half minute
            expressions = [(*where, target["expr"]) for *where, target in targets() if "expr" in target]
            empty = [(*where, each) for *where, each in expressions if not prometheus.query(each)]
            assert not empty
    assert len(expressions) > 50
    with psycopg.connect(place.settings.database_url.get_secret_value()) as connection:
        statements = [(*where, target["rawSql"]) for *where, target in targets() if "rawSql" in target]
        for *where, statement in statements:
            assert connection.execute(as_grafana_sends(statement)).fetchone() is not None, where
        assert len(statements) == 6
        for name, statement in variables():
            values = {row[0] for row in connection.execute(as_grafana_sends(statement))}
            assert CHOSEN[name] in values


def test_lines_from_the_database_have_the_columns_that_grafana_draws(watched):
    place, _ = watched
    with psycopg.connect(place.settings.database_url.get_secret_value()) as connection:
        for board, title, target in targets():
            if target.get("format") == "time_series":
                described = connection.execute(as_grafana_sends(target["rawSql"])).description
                assert [column.name for column in described] == ["time", "metric", "value"], (board, title)
