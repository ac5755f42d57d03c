"""Checks a CSV file and publishes its events, with progress and warnings on standard error."""

import time
from pathlib import Path

from cli.console import err, progress_bar, say
from produce.csv_file import FileEvents, read_file
from produce.layout import Layout
from produce.publish import Published, Publisher, closing_heartbeat_ms
from produce.summary import Summary, close_in_words, in_words, summarize
from sma.averages import load_averages
from sma.errors import SmaError
from sma.settings import load_settings


def produce_file(
    file: Path, layout: Layout, *, rate: float | None, close: bool, sort: bool = False
) -> tuple[Published, Summary]:
    """Check and publish a file; return what Kafka acknowledged and what the file holds."""
    settings = load_settings()
    averages = load_averages(settings.averages)
    with check_file(file, layout) as events:
        if sort:
            events.sort()
        now_ms = time.time_ns() // 1_000_000
        summary = summarize(events, averages, now_ms)
        publisher = Publisher(settings)
        for line in in_words(summary, averages, layout):
            say(line)
        heartbeat_ms = closing_heartbeat_ms(averages, summary.newest_event_time_ms)
        if close and (warning := close_in_words(heartbeat_ms, now_ms)):
            say(warning)
        started = time.monotonic()
        try:
            with progress_bar("publishing", summary.events) as progress:
                publisher.send(events.records(), rate, progress)
                if close:
                    publisher.send_heartbeats(heartbeat_ms)
                published = publisher.finish()
        except (SmaError, KeyboardInterrupt):
            sent = publisher.published.events
            say(f"{sent:,} of {summary.events:,} events were published before this stopped; see docs/producing.md")
            raise
    say(f"published in {time.monotonic() - started:.1f} s")
    return published, summary


def check_file(file: Path, layout: Layout) -> FileEvents:
    """Read a whole file and check it; show progress on a terminal, where the size of the file is known."""
    if not (err.is_terminal and file.is_file()):
        return read_file(file, layout)
    with progress_bar("checking, bytes", file.stat().st_size) as progress:
        return read_file(file, layout, progress)
