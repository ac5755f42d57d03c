"""The alert rules and their promtool tests, read as YAML for the tests of them, and promtool itself."""

import subprocess
from pathlib import Path
from typing import Any

import yaml

from sma.settings import CHECKOUT

MONITORING = CHECKOUT / "monitoring" / "prometheus"
RULE_FILES = sorted((MONITORING / "rules").glob("*.yml"))
TEST_FILES = sorted((MONITORING / "tests").glob("*.yml"))


def _rules(path: Path) -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"]]


RULES = [rule for path in RULE_FILES for rule in _rules(path)]
ALERTS = {rule["alert"]: rule for rule in RULES if "alert" in rule}
TESTS = [test for path in TEST_FILES for test in yaml.safe_load(path.read_text())["tests"]]

_PROMTOOL = CHECKOUT / ".local" / "install" / "prometheus" / "bin" / "promtool"


def promtool(*arguments: str) -> None:
    """Run promtool; it must find nothing wrong."""
    ran = subprocess.run([_PROMTOOL, *arguments], capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
