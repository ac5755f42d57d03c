"""Fills in the templates of deploy/local/services/config for one stack."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from string import Template
from typing import Any

import yaml

from deploy.local.environment import Environment
from deploy.local.ports import LOOPBACK
from sma.settings import CHECKOUT, StreamingSettings

CONFIG_DIR = Path(__file__).resolve().parent / "config"
INSTALL_DIR = CHECKOUT / ".local" / "install"
SITE_PACKAGES = Path(yaml.__file__).resolve().parent.parent
FLINK_HOME = SITE_PACKAGES / "pyflink"
FLINK_PLUGINS = INSTALL_DIR / "flink-jars" / "plugins"
_FLINK_LIBS = (FLINK_HOME / "lib", INSTALL_DIR / "flink-jars" / "lib")
TASK_SLOTS = 8

_METRICS_REPORTER = "org.apache.flink.metrics.prometheus.BoundPrometheusReporterFactory"  # monitoring/flink

# The last one is Pekko's own key: Flink's `pekko.startup-timeout` does not reach it (Flink 2.3), and 10 s, Pekko's
# default, are too few on a machine that starts several stacks at once.
_JAVA_OPTIONS = "-Duser.timezone=UTC -Djava.net.preferIPv4Stack=true -Dpekko.remote.classic.startup-timeout=60s"

# Kafka's clients get tokens only from the places that this property of their JVM names.
ALLOWED_URLS = "org.apache.kafka.sasl.oauthbearer.allowed.urls"


def render_template(name: str, environment: Environment, **others: str) -> str:
    """Return a template of deploy/local/services/config with the stack's ports and its folders, and other words."""
    words = {f"{part}_port": str(port) for part, port in environment.ports.items()} | others
    text = (CONFIG_DIR / name).read_text()
    return Template(text).substitute(words, state_dir=str(environment.state_dir), checkout=str(CHECKOUT))


def render_flink_config(settings: StreamingSettings, environment: Environment, stock: str) -> str:
    """Return Flink's config.yaml.

    Args:
        settings: the checkpoints' interval and place, and where Kafka's clients get their tokens.
        environment: ports and state folder.
        stock: the config.yaml that Flink ships; its --add-opens are kept, without which clients fail at their start.
    """
    java_options = f"{yaml.safe_load(stock)['env']['java']['opts']['all']} {_JAVA_OPTIONS}"
    if settings.kafka_oauth_token_url:
        java_options += f" -D{ALLOWED_URLS}={settings.kafka_oauth_token_url}"
    state, ports = environment.state_dir / "flink", environment.ports
    config: dict[str, Any] = {
        "env.java.opts.all": java_options,
        "jobmanager.bind-host": LOOPBACK,
        "jobmanager.rpc.address": LOOPBACK,
        "jobmanager.rpc.port": ports["flink_rpc"],
        "env.java.opts.jobmanager": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1",  # starts sooner; it works little
        "jobmanager.memory.process.size": "1024m",
        "jobmanager.execution.failover-strategy": "region",
        "env.java.opts.taskmanager": "-XX:+UseParallelGC",  # a third more events a second than with the default, G1
        "taskmanager.bind-host": LOOPBACK,
        "taskmanager.host": LOOPBACK,
        "taskmanager.numberOfTaskSlots": TASK_SLOTS,
        "metrics.fetcher.update-interval": "1000",
        # When a TaskManager dies while it is asked for metrics, Flink asks none for so long: by default, 600 s.
        "web.timeout": "60 s",
        "metrics.reporters": "prometheus",
        "metrics.reporter.prometheus.factory.class": _METRICS_REPORTER,
        "metrics.reporter.prometheus.host": LOOPBACK,
        # half of all metrics, and no dashboard or alert uses them
        "metrics.reporter.prometheus.filter.excludes": "*.KafkaProducer;*.KafkaConsumer",
        # each process takes the first that is free
        "metrics.reporter.prometheus.port": f"{ports['flink_metrics']},{ports['flink_metrics_2']}",
        "taskmanager.memory.process.size": settings.taskmanager_memory,
        "taskmanager.memory.jvm-metaspace.size": "384m",
        "taskmanager.memory.managed.fraction": 0.1,
        "taskmanager.load-balance.mode": "SLOTS",
        # What is in Flink's lib folder too is used from there, whichever job asks. Kafka's clients are: they register
        # their login by OAUTHBEARER once for a JVM, and it works for no second copy of their classes.
        "classloader.parent-first-patterns.additional": "sma.;org.postgresql.;org.apache.kafka.",
        "parallelism.default": 1,
        "rest.address": LOOPBACK,
        "rest.bind-address": LOOPBACK,
        "rest.port": ports["flink"],
        "rest.bind-port": ports["flink"],
        "web.submit.enable": True,
        "web.tmpdir": str(state / "tmp"),
        "io.tmp.dirs": str(state / "tmp"),
        # A TaskManager that is gone is noticed after two unanswered heartbeats, not after 20 s.
        "heartbeat.interval": 2000,
        "heartbeat.timeout": 30000,
        "restart-strategy.type": "exponential-delay",
        "restart-strategy.exponential-delay.initial-backoff": "1 s",
        "restart-strategy.exponential-delay.max-backoff": "30 s",
        "execution.checkpointing.mode": "EXACTLY_ONCE",
        "execution.checkpointing.interval": f"{settings.checkpoint_interval_ms} ms",
        "execution.checkpointing.externalized-checkpoint-retention": "RETAIN_ON_CANCELLATION",
        "execution.checkpointing.num-retained": 3,
        "execution.checkpointing.dir": f"{settings.flink_storage_uri}/checkpoints",
        "execution.checkpointing.savepoint-dir": f"{settings.flink_storage_uri}/savepoints",
    }
    header = "# Configuration of the local Flink. Written by `sma up` from deploy/local/services/render.py.\n"
    return header + yaml.safe_dump(config, sort_keys=False, width=10_000)


def flink_lib(state_dir: Path) -> Path:
    """Return the folder of a stack's Flink that has its jars; `link_flink_lib` fills it."""
    return state_dir / "flink" / "lib"


def link_flink_lib(state_dir: Path) -> None:
    """Let Flink's lib folder have the jars of Flink, and Kafka's clients; links that are right stay."""
    folder = flink_lib(state_dir)
    folder.mkdir(parents=True, exist_ok=True)
    wanted = {jar.name: jar for source in _FLINK_LIBS for jar in source.glob("*.jar")}
    for link in folder.iterdir():
        if link.name not in wanted or link.readlink() != wanted[link.name]:
            link.unlink()
    for name, jar in wanted.items():
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(jar)


def render_supervisord(state_dir: Path, socket: Path, programs: Iterable[Mapping[str, str]], is_root: bool) -> str:
    """Return supervisord's configuration.

    Args:
        state_dir: the stack's state folder.
        socket: where supervisord listens for commands.
        programs: the options of each program, its `name` among them.
        is_root: whether supervisord runs as root, which its configuration must name.
    """
    sections: list[tuple[str, Mapping[str, str]]] = [
        (
            "supervisord",
            {
                "logfile": f"{state_dir}/logs/supervisord.log",
                "pidfile": f"{state_dir}/supervisord.pid",
                "childlogdir": f"{state_dir}/logs",
                "umask": "077",
                **({"user": "root"} if is_root else {}),
            },
        ),
        ("unix_http_server", {"file": str(socket), "chmod": "0700"}),
        ("rpcinterface:supervisor", {"supervisor.rpcinterface_factory": _RPC_INTERFACE}),
    ]
    for program in programs:
        options = {name: value for name, value in program.items() if name != "name"}
        sections.append((f"program:{program['name']}", {**_PROGRAM_DEFAULTS, **options}))
    lines = []
    for title, section in sections:
        lines.append(f"[{title}]")
        lines += [f"{name}={value.replace('%', '%%')}" for name, value in section.items()]
        lines.append("")
    return "\n".join(lines)


_RPC_INTERFACE = "supervisor.rpcinterface:make_main_rpcinterface"
_PROGRAM_DEFAULTS = {
    "autostart": "false",
    "autorestart": "true",
    "startsecs": "3",
    "startretries": "1",
    "stopwaitsecs": "20",
    "stopasgroup": "true",
    "killasgroup": "true",
    "redirect_stderr": "true",
    "stdout_logfile_maxbytes": "20MB",
    "stdout_logfile_backups": "3",
}
