"""docs/operating.md lists every port of the local stack."""

import re

from deploy.local.ports import PORT_OFFSETS
from sma.settings import CHECKOUT


def test_every_port_is_in_the_table_of_what_it_gives_without_a_login():
    page = (CHECKOUT / "docs" / "operating.md").read_text()
    section = page.partition("## Who can reach what without a login\n")[2].partition("\n## ")[0]
    listed = re.findall(r"^\| `SMA_([A-Z0-9_]+)_PORT` \| [a-z]", section, re.M)
    assert sorted(name.lower() for name in listed) == sorted(PORT_OFFSETS)
