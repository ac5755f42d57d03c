"""Stores a stack's addresses, ports and passwords in the file `sma.env` of its state folder.

The first `up` writes it, readable by its owner only; `sma.settings` reads it, so that later commands need no
environment. An address in the environment that `sma.env` does not give names a service elsewhere, which is then not
started here.
"""

import re
import secrets
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dotenv import dotenv_values

from clients.files import write_whole
from deploy.local.folders import make_state_dir
from deploy.local.kafka_layout import kafka_programs
from deploy.local.kafka_plan import plan_kafka
from deploy.local.parts import PARTS, PROGRAMS
from deploy.local.ports import LOOPBACK, PORT_OFFSETS, choose_ports
from sma.errors import SmaError
from sma.settings import CHECKOUT, Settings

DATABASE_URLS = {
    "SMA_DATABASE_URL": ("sma_reader", "sma"),
    "SMA_OWNER_DATABASE_URL": ("sma_owner", "sma"),
    "SMA_STREAMING_DATABASE_URL": ("sma_streaming", "sma"),
    "SMA_BATCH_DATABASE_URL": ("sma_batch", "sma"),
    "SMA_DAGSTER_DATABASE_URL": ("sma_dagster", "dagster"),
}
ROLES = ("postgres", "sma_owner", "sma_streaming", "sma_batch", "sma_serving", "sma_dagster", "sma_reader")
_MONITORING_URLS = {
    "SMA_PROMETHEUS_URL": "prometheus",
    "SMA_ALERTMANAGER_URL": "alertmanager",
    "SMA_EXPORTER_URL": "exporter",
}
_ADDRESSES = {
    "kafka": ("SMA_KAFKA_BOOTSTRAP",),
    "timescaledb": tuple(DATABASE_URLS),
    "flink": ("SMA_FLINK_URL", "SMA_FLINK_STORAGE"),
    "dagster": ("SMA_DAGSTER_URL",),
    "prometheus": tuple(_MONITORING_URLS),
    "overview": ("SMA_OVERVIEW_URL",),
}
_FILE = "_FILE"
_CONNECTION, _NO_CONNECTION = "SMA_KAFKA_", ("_PORT", "_READER")
_HEADER = "# Written by `sma up`: this stack's ports, addresses and passwords. Keep it to yourself.\n"


@dataclass(frozen=True)
class Environment:
    """A stack's state folder and the values of its `sma.env`."""

    state_dir: Path
    values: Mapping[str, str]

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts that run here; the others are somewhere else."""
        return tuple(part for part in PARTS if part in self.values["SMA_LOCAL_PARTS"].split(","))

    @property
    def ports(self) -> dict[str, int]:
        """The port of each listener."""
        return choose_ports(self.values)

    def programs(self, part: str) -> tuple[str, ...]:
        """Return the processes of a part that run here; none where the part is elsewhere."""
        if part not in self.parts:
            return ()
        return kafka_programs(self.values) if part == "kafka" else PROGRAMS[part]

    def password(self, role: str) -> str:
        """Return the password of a role of the local PostgreSQL."""
        return self.values[f"SMA_PASSWORD_{role.upper()}"]

    def superuser_url(self, database: str) -> str:
        """Return the URL of the local PostgreSQL's superuser, for making roles and databases."""
        return _database_url("postgres", self.password("postgres"), self.ports["postgres"], database)


def state_dir_of(environ: Mapping[str, str]) -> Path:
    """Return the state folder that SMA_STATE_DIR names, or the checkout's own."""
    return Path(environ.get("SMA_STATE_DIR") or CHECKOUT / ".local").absolute()


def database_place(settings: Settings) -> str:
    """Return where the database is: its URL without a password."""
    scheme, _, rest = settings.database_url.get_secret_value().partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}" if rest else ""


def read_environment(state_dir: Path) -> Environment | None:
    """Return the values of the `sma.env` of a state folder; None before the first `up`."""
    path = state_dir / "sma.env"
    if not path.exists():
        return None
    values = {name: value or "" for name, value in dotenv_values(path).items()}
    if "SMA_LOCAL_PARTS" not in values:
        raise SmaError(f"{path}: was not written by `sma up`: move it away")
    return Environment(state_dir, values)


def plan_environment(state_dir: Path, environ: Mapping[str, str], persisted: Environment | None) -> Environment:
    """Return the new values of `sma.env`: those of the environment, else those of an earlier `up`, else new ones.

    Args:
        state_dir: the stack's state folder.
        environ: the environment of the command.
        persisted: what was chosen by an earlier `up`, if there was one.

    Raises:
        SmaError: a port is no port, only some of the addresses of a service elsewhere are given, or what is chosen of
            Kafka is not what its data are of.
    """
    before = dict(persisted.values) if persisted else {}
    given = {name: value for name, value in environ.items() if name.startswith("SMA_") and value}
    values = _plan_ports(given, before)
    ports = choose_ports(values)
    local_parts = []
    for part, addresses in _ADDRESSES.items():
        elsewhere = _addresses_elsewhere(part, addresses, given, before)
        if elsewhere:
            values.update(elsewhere)
        else:
            local_parts.append(part)
    values["SMA_LOCAL_PARTS"] = ",".join(local_parts)
    if "kafka" in local_parts:
        values |= plan_kafka(state_dir, given, before, ports)
    if "flink" in local_parts:
        storage = given.get("SMA_FLINK_STORAGE") or before.get("SMA_FLINK_STORAGE")
        values.update({"SMA_FLINK_STORAGE": storage} if storage else {})
        values["SMA_FLINK_URL"] = f"http://{LOOPBACK}:{ports['flink']}"
    if "dagster" in local_parts:
        values["SMA_DAGSTER_URL"] = f"http://{LOOPBACK}:{ports['dagster']}"
    if "prometheus" in local_parts:
        for name, listener in _MONITORING_URLS.items():
            values[name] = f"http://{LOOPBACK}:{ports[listener]}"
    if "overview" in local_parts:
        values["SMA_OVERVIEW_URL"] = f"http://{LOOPBACK}:{ports['overview']}"
    if "timescaledb" in local_parts:
        for role in ROLES:
            name = f"SMA_PASSWORD_{role.upper()}"
            values[name] = before.get(name) or secrets.token_urlsafe(24)
        for name, (role, database) in DATABASE_URLS.items():
            password = values[f"SMA_PASSWORD_{role.upper()}"]
            values[name] = _database_url(role, password, ports["postgres"], database)
    return Environment(state_dir, values)


def _plan_ports(given: Mapping[str, str], before: Mapping[str, str]) -> dict[str, str]:
    names = ["SMA_PORT_BASE", *(f"SMA_{name.upper()}_PORT" for name in PORT_OFFSETS)]
    asked = {name: given[name] for name in names if name in given}
    kept = {} if "SMA_PORT_BASE" in asked else {name: before[name] for name in names if name in before}
    if kept:  # a listener that an earlier `up` did not have is next to the others
        kept["SMA_PORT_BASE"] = str(_base_of(kept))
    ports = choose_ports({**kept, **asked})
    return {f"SMA_{name.upper()}_PORT": str(port) for name, port in ports.items()}


def _base_of(ports: Mapping[str, str]) -> int:
    """Return the base of which most of these ports are."""
    offsets = {f"SMA_{name.upper()}_PORT": offset for name, offset in PORT_OFFSETS.items()}
    bases = Counter(int(port) - offsets[name] for name, port in ports.items() if name in offsets)
    return bases.most_common(1)[0][0]


def _addresses_elsewhere(
    part: str, addresses: tuple[str, ...], given: Mapping[str, str], before: Mapping[str, str]
) -> dict[str, str]:
    """Return the variables that say where a part is; none where it runs here. One may name a file with the address."""
    was_local = part in before.get("SMA_LOCAL_PARTS", "").split(",")
    known = {} if was_local else before
    exported = {name for name in addresses if was_local and given.get(name) == before.get(name)}
    elsewhere = {}
    for name in addresses:
        form = next((each for each in (name, f"{name}{_FILE}") if each in given and each not in exported), None)
        kept = next((each for each in (name, f"{name}{_FILE}") if each in known), None)
        if form is not None:
            elsewhere[form] = given[form]
        elif kept is not None:
            elsewhere[kept] = known[kept]
    if part == "flink" and "SMA_FLINK_URL" not in elsewhere:
        return {}  # a storage of one's own for the Flink that runs here
    missing = [name for name in addresses if not {name, f"{name}{_FILE}"} & elsewhere.keys()]
    if elsewhere and missing:
        raise SmaError(f"{part}: {', '.join(elsewhere)} names one elsewhere, so {', '.join(missing)} must be set too")
    if part == "kafka" and elsewhere:  # how it is connected to, and as whom
        connection = {name: value for name, value in {**known, **given}.items() if name.startswith(_CONNECTION)}
        elsewhere |= {name: value for name, value in connection.items() if not name.endswith(_NO_CONNECTION)}
    return elsewhere


def _database_url(role: str, password: str, port: int, database: str) -> str:
    return f"postgresql://{role}:{password}@{LOOPBACK}:{port}/{database}"


def write_environment(environment: Environment) -> None:
    """Write `sma.env`, whole or not at all, into a state folder that nobody else may enter."""
    make_state_dir(environment.state_dir)
    path = environment.state_dir / "sma.env"
    lines = [f"{name}={_quoted(value)}\n" for name, value in sorted(environment.values.items())]
    write_whole(path, _HEADER + "".join(lines), mode=0o600)


def _quoted(value: str) -> str:
    """Return a value as it is read from the file: else a space, `#`, a quote or `${...}` would mean something."""
    if _PLAIN.fullmatch(value):
        return value
    escaped = value.replace("\\", r"\\").replace("'", r"\'").replace("${", "${:-$}{")  # what no variable has: a `$`
    return f"'{escaped}'"


_PLAIN = re.compile(r"[\w./:@%+,=?&~-]*", re.ASCII)
