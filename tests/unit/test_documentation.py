"""The documentation agrees with the code: settings, ports, links, file names and versions."""

import re
from importlib.metadata import version

import pytest
from pydantic import SecretStr

from deploy.local.ports import PORT_OFFSETS
from sma.settings import CHECKOUT
from sma.settings.part import Part
from tests.support.settings_parts import PARTS

SETTINGS = (CHECKOUT / "docs" / "settings.md").read_text()


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.__name__)
def test_the_table_of_a_part_is_its_class(part):
    expected = []
    for name, field in part.model_fields.items():
        if part is Part or name not in Part.model_fields:
            default = field.default.get_secret_value() if isinstance(field.default, SecretStr) else field.default
            default = "" if default in (None, {}) else default
            shown = str(default).lower() if isinstance(default, bool) else str(default).replace(f"{CHECKOUT}/", "")
            expected.append(f"| `SMA_{name.upper()}` | {f'`{shown}`' if shown else ''} | {field.description} |")
    assert "\n".join(expected) + "\n\n" in SETTINGS


@pytest.mark.parametrize("listener", PORT_OFFSETS)
def test_every_port_is_in_the_table(listener):
    assert f"| `SMA_{listener.upper()}_PORT` | base + {PORT_OFFSETS[listener]} |" in SETTINGS


@pytest.mark.parametrize("page", sorted(CHECKOUT.glob("*.md")) + sorted(CHECKOUT.glob("docs/**/*.md")), ids=str)
def test_links_between_pages_lead_somewhere(page):
    for target, heading in re.findall(r"\]\(([^)#:]*)(?:#([^)]+))?\)", page.read_text()):
        path = page.parent / target if target else page
        assert path.exists(), target
        assert not heading or heading in headings(path), f"{target}#{heading}"


def headings(page):
    """The headings of a page as links name them."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("package", ["apache-flink", "dagster", "polars", "confluent-kafka"])
def test_the_installed_version_is_the_pinned_one(package):
    # without its pin, the resolver goes back to an apache-flink of years ago and says nothing
    (pinned,) = re.findall(rf"^{package}==(\S+)", (CHECKOUT / "requirements.in").read_text(), re.MULTILINE)
    assert version(package) == pinned


@pytest.mark.parametrize("page", sorted((CHECKOUT / "docs" / "decisions").glob("0*.md")), ids=lambda page: page.stem)
def test_a_decision_is_in_the_list_with_its_title(page):
    title = page.read_text().splitlines()[0].removeprefix("# ")
    assert f"| [{page.stem[:4]}]({page.name}) {title} |" in (page.parent / "README.md").read_text()


@pytest.mark.parametrize("page", sorted(CHECKOUT.glob("*.md")) + sorted(CHECKOUT.glob("docs/**/*.md")), ids=str)
def test_files_that_a_page_names_are_there(page):
    named = re.findall(
        r"`([a-z][\w-]*(?:/[\w.-]+)*/[\w-]+\.(?:py|sql|java|md|json|jsonl|yaml|yml|conf))`", page.read_text()
    )
    assert [name for name in named if not (CHECKOUT / name).exists()] == []
