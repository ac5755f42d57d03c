"""The last 20 events of each series in Kafka Streams: `kafka_streams`, built with Maven, in a JVM of its own."""

import json
import subprocess
import tempfile
from pathlib import Path

from bench.cluster import PARALLELISM
from bench.events import Log
from sma.errors import SmaError

LOGGED = "logged"  # Kafka Streams' default: each change of the store goes to its changelog
CACHED = "cached"  # ... but those of one key within a commit interval go as one
UNLOGGED = "unlogged"  # no fault tolerance

_MODULE = Path(__file__).resolve().parent / "kafka_streams"
_JARS = _MODULE / "target" / "jars"
_HEAP = "1g"


def run(log: Log, event_count: int, store: str, times: int) -> list[float]:
    """Run the application over the log so many times, one after the other in one JVM, and return each run's seconds.

    Raises:
        SmaError: it cannot be built, failed, or never read all events without an interruption.
    """
    _build()
    ends = ",".join(f"{partition}:{end}" for partition, end in log.ends.items())
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [
                "java",
                f"-Xms{_HEAP}",
                f"-Xmx{_HEAP}",
                "-Djava.net.preferIPv4Stack=true",
                "-cp",
                f"{_JARS}/*",
                "sma.bench.Main",
                log.settings.kafka_bootstrap,
                log.settings.events_topic,
                str(event_count),
                ends,
                store,
                str(PARALLELISM),
                str(times),
                folder,
            ],
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise SmaError(f"Kafka Streams: {(done.stderr.strip().splitlines() or [f'exit code {done.returncode}'])[0]}")
    runs = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    whole = [float(run["seconds"]) for run in runs if run["events"] == log.events]
    if not whole:  # a rebalance in the middle of a run loses a store without a changelog, and its count with it
        raise SmaError(f"Kafka Streams read {[run['events'] for run in runs]} events, not {log.events}")
    return whole


def _build() -> None:
    built = max((path.stat().st_mtime for path in _JARS.glob("kafka-streams-averages-*.jar")), default=0.0)
    sources = (_MODULE / "pom.xml", *(_MODULE / "src").rglob("*.java"))
    if all(source.stat().st_mtime < built for source in sources):
        return
    done = subprocess.run(
        ["mvn", "-B", "-q", "-ntp", "-Dstyle.color=never", "-f", str(_MODULE / "pom.xml"), "package"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SmaError(f"{_MODULE}: does not build: {(done.stdout.strip().splitlines() or ['?'])[0]}")
