"""The Flink job of a test's own place: its averages, and its start and stop by `sma stream`."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.stored import succeed


def use_averages(place, averages_file: Path, yaml: str) -> None:
    """Let a place have these averages."""
    averages_file.write_text(yaml)
    place.environ["SMA_AVERAGES"] = str(averages_file)


@contextmanager
def running_job(place, averages_file: Path, yaml: str) -> Iterator[None]:
    """Run the job of a place with these averages, for the time of a `with` block."""
    use_averages(place, averages_file, yaml)
    succeed(place.sma("stream", "start"))
    try:
        yield
    finally:
        stopped = place.sma("stream", "stop")
    succeed(stopped)
