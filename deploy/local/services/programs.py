"""Lists the processes that make up each part, with the commands that start them."""

import hashlib
import os
import re
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

from deploy.local.account import postgres_account
from deploy.local.environment import Environment
from deploy.local.kafka_layout import broker_file, broker_programs, kafka_listeners
from deploy.local.logs import log_file
from deploy.local.parts import PROGRAMS, TOKEN_SERVER
from deploy.local.ports import LOOPBACK
from deploy.local.processes import MARKER
from deploy.local.services.alerting import render_alertmanager, render_dead_mans_switch
from deploy.local.services.java_logs import SERVICE, TOKEN, log_files
from deploy.local.services.kafka_config import render_broker
from deploy.local.services.kafka_java import kafka_commands
from deploy.local.services.render import (
    FLINK_HOME,
    FLINK_PLUGINS,
    INSTALL_DIR,
    flink_lib,
    render_flink_config,
    render_template,
)
from sma.errors import SmaError
from sma.settings import CHECKOUT, Settings

_LISTENERS = {
    "timescaledb": ("postgres",),
    "flink": ("flink", "flink_rpc", "flink_metrics", "flink_metrics_2"),
    "dagster": ("dagster", "dagster_code"),
    "prometheus": ("prometheus", "alertmanager", "exporter"),
    "overview": ("overview",),
}
POSTGRES_BIN = INSTALL_DIR / "timescaledb" / "root" / "usr" / "lib" / "postgresql" / "17" / "bin"
PROMETHEUS_DIR = INSTALL_DIR / "prometheus" / "root" / "usr"  # where they find their own pages
_METRICS_KEPT = "15d"


def listeners(environment: Environment, part: str) -> tuple[str, ...]:
    """Return the listeners of a part that runs here, by their names in PORT_OFFSETS."""
    return kafka_listeners(environment.values) if part == "kafka" else _LISTENERS[part]


def prometheus_command(config: Path, data: Path, address: str) -> list[str]:
    """Return the command that runs Prometheus; it finds its pages from PROMETHEUS_DIR as working folder."""
    return [
        f"{PROMETHEUS_DIR}/bin/prometheus",
        f"--config.file={config}",
        f"--storage.tsdb.path={data}",
        f"--storage.tsdb.retention.time={_METRICS_KEPT}",
        f"--web.listen-address={address}",
    ]


def alertmanager_command(config: Path, data: Path, address: str) -> list[str]:
    """Return the command that runs one Alertmanager by itself; its pages are found as those of Prometheus."""
    return [
        f"{PROMETHEUS_DIR}/bin/prometheus-alertmanager",
        f"--config.file={config}",
        f"--storage.path={data}",
        f"--web.listen-address={address}",
        "--cluster.listen-address=",  # alone
    ]


def config_files(settings: Settings, environment: Environment) -> dict[str, dict[Path, str]]:
    """Return the configuration files of each part that runs here: path and contents."""
    state = environment.state_dir
    flink_conf = state / "flink" / "conf"
    switch = settings.dead_mans_switch_url.get_secret_value()
    files = {
        "kafka": {
            **{
                broker_file(state, each): render_broker(environment, each)
                for each in broker_programs(environment.values)
            },
            **log_files(
                settings,
                environment,
                state / "kafka" / "log4j2.properties",
                render_template("log4j2.properties", environment),
            ),
        },
        "timescaledb": {state / "postgres" / name: render_template(name, environment) for name in _POSTGRES_FILES},
        "flink": {
            flink_conf / "config.yaml": render_flink_config(
                settings, environment, (FLINK_HOME / "conf" / "config.yaml").read_text()
            ),
            flink_conf / _FLINK_CLIENT_LOG: (FLINK_HOME / "conf" / _FLINK_CLIENT_LOG).read_text(),
            **log_files(settings, environment, flink_conf / _FLINK_LOG, (FLINK_HOME / "conf" / _FLINK_LOG).read_text()),
        },
        "dagster": {
            state / "dagster" / "dagster.yaml": render_template("dagster.yaml", environment),
            _workspace_file(environment): render_template("workspace.yaml", environment),
        },
        "prometheus": {
            state / "prometheus" / "prometheus.yml": render_template("prometheus.yml", environment),
            state / "prometheus" / "dead_mans_switch.yml": render_dead_mans_switch(switch),
            state / "prometheus" / "alertmanager.yml": render_alertmanager(
                settings.alert_webhook_url.get_secret_value(), switch
            ),
        },
        "overview": {},
    }
    return {part: files[part] for part in environment.parts}


_POSTGRES_FILES = ("postgresql.conf", "pg_hba.conf")
_FLINK_LOG, _FLINK_CLIENT_LOG = "log4j-console.properties", "log4j-cli.properties"


def program_options(
    settings: Settings,
    environment: Environment,
    files: Mapping[str, Mapping[Path, str]],
    environ: Mapping[str, str],
) -> list[dict[str, str]]:
    """Return supervisord's options for each process that runs here.

    Addresses and logins are in no process's environment but Dagster's own database's: our processes read sma.env.

    Args:
        settings: where Dagster's database is.
        environment: the stack's ports, addresses and passwords.
        files: as `config_files` gives them; a process is restarted when the files of its part change, or sma.env where
            it reads that.
        environ: the environment of the command; its SMA_* that sma.env does not have reach our processes.

    Raises:
        SmaError: supervisord has no way to write a value.
    """
    state = environment.state_dir
    workspace = ("-w", str(_workspace_file(environment)))
    commands = {
        **kafka_commands(environment),
        "postgres": [
            f"{POSTGRES_BIN}/postgres",
            "-D",
            f"{state}/postgres/data",
            "-c",
            f"config_file={state}/postgres/postgresql.conf",
        ],
        "flink-jobmanager": [f"{FLINK_HOME}/bin/jobmanager.sh", "start-foreground"],
        "flink-taskmanager": [f"{FLINK_HOME}/bin/taskmanager.sh", "start-foreground"],
        "dagster-code": [*_DAGSTER, "dagster", *_CODE_SERVER, *_address(environment, "dagster_code")],
        "dagster-webserver": [*_DAGSTER, "dagster_webserver", *_address(environment, "dagster"), *workspace],
        "dagster-daemon": [*_DAGSTER, "deploy.local.services.dagster_daemon", "run", *workspace],
        "heartbeats": [sys.executable, "-m", "heartbeats"],
        "exporter": [sys.executable, "-m", "monitoring.exporter", "--port", str(environment.ports["exporter"])],
        "prometheus": prometheus_command(
            state / "prometheus" / "prometheus.yml",
            state / "prometheus" / "data",
            f"{LOOPBACK}:{environment.ports['prometheus']}",
        ),
        "alertmanager": alertmanager_command(
            state / "prometheus" / "alertmanager.yml",
            state / "prometheus" / "alertmanager",
            f"{LOOPBACK}:{environment.ports['alertmanager']}",
        ),
        "overview": [sys.executable, "-m", "overview", "--port", str(environment.ports["overview"])],
    }
    # the token is inherited from supervisord, so no file has it
    kept = (*environment.values, TOKEN)
    given = {name: value for name, value in environ.items() if name.startswith("SMA_") and value and name not in kept}
    ours = {**given, "SMA_STATE_DIR": str(state), "TZ": "UTC"}
    variables = {
        "kafka": {},
        "timescaledb": {},
        "flink": {
            "FLINK_CONF_DIR": f"{state}/flink/conf",
            "FLINK_LIB_DIR": str(flink_lib(state)),
            "FLINK_LOG_DIR": f"{state}/logs/flink",
            "FLINK_PID_DIR": f"{state}/flink",
            "FLINK_PLUGINS_DIR": str(FLINK_PLUGINS),
            "FLINK_IDENT_STRING": "sma",
        },
        "dagster": {
            **ours,
            "DAGSTER_HOME": f"{state}/dagster",
            "SMA_DAGSTER_DATABASE_URL": settings.dagster_database_url.get_secret_value(),  # dagster.yaml names it
        },
        "prometheus": {},
        "overview": {},
    }
    addresses = "".join(f"{name}={value}\n" for name, value in sorted(environment.values.items()))
    options = []
    for part in environment.parts:
        for name in environment.programs(part):
            inputs = [_installed(part), *files[part].values(), addresses if name in _OURS else ""]
            own = {
                **(ours if name in _WITHOUT_DAGSTER else variables[part]),
                MARKER: str(state),
                "SMA_CONFIG_DIGEST": hashlib.sha256("".join(inputs).encode()).hexdigest(),
                SERVICE: name,
            }
            options.append(
                {
                    "name": name,
                    "command": shlex.join(commands[name]),
                    "directory": str(_directory(name, state)),
                    "environment": ",".join(f"{key}={_quote(key, value)}" for key, value in own.items()),
                    "stdout_logfile": str(log_file(state, name)),
                    **_special_options(name),
                }
            )
    return options


def _directory(program: str, state: Path) -> Path:
    if program in ("prometheus", "alertmanager"):
        return PROMETHEUS_DIR
    return CHECKOUT if program in _OURS else state


def _installed(part: str) -> str:
    """The inputs of the part's installation: other inputs are another program. Prometheus reads its rules once."""
    stamp = INSTALL_DIR / part / "stamp"
    rules = sorted(_RULES_DIR.glob("*.yml")) if part == "prometheus" else []
    return "".join(path.read_text() for path in (stamp, *rules) if path.exists())


_RULES_DIR = CHECKOUT / "monitoring" / "prometheus" / "rules"
_WITHOUT_DAGSTER = ("heartbeats", "exporter", "overview", TOKEN_SERVER)
_OURS = (*_WITHOUT_DAGSTER, *PROGRAMS["dagster"])  # they read sma.env
_DAGSTER = (sys.executable, "-m", "monitoring.logs", "dagster")
_CODE_SERVER = ("code-server", "start", "-m", "orchestration.definitions", "-d", str(CHECKOUT))


def _workspace_file(environment: Environment) -> Path:
    return environment.state_dir / "dagster" / "workspace.yaml"


def _address(environment: Environment, listener: str) -> tuple[str, ...]:
    return ("-h", LOOPBACK, "-p", str(environment.ports[listener]))


def _special_options(program: str) -> dict[str, str]:
    if program != "postgres":
        return {}
    account = postgres_account()
    # fast shutdown, of the first process alone: it ends its children itself
    options = {"stopsignal": "INT", "stopasgroup": "false", "killasgroup": "false"}
    return options if account is None else {**options, "user": account.pw_name}


def _quote(name: str, value: str) -> str:
    """Quote for supervisord, whose values know no escapes.

    Raises:
        SmaError: it would read something else.
    """
    if _NO_VALUE.search(value) or ('"' in value and "'" in value):
        raise SmaError(
            f"{name}: supervisord takes no value with both kinds of quotes, a line's end, or a space before `;` or "
            f"`#`; a secret may be in a file that {name}_FILE names"
        )
    return f"'{value}'" if '"' in value else f'"{value}"'


_NO_VALUE = re.compile(r"[\r\n]|\s[;#]")


def is_root() -> bool:
    """Return whether this process is root."""
    return os.geteuid() == 0
