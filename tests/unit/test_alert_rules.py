"""The alert rules: promtool takes them and their tests; each alert is tested, routed, told with values, has a page."""

import re

import pytest

from deploy.local.services.alerting import SEVERITIES
from sma.settings import CHECKOUT
from tests.support.alert_rules import ALERTS, RULE_FILES, RULES, TEST_FILES, TESTS, promtool

RUNBOOKS = CHECKOUT / "docs" / "runbooks"
README = (RUNBOOKS / "README.md").read_text()
METRICS = (CHECKOUT / "docs" / "metrics.md").read_text()
LABELS = ("partition", "average", "customer")


def test_promtool_takes_the_rules():
    promtool("check", "rules", *map(str, RULE_FILES))


@pytest.mark.parametrize("path", TEST_FILES, ids=lambda path: path.stem)
def test_the_rules_do_what_their_tests_say(path):
    promtool("test", "rules", str(path))


def test_an_alert_has_one_rule():
    assert len(ALERTS) == len([rule for rule in RULES if "alert" in rule])


@pytest.mark.parametrize("kind", ["fires", "quiet", "absent"])
@pytest.mark.parametrize("name", ALERTS)
def test_every_alert_has_tests_of_each_kind(name, kind):
    # "JobDown: fires 90 seconds after ...": and the test asks for this alert, firing or not
    held = [test for test in TESTS if test["name"].startswith(f"{name}: {kind}")]
    assert held
    for test in held:
        asked = [case for case in test["alert_rule_test"] if case["alertname"] == name]
        assert any(case["exp_alerts"] for case in asked) or kind != "fires"
        assert any(not case["exp_alerts"] for case in asked) or kind == "fires"


@pytest.mark.parametrize("name", ALERTS)
def test_where_a_metric_is_absent_something_says_so_or_it_ought_to_be(name):
    # what says so is another alert, asked for by expression; or the test states that nobody has to
    for test in TESTS:
        if test["name"].startswith(f"{name}: absent"):
            says = any(case["exp_samples"] for case in test.get("promql_expr_test", ()))
            itself = any(case["exp_alerts"] for case in test["alert_rule_test"])
            assert says or itself or re.search(r"as it should be|nobody is behind", test["name"]), test["name"]


def test_the_tests_are_of_alerts_that_there_are():
    asked = {case["alertname"] for test in TESTS for case in test.get("alert_rule_test", ())}
    assert asked == ALERTS.keys()


@pytest.mark.parametrize("name", ALERTS)
def test_every_alert_has_a_severity_that_is_routed(name):
    assert ALERTS[name]["labels"]["severity"] in SEVERITIES


@pytest.mark.parametrize("name", ALERTS)
def test_every_summary_has_a_value_made_readable(name):
    assert re.search(r"\{\{[^}]*(\$value|\bvalue) \| humanize", ALERTS[name]["annotations"]["summary"])


@pytest.mark.parametrize("name", ALERTS)
def test_every_summary_names_whose_value_it_is(name):
    # a label that the expression leaves in is told; what it adds up over is gone
    expression = ALERTS[name]["expr"]
    labelled = {label for label in LABELS for metric in metric_names(expression) if label in labels_of(metric)}
    summed_up = {label for label in labelled if re.search(rf"\b(max|min|sum)\((?!.*{label})", expression)}
    told = {label for label in LABELS if f"$labels.{label}" in ALERTS[name]["annotations"]["summary"]}
    absence = name == "MetricsMissing"
    assert told == (set() if absence else labelled - summed_up)


@pytest.mark.parametrize("name", ALERTS)
def test_every_alert_has_its_page(name):
    assert ALERTS[name]["annotations"]["runbook"] == f"docs/runbooks/{name}.md"
    assert (RUNBOOKS / f"{name}.md").exists()


@pytest.mark.parametrize("name", ALERTS)
def test_every_alert_stands_in_the_table_with_its_severity(name):
    severity = ALERTS[name]["labels"]["severity"]
    assert re.search(rf"^\| \[{name}\]\({name}\.md\) \| {severity} \| \S", README, re.MULTILINE)


def test_no_page_is_without_its_alert():
    assert {path.stem for path in RUNBOOKS.glob("*.md")} == {*ALERTS, "README"}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.get("alert") or rule["record"])
def test_every_metric_of_a_rule_is_documented(rule):
    # `up` is Prometheus' own
    text = rule["expr"] + rule.get("annotations", {}).get("summary", "")
    assert metric_names(text) or "up{" in text
    for metric in metric_names(text):
        assert f"| `{metric}` |" in METRICS, metric


def metric_names(text):
    return set(re.findall(r"\bsma_[a-z_]+[a-z]\b", text))


def labels_of(metric):
    (labels,) = re.findall(rf"^\| `{metric}` \| ([^|]*) \|", METRICS, re.MULTILINE) or [""]
    return re.findall(r"`(\w+)`", labels)
