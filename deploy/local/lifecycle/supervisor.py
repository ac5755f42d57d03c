"""Starts and stops processes through supervisord, which outlives the command that started it."""

import hashlib
import subprocess
import sys
import xmlrpc.client
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from supervisor.xmlrpc import Faults, SupervisorTransport
from tenacity import RetryError, Retrying, retry_if_not_result, stop_after_delay, wait_fixed

from clients.files import write_whole
from deploy.local.parts import DAGSTER_DAEMON
from deploy.local.services.java_logs import TOKEN
from deploy.local.services.render import render_supervisord
from sma.errors import SmaError

_LONGEST_SOCKET_PATH = 90  # the kernel takes 107 bytes, and supervisord adds its pid to the name while it starts
_START_SECONDS = 20
_STOP_SECONDS = 45


class Supervisor:
    """The supervisord of one state folder, running or not."""

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir
        self._config = state_dir / "supervisord.conf"
        self._socket = socket_path(state_dir)

    def is_running(self) -> bool:
        """Return whether it answers."""
        try:
            self._call("getState")
        except (OSError, xmlrpc.client.Error):
            return False
        return True

    def ensure_running(self, programs: Iterable[Mapping[str, str]], environ: Mapping[str, str], is_root: bool) -> None:
        """Start it, or let it read its programs again.

        A process whose program changed is stopped, so that it can be started again; the others continue.

        Args:
            programs: the options of each program.
            environ: what the programs inherit.
            is_root: whether this process is root.

        Raises:
            SmaError: it does not start.
        """
        write_whole(self._config, render_supervisord(self._state_dir, self._socket, programs, is_root), mode=0o600)
        if self.is_running():
            self._reload()
            return
        command = [sys.executable, "-m", "supervisor.supervisord", "-c", str(self._config)]
        started = subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            start_new_session=True,
            cwd=self._state_dir,
            env=dict(environ),
        )
        if started.returncode != 0 or not _becomes_true(self.is_running, _START_SECONDS):
            lines = (started.stderr or started.stdout).strip().splitlines() or ["it does not answer"]
            raise SmaError(f"supervisord: {lines[-1]}; its log: {self._state_dir}/logs/supervisord.log")

    def require_token(self, token: str) -> None:
        """Refuse a Splunk token other than the one that a running supervisord hands down; no file has it.

        Raises:
            SmaError: it is another.
        """
        if self.is_running():
            variables = Path(f"/proc/{self._call('getPID')}/environ").read_bytes().split(b"\0")
            if f"{TOKEN}={token}".encode() not in variables:
                raise SmaError(f"{TOKEN} is not what the running stack was started with: `sma down`, then `sma up`")

    def start(self, program: str) -> None:
        """Start a program unless it runs; its health check decides whether it stays up."""
        try:
            self._call("startProcess", program, False)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode not in (Faults.ALREADY_STARTED, Faults.SPAWN_ERROR, Faults.ABNORMAL_TERMINATION):
                raise SmaError(f"supervisord: cannot start {program}: {fault.faultString}") from fault

    def state(self, program: str) -> dict[str, Any]:
        """Return what supervisord knows of a program: `statename`, `pid`, `start`, `spawnerr`."""
        try:
            return dict(self._call("getProcessInfo", program))
        except (OSError, xmlrpc.client.Error):
            return {"statename": "STOPPED", "pid": 0, "start": 0, "spawnerr": ""}

    def daemon_start(self, programs: Iterable[str]) -> float:
        """Return when Dagster's daemon was started, in seconds since the epoch; 0 where it is none of the programs."""
        return float(self.state(DAGSTER_DAEMON)["start"]) if DAGSTER_DAEMON in programs else 0.0

    def stop(self, programs: Iterable[str]) -> None:
        """Stop programs, all at the same time, and wait until they are gone."""
        names = list(programs)
        for name in names:
            try:
                self._call("stopProcess", name, False)
            except xmlrpc.client.Fault as fault:
                if fault.faultCode not in (Faults.NOT_RUNNING, Faults.BAD_NAME):
                    raise SmaError(f"supervisord: cannot stop {name}: {fault.faultString}") from fault
        _becomes_true(lambda: not any(self.is_alive(name) for name in names), _STOP_SECONDS)

    def shut_down(self) -> None:
        """Stop supervisord itself, and whatever still runs under it."""
        self._call("shutdown")
        _becomes_true(lambda: not self.is_running(), _STOP_SECONDS)

    def is_alive(self, program: str) -> bool:
        """Return whether a program runs, is being started or is being stopped."""
        return self.state(program)["statename"] in ("STARTING", "RUNNING", "BACKOFF", "STOPPING")

    def has_failed(self, program: str) -> bool:
        """Return whether supervisord has given a program up."""
        return self.state(program)["statename"] in ("FATAL", "EXITED", "UNKNOWN")

    def forget(self) -> None:
        """Remove what a supervisord that no longer runs may have left behind."""
        for path in (self._socket, self._state_dir / "supervisord.pid"):
            path.unlink(missing_ok=True)

    def _reload(self) -> None:
        ((added, changed, removed),) = self._call("reloadConfig")
        for group in [*changed, *removed]:
            self._call("stopProcessGroup", group)
            self._call("removeProcessGroup", group)
        for group in [*added, *changed]:
            self._call("addProcessGroup", group)

    def _call(self, method: str, *arguments: Any) -> Any:
        transport = SupervisorTransport(serverurl=f"unix://{self._socket}")
        with xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport) as server:
            return getattr(server.supervisor, method)(*arguments)


def socket_path(state_dir: Path) -> Path:
    """Return where the supervisord of a state folder listens: in it, or under /tmp where that path is too long."""
    inside = state_dir / "supervisor.sock"
    if len(bytes(inside)) <= _LONGEST_SOCKET_PATH:
        return inside
    digest = hashlib.sha256(bytes(state_dir)).hexdigest()[:16]
    return Path(f"/tmp/sma-{digest}.sock")  # noqa: S108 - every shell must find it, whatever its TMPDIR; mode 0700


def _becomes_true(condition: Callable[[], bool], seconds: float) -> bool:
    polling = Retrying(stop=stop_after_delay(seconds), wait=wait_fixed(0.1), retry=retry_if_not_result(bool))
    try:
        polling(condition)
    except RetryError:
        return False
    return True
