"""Alertmanager's configuration: what amtool takes, who is told of which severity, and only of alerts that there are."""

import subprocess

import pytest
import yaml

from deploy.local.services.alerting import (
    DEAD_MANS_SWITCH,
    SEVERITIES,
    WATCHDOG,
    render_alertmanager,
    render_dead_mans_switch,
)
from sma.settings import CHECKOUT
from tests.support.alert_rules import ALERTS, promtool

AMTOOL = CHECKOUT / ".local" / "install" / "prometheus" / "bin" / "amtool"
URL = "http://127.0.0.1:9/alerts?key=a%20b"


@pytest.fixture(params=["", URL], ids=["nowhere", "webhook"])
def config(request, tmp_path):
    path = tmp_path / "alertmanager.yml"
    path.write_text(render_alertmanager(request.param))
    return path


def amtool(*arguments):
    return subprocess.run([AMTOOL, *arguments], capture_output=True, text=True, timeout=60, check=False)


def test_amtool_takes_it(config):
    ran = amtool("check-config", str(config))
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize("severity", SEVERITIES)
def test_every_severity_goes_to_the_one_receiver(config, severity):
    receiver = "webhook" if URL in config.read_text() else "nowhere"
    ran = amtool(
        "config", "routes", "test", f"--config.file={config}", f"--verify.receivers={receiver}", f"severity={severity}"
    )
    assert (ran.returncode, ran.stdout.strip()) == (0, receiver)


def test_the_dead_mans_switch_is_posted_to_by_an_alert_that_always_fires(tmp_path):
    rules = tmp_path / "rules.yml"
    rules.write_text(render_dead_mans_switch(URL))
    tests = {
        "rule_files": [str(rules)],
        "tests": [
            {
                "promql_expr_test": [
                    {
                        "expr": f'ALERTS{{alertname="{WATCHDOG}", alertstate="firing"}}',
                        "eval_time": at,
                        "exp_samples": [
                            {"labels": f'ALERTS{{alertname="{WATCHDOG}", alertstate="firing"}}', "value": 1}
                        ],
                    }
                    for at in ("0m", "90m")
                ]
            }
        ],
    }
    (tmp_path / "tests.yml").write_text(yaml.safe_dump(tests))
    promtool("test", "rules", str(tmp_path / "tests.yml"))


def test_the_dead_mans_switch_goes_to_its_own_receiver_and_nobody_else(tmp_path):
    path = tmp_path / "alertmanager.yml"
    path.write_text(render_alertmanager(URL, f"{URL}&switch"))
    assert amtool("check-config", str(path)).returncode == 0
    for label, receiver in ((f"alertname={WATCHDOG}", DEAD_MANS_SWITCH), ("severity=page", "webhook")):
        assert amtool("config", "routes", "test", f"--config.file={path}", label).stdout.strip() == receiver


def test_without_a_dead_mans_switch_nothing_always_fires():
    assert yaml.safe_load(render_dead_mans_switch("")) == {"groups": []}
    assert WATCHDOG not in render_alertmanager(URL)


def test_a_page_that_goes_on_is_said_again_sooner_than_a_ticket():
    route = yaml.safe_load(render_alertmanager(URL))["route"]
    assert {child["matchers"][0]: child["repeat_interval"] for child in route["routes"]} == {
        'severity="page"': "4h",
        'severity="ticket"': "24h",
    }
    assert {"repeat_interval", "group_interval"} <= route.keys()
    assert (route["group_by"], route["group_wait"]) == (["alertname"], "5s")


def inhibitions():
    for rule in yaml.safe_load(render_alertmanager(URL))["inhibit_rules"]:
        yield tuple(
            {name: value.strip('"').split("|") for name, value in (split(matcher) for matcher in rule[side])}
            for side in ("source_matchers", "target_matchers")
        )


def split(matcher):
    name, _, value = matcher.partition("=")
    return name, value.removeprefix("~")


def test_what_is_silenced_and_by_what_are_alerts_that_there_are():
    named = {name for pair in inhibitions() for side in pair for name in side["alertname"]}
    assert named <= ALERTS.keys()


def test_no_alert_silences_what_silences_it():
    edges = {
        (cause, effect)
        for source, target in inhibitions()
        for cause in whole_names(source)
        for effect in whole_names(target)
    }
    assert edges
    assert not {(cause, effect) for cause, effect in edges if (effect, cause) in edges}


def whole_names(labels):
    return [(name, tuple(labels.get("collector", ()))) for name in labels["alertname"]]


def test_a_page_is_silenced_by_pages_only():
    for source, target in inhibitions():
        if "page" in {ALERTS[name]["labels"]["severity"] for name in target["alertname"]}:
            assert {ALERTS[name]["labels"]["severity"] for name in source["alertname"]} == {"page"}
