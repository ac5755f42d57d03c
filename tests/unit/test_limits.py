"""The limits of an event are read from one file by both languages."""

import pytest

from sma import limits
from sma.settings import CHECKOUT

FILE = (CHECKOUT / "sma" / "limits.properties").read_text(encoding="ascii")
JAVA = (
    CHECKOUT / "streaming" / "operator" / "src" / "main" / "java" / "sma" / "streaming" / "record" / "Limits.java"
).read_text(encoding="utf-8")
NAMES = [line.partition("=")[0].strip() for line in FILE.splitlines() if "=" in line]


def test_the_file_has_limits():
    assert "max_name_characters" in NAMES


@pytest.mark.parametrize("name", NAMES)
def test_python_reads_each_limit_of_the_file(name):
    assert f"\n{name} = {getattr(limits, name.upper())}\n" in FILE


@pytest.mark.parametrize("name", NAMES)
def test_java_reads_each_limit_of_the_file_under_the_same_name(name):
    assert f'{name.upper()} = (int) limit("{name}")' in JAVA or f'{name.upper()} = limit("{name}")' in JAVA
