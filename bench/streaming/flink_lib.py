"""What stands in Flink's lib folder during the benchmark: Flink's own jars, the jobs' jars, and that of ScanJob.java.

From there, code that was compiled for one job stays so for the next. Otherwise each job loads its classes anew: a third
of the few seconds that it runs here, and nothing of the months that it runs elsewhere, would go into compiling.
"""

import shutil
import subprocess
from pathlib import Path

from bench.cluster import STATE_DIR
from deploy.local.services.render import FLINK_HOME
from sma.errors import SmaError
from sma.settings import Settings
from streaming.submit.options import jars

_FOLDER = STATE_DIR.with_name("bench-flink")  # not among what a fresh start deletes
_SCAN_SOURCE = Path(__file__).resolve().parent / "scan" / "ScanJob.java"
SCAN_JAR = _FOLDER / "scan" / "scan.jar"


def make_lib_folder(settings: Settings) -> Path:
    """Make the lib folder anew and return it.

    Raises:
        SmaError: the operator's classes are no longer what ScanJob.java is made of.
    """
    lib, job_jars = _FOLDER / "lib", jars(settings.flink_jars)
    shutil.rmtree(lib, ignore_errors=True)
    lib.mkdir(parents=True)
    _build_scan(job_jars)
    for jar in (*(FLINK_HOME / "lib").glob("*.jar"), *job_jars, SCAN_JAR):
        (lib / jar.name).symlink_to(jar.resolve())
    return lib


def _build_scan(job_jars: list[Path]) -> None:
    classes = SCAN_JAR.with_name("classes")
    class_path = ":".join(str(path) for path in (*job_jars, FLINK_HOME / "lib" / "*"))
    _execute("javac", "-nowarn", "-cp", class_path, "-d", str(classes), str(_SCAN_SOURCE))
    _execute("jar", "--create", "--file", str(SCAN_JAR), "-C", str(classes), ".")


def _execute(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SmaError(f"{command[0]} {_SCAN_SOURCE.name}: {(done.stderr.strip().splitlines() or ['?'])[0]}")
