"""Which SQL is the Flink job? The files of statements/, filled in from averages.yaml and the settings.

    events --sma-event--> records -+- rejected --> rejected_events
                                   +- placed --+- behind --> late_events
                                               +- in time -- HOP, one for each average --> streaming_averages

A record's place in its partition decides whether it is late (`placed`). Flink keeps what that takes in checkpointed
state, so that a restart changes no answer; CURRENT_WATERMARK would start anew. A task's watermark follows the same rule
over the partitions it reads, and so is never ahead of it: no window is stated before an event that is in time for it,
and Flink drops nothing in silence. Nothing here talks to Flink.
"""

from pathlib import Path
from string import Template

from sma.averages import Average, Averages
from sma.durations import DAY_MS
from sma.errors import SmaError
from sma.event import EARLIEST_EVENT_TIME_MS, NO_TIMESTAMP_MS
from sma.settings import Settings
from streaming.jdbc import JdbcAddress

LONGEST_INTERVAL_MS = 1_000 * DAY_MS - 1

_STATEMENTS = Path(__file__).parent / "statements"


def definitions(averages: Averages, settings: Settings) -> list[str]:
    """Return the statements that define functions, tables and views, in the order to run them in."""
    bootstrap = literal(settings.kafka_bootstrap)
    address = JdbcAddress.from_url(settings.streaming_database_url.get_secret_value())
    return [
        render("epoch_millis"),
        render(
            "records",
            is_ahead=render("is_ahead", no_timestamp_ms=NO_TIMESTAMP_MS, max_ahead_ms=averages.max_ahead_ms),
            earliest_event_time_ms=EARLIEST_EVENT_TIME_MS,
            watermark_delay=interval(averages.watermark_delay_ms, "watermark_delay"),
            topic=literal(settings.events_topic),
            bootstrap=bootstrap,
            group=literal(settings.consumer_group),
        ),
        render("placed", watermark_delay_ms=averages.watermark_delay_ms),
        render("in_time"),
        render("late_events", topic=literal(settings.late_events_topic), bootstrap=bootstrap),
        render("rejected_events", topic=literal(settings.rejected_events_topic), bootstrap=bootstrap),
        render("streaming_averages", url=literal(address.url), credentials=_credentials(address)),
    ]


def inserts(averages: Averages) -> list[str]:
    """Return the INSERT statements of the job's one statement set."""
    windows = "\nUNION ALL\n".join(_window(average) for average in averages.averages)
    return [
        render("insert_rejected_events"),
        render("insert_late_events"),
        "INSERT INTO streaming_averages\n" + windows,
    ]


def _window(average: Average) -> str:
    return render(
        "window",
        average=literal(average.name),
        every=interval(average.every_ms, f"{average.name}: every"),
        window=interval(average.window_ms, f"{average.name}: window"),
    )


def _credentials(address: JdbcAddress) -> str:
    # The sink takes both or neither; a user without a password stands in the URL.
    if address.user is None or address.password is None:
        return ""
    return f"'username' = {literal(address.user)},\n    'password' = {literal(address.password)},"


def render(name: str, **values: str | int) -> str:
    """Return a file of statements/ without its comment, filled in; each value is SQL already."""
    lines = (_STATEMENTS / f"{name}.sql").read_text(encoding="utf-8").splitlines()
    return Template("\n".join(line for line in lines if not line.startswith("--"))).substitute(values)


def interval(duration_ms: int, what: str) -> str:
    """Return a duration as an SQL interval.

    Raises:
        SmaError: it is longer than Flink's intervals can be.
    """
    if duration_ms > LONGEST_INTERVAL_MS:
        raise SmaError(f"{what}: 1000 days or more is longer than Flink's intervals can be: choose less")
    seconds, milliseconds = divmod(duration_ms, 1_000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return f"INTERVAL '{days} {hours:02d}:{minutes:02d}:{seconds:02d}.{milliseconds:03d}' DAY(3) TO SECOND(3)"


def literal(text: str) -> str:
    """Return text as an SQL string."""
    return "'" + text.replace("'", "''") + "'"
