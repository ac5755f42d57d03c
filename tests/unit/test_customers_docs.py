"""docs/serving.md lists what a customer can still do, and its limits, as the code has them."""

import re

from database.customer_roles import CONNECTIONS, SESSION_DEFAULTS, TEMP_FILE_LIMIT
from sma.settings import CHECKOUT
from tests.support import attempts

PAGE = (CHECKOUT / "docs" / "serving.md").read_text()


def test_what_remains_is_what_the_attempts_show_to_remain():
    section = PAGE.partition("### What remains\n")[2].partition("\n### ")[0]
    listed = [
        re.sub(r"\s+", " ", item).rstrip(".").lower() for item in re.findall(r"^- \*\*([^*]+)\*\*", section, re.M)
    ]
    assert listed == list(attempts.REMAINS)


def test_the_limits_in_the_table_are_those_that_are_set():
    section = PAGE.partition("### What a customer can use\n")[2].partition("\n### ")[0]
    table = dict(re.findall(r"^\| ([^|]+?) \| ([^|]+?) \|", section, re.M))
    assert table["sessions"] == str(CONNECTIONS)
    shown = {
        "temporary files": f"{TEMP_FILE_LIMIT.replace('GB', ' GB')} for each session",
        "a statement": SESSION_DEFAULTS["statement_timeout"].replace("min", " minutes"),
        "a transaction": SESSION_DEFAULTS["transaction_timeout"].replace("min", " minutes"),
        "a session that is idle": (
            f"{SESSION_DEFAULTS['idle_session_timeout'].replace('h', ' hour')}, in a transaction "
            f"{SESSION_DEFAULTS['idle_in_transaction_session_timeout'].replace('min', ' minutes')}"
        ),
        "waiting for a lock": SESSION_DEFAULTS["lock_timeout"].replace("s", " seconds"),
        "memory of each sort or hash": SESSION_DEFAULTS["work_mem"].replace("MB", " MB"),
        "parallel processes of a query": SESSION_DEFAULTS["max_parallel_workers_per_gather"],
    }
    assert {what: table[what] for what in shown} == shown
