"""The properties by which a tool of Kafka's distribution connects, and as whom it does."""

import re

from hypothesis import given
from hypothesis import strategies as st

from deploy.local.kafka_tool import properties_text


@given(st.text())
def test_a_value_of_any_characters_is_one_line_of_ascii_as_java_reads_it(value):
    text = properties_text({"sasl.jaas.config": value, "security.protocol": "SSL"})
    first, second = text.splitlines()
    assert second == "security.protocol=SSL"
    assert first.isascii()
    name, _, written = first.partition("=")
    units = re.sub(r"\\u([0-9a-f]{4})", lambda found: chr(int(found[1], 16)), written)
    assert name == "sasl.jaas.config"
    assert units.encode("utf-16-le", "surrogatepass").decode("utf-16-le") == value
