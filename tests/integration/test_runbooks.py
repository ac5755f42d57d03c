"""Every command of every runbook runs on the running stack, and says something."""

import json

import pytest
import requests
from tenacity import Retrying, retry_if_result, stop_after_delay, wait_fixed

from tests.support.runbook_pages import PAGES, fixes, looks, run_all

WORDS = {"DAY": "2014-03-01", "SECONDS": "1393632000"}
COLUMNS = ("--customer", "runbooks", "--metric", "level", "--time-column", "at", "--value-column", "value")


@pytest.fixture(scope="module")
def busy(stack, tmp_path_factory):
    """The stack's own job, with a few events read and a day reconciled, and Prometheus having seen it."""
    readings = tmp_path_factory.mktemp("readings") / "readings.csv"
    rows = [f"{WORDS['DAY']} {hour:02d}:00:00,{hour}" for hour in range(24)]
    readings.write_text("\n".join(["at,value", *rows]) + "\n")
    for arguments in (
        ("stream", "start"),
        ("produce", str(readings), *COLUMNS, "--close"),
        ("wait", "--timeout", "120"),
        ("reconcile", "--start", WORDS["DAY"], "--end", WORDS["DAY"]),
    ):
        ran = stack.sma(*arguments)
        assert ran.returncode == 0, ran.stderr
    Retrying(retry=retry_if_result(lambda known: not known), wait=wait_fixed(1), stop=stop_after_delay(120))(
        lambda: all(knows(stack, metric) for metric in ("sma_watermark_timestamp_seconds", "sma_accounting_residue"))
    )
    return stack


def knows(stack, metric):
    answer = requests.get(f"{stack.settings.prometheus_url}/api/v1/query", params={"query": metric}, timeout=10)
    return answer.json()["data"]["result"]


@pytest.fixture(scope="module")
def looked(busy, tmp_path_factory):
    blocks = [block for page in PAGES for block in looks(page)]
    return run_all(blocks, WORDS, busy.environ, tmp_path_factory.mktemp("looked"))


@pytest.fixture(scope="module")
def fixed(looked, busy, tmp_path_factory):
    blocks = [block for page in PAGES for block in fixes(page)]
    return run_all(blocks, WORDS, busy.environ, tmp_path_factory.mktemp("fixed"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_a_page_says_to_look_at_can_be_looked_at(looked, page):
    blocks = looks(page)
    assert blocks
    for block in blocks:
        assert looked[block].code == 0, f"{block}\n{looked[block].output}"
        assert looked[block].output.strip(), block


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_a_page_says_to_do_can_be_done(fixed, page):
    for block in fixes(page):
        assert fixed[block].code == 0, f"{block}\n{fixed[block].output}"
        assert fixed[block].output.strip(), block


def test_what_the_pages_say_to_do_leaves_the_stack_well(fixed, busy):
    status = json.loads(busy.sma("status", "--json").stdout)
    assert {part["name"]: part["reason"] for part in status["parts"] if not part["is_up"]} == {}
    assert status["stream"]["state"] == "RUNNING"
