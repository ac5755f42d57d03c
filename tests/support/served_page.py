"""The overview page, served as the stack serves it, and read by a headless Chromium."""

import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from overview.app import app_of

_STARTED_WITHIN_S = 30
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@contextmanager
def served(settings, sources=None) -> Iterator[str]:
    """Serve the page of a stack, or of other sources, on a free port; yield its address."""
    server = uvicorn.Server(uvicorn.Config(app_of(settings, sources), host="127.0.0.1", port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        deadline = time.monotonic() + _STARTED_WITHIN_S
        while not server.started:
            assert thread.is_alive() and time.monotonic() < deadline, "the page's server did not start"
            time.sleep(0.02)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


class Browser:
    """A headless Chromium with a profile of the test's own. Its clock runs as fast as nothing is left to do."""

    def __init__(self, profile: Path):
        found = [path for name in _BROWSERS if (path := shutil.which(name))]
        assert found, "there is no Chromium: run `make chromium`"
        self._command = [
            *(
                found[0],
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--hide-scrollbars",
                "--disable-dev-shm-usage",
            ),
            *(f"--user-data-dir={profile}", "--enable-logging=stderr", "--lang=en"),
        ]

    def dom(self, url: str, seconds: int = 3) -> tuple[str, list[str]]:
        """Return the page's elements after some seconds of its clock, and what its scripts and policy complained of."""
        ran = self._run(f"--virtual-time-budget={seconds * 1000}", "--dump-dom", url)
        return ran.stdout, [line for line in ran.stderr.splitlines() if ":CONSOLE:" in line]

    def screenshot(self, url: str, path: Path, width: int = 1280, height: int = 1500) -> None:
        """Write a picture of the page."""
        self._run("--virtual-time-budget=3000", f"--window-size={width},{height}", f"--screenshot={path}", url)

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        ran = subprocess.run([*self._command, *arguments], capture_output=True, text=True, timeout=120, check=False)
        assert ran.returncode == 0, ran.stderr
        return ran
