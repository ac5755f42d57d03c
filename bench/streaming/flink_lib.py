"""Flink's lib folder during the benchmark: Flink's own jars, the jobs' jars, and that of ScanJob.java.

From there, code that was compiled for one job stays so for the next. Otherwise each job loads its classes again: a
third of the few seconds that it runs here, and nothing of the months that it runs elsewhere, would go into compiling.
"""

import shutil
import subprocess
from pathlib import Path

from deploy.local.services.render import FLINK_HOME
from sma.errors import SmaError
from sma.settings import Settings
from streaming.submit.options import jars

_SCAN_SOURCE = Path(__file__).resolve().parent / "scan" / "ScanJob.java"


def make_lib_folder(settings: Settings) -> Path:
    """Make the lib folder, in the place of an earlier one, and return it.

    Raises:
        SmaError: the operator's classes are no longer what ScanJob.java is made of.
    """
    lib, job_jars = _folder(settings) / "lib", jars(settings.flink_jars)
    shutil.rmtree(lib, ignore_errors=True)
    lib.mkdir(parents=True)
    _build_scan(scan_jar(settings), job_jars)
    for jar in (*(FLINK_HOME / "lib").glob("*.jar"), *job_jars, scan_jar(settings)):
        (lib / jar.name).symlink_to(jar.resolve())
    return lib


def scan_jar(settings: Settings) -> Path:
    """Return the jar of ScanJob.java."""
    return _folder(settings) / "scan" / "scan.jar"


def _folder(settings: Settings) -> Path:
    """Return a folder that a fresh start does not delete."""
    return settings.state_dir.with_name("bench-flink")


def _build_scan(jar: Path, job_jars: list[Path]) -> None:
    classes = jar.with_name("classes")
    class_path = ":".join(str(path) for path in (*job_jars, FLINK_HOME / "lib" / "*"))
    _execute("javac", "-nowarn", "-cp", class_path, "-d", str(classes), str(_SCAN_SOURCE))
    _execute("jar", "--create", "--file", str(jar), "-C", str(classes), ".")


def _execute(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SmaError(f"{command[0]} {_SCAN_SOURCE.name}: {(done.stderr.strip().splitlines() or ['?'])[0]}")
