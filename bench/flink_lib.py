"""What stands in Flink's lib folder during the benchmark: Flink's own jars, the jobs' jars, and that of ScanJob.java.

From there, code that was compiled for one job stays so for the next. Otherwise each job loads its classes anew: a third
of the few seconds that it runs here, and nothing of the months that it runs elsewhere, would go into compiling.
"""

import shutil
import subprocess
from pathlib import Path

from deploy.local.render import FLINK_HOME
from sma.errors import SmaError

SCAN_SOURCE = Path(__file__).resolve().parent / "scan" / "ScanJob.java"


def scan_jar(folder: Path) -> Path:
    """Return the jar of ScanJob.java among what `make_lib_folder` has made in a folder."""
    return folder / "scan" / "scan.jar"


def make_lib_folder(folder: Path, job_jars: list[Path]) -> Path:
    """Make the lib folder in a folder of the benchmark's own and return it.

    Raises:
        SmaError: the operator's classes are no longer what ScanJob.java is made of.
    """
    lib = folder / "lib"
    shutil.rmtree(lib, ignore_errors=True)
    lib.mkdir(parents=True)
    for jar in (*(FLINK_HOME / "lib").glob("*.jar"), *job_jars, _build_scan(folder, job_jars)):
        (lib / jar.name).symlink_to(jar.resolve())
    return lib


def _build_scan(folder: Path, job_jars: list[Path]) -> Path:
    jar, classes = scan_jar(folder), folder / "scan" / "classes"
    class_path = ":".join(str(path) for path in (*job_jars, FLINK_HOME / "lib" / "*"))
    _execute("javac", "-nowarn", "-cp", class_path, "-d", str(classes), str(SCAN_SOURCE))
    _execute("jar", "--create", "--file", str(jar), "-C", str(classes), ".")
    return jar


def _execute(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SmaError(f"{command[0]} {SCAN_SOURCE.name}: {(done.stderr.strip().splitlines() or ['?'])[0]}")
