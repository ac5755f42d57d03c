"""Only the clients open connections to services: no other module makes a client of its own."""

import ast
from collections.abc import Iterator
from pathlib import Path

from sma.settings import CHECKOUT

# bench measures other clients, tests ask as a stranger would, Splunk and Power BI are asked by one module each
ROOMS = [
    "batch",
    "cli",
    "database",
    "demo",
    "deploy",
    "monitoring",
    "orchestration",
    "powerbi",
    "produce",
    "sma",
    "streaming",
]
OF_THEIR_OWN = {"monitoring/logs/collector.py", "powerbi/refresh/service.py"}
MAKERS = {
    "AdminClient",
    "Consumer",
    "KafkaAdminClient",
    "KafkaConsumer",
    "KafkaProducer",
    "Producer",
    "create_connection",
    "psycopg.connect",
    "requests.Session",
    "requests.get",
    "requests.post",
    "requests.request",
    "urlopen",
}


def makers_called(module: Path) -> Iterator[str]:
    calls = (node.func for node in ast.walk(ast.parse(module.read_text())) if isinstance(node, ast.Call))
    for called in calls:
        text = ast.unparse(called)
        if text in MAKERS or text.rpartition(".")[2] in MAKERS:
            yield text


def test_no_other_module_makes_a_client():
    modules = [path for room in ROOMS for path in (CHECKOUT / room).rglob("*.py")]
    found = {path.relative_to(CHECKOUT).as_posix(): list(makers_called(path)) for path in modules}
    assert len(modules) > 100
    assert {path: names for path, names in found.items() if names and path not in OF_THEIR_OWN} == {}


def test_the_clients_make_each_of_them():
    found = {name for path in (CHECKOUT / "clients").rglob("*.py") for name in makers_called(path)}
    assert found == {
        "AdminClient",
        "Consumer",
        "Producer",
        "psycopg.connect",
        "requests.request",
        "socket.create_connection",
    }


def test_no_module_lists_all_that_a_cluster_has():
    calls = {
        (path.relative_to(CHECKOUT).as_posix(), node.func.attr)
        for room in [*ROOMS, "clients", "reader"]
        for path in (CHECKOUT / room).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    assert ("clients/kafka/topics.py", "describe_topics") in calls
    listing = {"list_topics", "list_consumer_groups", "list_groups"}
    assert {(path, name) for path, name in calls if name in listing} == set()
