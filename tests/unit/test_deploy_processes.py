"""Orphans: found by the mark that they carry, with their children, and ended; nobody else is."""

import os
import subprocess
import sys
import time

from deploy.local.processes import MARKER, end_processes, stack_processes

_SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


def _start(state_dir, command=_SLEEP):
    return subprocess.Popen(command, env={**os.environ, MARKER: str(state_dir)}, start_new_session=True)


def _wait_until(condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_process_of_another_stack_is_left_alone(tmp_path):
    ours, other = _start(tmp_path / "a"), _start(tmp_path / "ab")
    try:
        _wait_until(lambda: ours.pid in stack_processes(tmp_path / "a"))
        assert end_processes(tmp_path / "a") == [ours.pid]
        assert ours.wait() != 0
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_children_that_outlive_their_parent_are_found(tmp_path):
    parent = _start(tmp_path, ["/bin/sh", "-c", "sleep 60 & sleep 60 & exit"])
    parent.wait()
    _wait_until(lambda: list(stack_processes(tmp_path).values()) == ["sleep 60", "sleep 60"])
    assert len(end_processes(tmp_path)) == 2
    assert stack_processes(tmp_path) == {}


def test_a_process_that_ignores_the_polite_signal_is_killed(tmp_path):
    stubborn = "import signal, time; signal.signal(15, signal.SIG_IGN); print(flush=True); time.sleep(60)"
    process = subprocess.Popen(
        [sys.executable, "-c", stubborn], env={**os.environ, MARKER: str(tmp_path)}, stdout=subprocess.PIPE
    )
    with process:
        assert process.stdout is not None
        process.stdout.readline()
        end_processes(tmp_path, grace_seconds=0.3)
        assert process.wait() == -9


def test_nothing_to_end_is_no_error(tmp_path):
    assert end_processes(tmp_path) == []
