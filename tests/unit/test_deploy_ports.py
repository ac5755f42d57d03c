"""Ports of a stack: the block, single ones moved, and what a user reads when one is taken."""

import socket

import pytest

from deploy.local.ports import BLOCK_SIZE, LOOPBACK, choose_ports, free_port_base, is_free, require_free
from sma.errors import SmaError


def test_ports_are_a_block_from_19000_on_unless_said_otherwise():
    assert choose_ports({}) == {
        "kafka": 19000,
        "kafka_controller": 19001,
        "postgres": 19002,
        "flink": 19003,
        "flink_rpc": 19004,
        "dagster": 19005,
        "prometheus": 19006,
        "alertmanager": 19007,
        "exporter": 19008,
        "flink_metrics": 19009,
        "flink_metrics_2": 19010,
        "dagster_code": 19011,
        "overview": 19012,
        "kafka_2": 19013,
        "kafka_3": 19014,
        "kafka_controller_2": 19015,
        "kafka_controller_3": 19016,
        "kafka_internal": 19017,
        "kafka_internal_2": 19018,
        "kafka_internal_3": 19019,
        "kafka_tokens": 19020,
    }


def test_a_base_moves_all_and_a_single_variable_moves_one():
    ports = choose_ports({"SMA_PORT_BASE": "21000", "SMA_POSTGRES_PORT": "5432"})
    assert (ports["kafka"], ports["postgres"], ports["flink"]) == (21000, 5432, 21003)


@pytest.mark.parametrize("text", ["80", "65536", "19000.5", "-1", "kafka", "²"])
def test_what_is_no_port_is_refused_with_its_variable(text):
    with pytest.raises(SmaError, match="SMA_PORT_BASE: .* is not a port"):
        choose_ports({"SMA_PORT_BASE": text})


def test_two_listeners_on_one_port_are_refused():
    with pytest.raises(SmaError, match="port 19000 is meant for both kafka and flink: set SMA_FLINK_PORT"):
        choose_ports({"SMA_FLINK_PORT": "19000"})


def test_a_free_block_is_free():
    base = free_port_base()
    assert all(is_free(port) for port in range(base, base + BLOCK_SIZE))


def test_a_port_in_use_is_named_with_its_holder_and_the_way_out():
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        listener.listen()
        port = listener.getsockname()[1]
        with pytest.raises(SmaError, match=rf"port {port}, wanted by kafka, is in use by .*\(pid \d+\).*SMA_PORT_BASE"):
            require_free(port, "kafka")
