"""Places: topics and a database that nobody else uses, on running services; made for a test, and gone in the end."""

import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from database.migrate import copy_database, create_database, drop_database, restrict_public, with_database
from deploy.acls import grant, revoke
from deploy.local.environment import DATABASE_URLS, read_environment
from deploy.local.kafka_layout import has_tls, principal_of
from deploy.local.services.kafka_config import bootstrap_settings
from deploy.topics import create_topics, delete_topics
from sma.settings import CHECKOUT, Settings, load_settings

SMA = CHECKOUT / ".venv" / "bin" / "sma"
_URL_FIELDS = [name.removeprefix("SMA_").lower() for name in DATABASE_URLS if name != "SMA_DAGSTER_DATABASE_URL"]


@dataclass(frozen=True)
class Place:
    """Topics and a database that nobody else uses, on running services: its settings, in memory and as variables."""

    settings: Settings
    environ: dict[str, str]

    def sma(self, *arguments: str, timeout: float = 240) -> subprocess.CompletedProcess[str]:
        """Run the command line as a user would; what it printed and how it ended."""
        return subprocess.run(
            [SMA, *arguments], env=self.environ, capture_output=True, text=True, timeout=timeout, check=False
        )


@contextmanager
def template_on(server: Place) -> Iterator[str]:
    """Make a migrated database to copy, for as long as it is needed."""
    owner_url = server.settings.owner_database_url.get_secret_value()
    name = f"template_{secrets.token_hex(4)}"
    create_database(owner_url, name)
    try:
        restrict(server, name)
        yield name
    finally:
        drop_database(owner_url, name)


def restrict(server: Place, name: str) -> None:
    """Take from PUBLIC in a database what `sma up` takes from it in its own."""
    environment = read_environment(server.settings.state_dir)
    assert environment is not None
    restrict_public(environment.superuser_url(name))


@contextmanager
def database_on(server: Place, template: str) -> Iterator[Place]:
    """Copy the template for as long as it is needed."""
    name = f"t{secrets.token_hex(4)}"
    urls = {field: getattr(server.settings, field).get_secret_value() for field in _URL_FIELDS}
    own = {f"SMA_{field.upper()}": with_database(url, name) for field, url in urls.items()}
    own |= {"SMA_TOPIC_PREFIX": f"{name}.", "SMA_JOB_NAME": f"moving-averages-{name}"}
    environ = server.environ | own
    copy_database(urls["owner_database_url"], template, name)
    try:
        yield Place(settings_of(environ), environ)
    finally:
        drop_database(urls["owner_database_url"], name)


@contextmanager
def place_on(stack: Place, template: str, **variables: str) -> Iterator[Place]:
    """Make topics and a database of one's own, for as long as they are needed; `variables` are more of its settings."""
    with database_on(Place(stack.settings, stack.environ | variables), template) as own, allowed_on(own):
        create_topics(own.settings.kafka_as("admin"))
        try:
            yield own
        finally:
            delete_topics(own.settings.kafka_as("admin"))


@contextmanager
def allowed_on(place: Place) -> Iterator[None]:
    """Allow each part what the documentation says on the topics of a place, where its Kafka goes by that."""
    environment = read_environment(place.settings.state_dir)
    if environment is None or not has_tls(environment.values):
        yield
        return
    superuser = bootstrap_settings(place.settings, environment)
    grant(superuser, principal_of)
    try:
        yield
    finally:
        revoke(superuser, principal_of)


def settings_of(environ: dict[str, str]) -> Settings:
    """Return the settings that such variables make."""
    with pytest.MonkeyPatch.context() as patch:
        for variable, value in environ.items():
            patch.setenv(variable, value)
        load_settings.cache_clear()
        settings = load_settings()
    load_settings.cache_clear()
    return settings
