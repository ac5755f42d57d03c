"""`sma heartbeat`: writes heartbeats by hand."""

import time

import click

from cli.console import out, print_json, print_table, say


@click.command()
@click.option("--at", metavar="INSTANT", help="the heartbeat's time, as ISO 8601; UTC without a zone")
@click.option("--now", "is_now", is_flag=True, help="the heartbeat's time is the clock: nothing older is to come")
@click.option("--partition", "partitions", type=click.IntRange(min=0), multiple=True, help="only this one; repeatable")
@click.option("--json", "as_json", is_flag=True, help="print what was written as JSON")
def heartbeat(*, at: str | None, is_now: bool, partitions: tuple[int, ...], as_json: bool) -> None:
    """Write heartbeats to the topic `events`: they close the windows of partitions that get no events.

    Without options, each partition that is behind gets the newest time that any of them has, as the running system
    does by itself (`heartbeats` in averages.yaml). --now and --at close the newest windows too. A heartbeat is in no
    window and makes no event late, and counts as of the moment at which Kafka takes it at most. An event that comes
    after it corrects the rows that it changes.

    \b
    Examples:
      sma heartbeat                                  # partitions that are behind the others
      sma heartbeat --now                            # the data are complete up to now
      sma heartbeat --at 2013-02-02                  # ... or up to then
      sma heartbeat --partition 3 --json
    """
    if at is not None and is_now:
        raise click.UsageError("give either --at or --now")

    from heartbeats.by_hand import heartbeat as write
    from sma.instants import format_instant, parse_instant
    from sma.settings import load_settings

    at_ms = None if at is None else parse_instant(at)
    if at_ms is not None and at_ms > time.time_ns() // 1_000_000:
        say(f"{format_instant(at_ms)} is later than now: the heartbeat counts as of now, and closes no window after it")
    done = write(load_settings(), at_ms=at_ms, is_now=is_now, partitions=partitions)
    if as_json:
        print_json(
            {
                "heartbeat": format_instant(done.heartbeat_ms),
                "written": [
                    {"partition": each.partition, "offset": each.offset, "log_time": format_instant(each.log_time_ms)}
                    for each in done.written
                ],
                "left_out": list(done.left_out),
            }
        )
        return
    left_out = ", ".join(map(str, done.left_out))
    if not done.written:
        out.print(f"no heartbeat written: the partitions {left_out} have reached {format_instant(done.heartbeat_ms)}")
        return
    count = len(done.written)
    out.print(f"{count} heartbeat{'' if count == 1 else 's'} of {format_instant(done.heartbeat_ms)} written")
    print_table("", ["partition", "Kafka offset"], [(each.partition, each.offset) for each in done.written])
    if done.left_out:
        out.print(f"left out, since they have reached that time: {left_out}")
