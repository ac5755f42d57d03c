"""`sma plot`: draws the averages of one series, the stream against the batch layer, into a file."""

from pathlib import Path

import click

from cli.console import out, print_json
from sma.durations import MILLISECONDS
from sma.errors import SmaError
from sma.instants import format_instant, parse_instant

_FORMATS = (".png", ".svg", ".pdf")
_LIMIT_SECONDS = 120.0


@click.command()
@click.argument("customer")
@click.argument("metric")
@click.argument("average")
@click.option(
    "--start", help="first grid point to draw, ISO 8601, UTC unless it has a zone; a week before the end if not given"
)
@click.option("--end", help="draw what is before this grid point; if not given, until the newest one")
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="where to write it: FILE.png, FILE.svg or FILE.pdf",
)
@click.option("--open", "opens", is_flag=True, help="show the picture with the system's own viewer")
@click.option("--json", "as_json", is_flag=True, help="print what was drawn as JSON")
def plot(
    customer: str,
    metric: str,
    average: str,
    start: str | None,
    end: str | None,
    output: Path | None,
    opens: bool,
    as_json: bool,
) -> None:
    """Draw one AVERAGE of CUSTOMER's METRIC as a picture: the stream against the batch layer.

    Windows in which the layers differ are marked, the explained and the unexplained apart; what is not final is
    lighter; a time without windows is a gap. Of many windows it draws the extremes, and never hides a difference.
    Without --start and --end it draws the newest week. Reads only.

    \b
    Examples:
      sma plot AA departure_delay hour
      sma plot AA departure_delay hour --start 2013-01-10 --end 2013-01-11 --output delays.svg
      sma plot AA departure_delay last_50 --open
    """
    path = output or Path("-".join(_file_name(name) for name in (customer, metric, average)) + ".png")
    if path.suffix not in _FORMATS:
        raise SmaError(f"{path} is no picture that can be written: end its name in {', '.join(_FORMATS[:-1])} or .pdf")
    if not path.parent.is_dir():
        raise SmaError(f"{path}: there is no folder {path.parent}")
    # slow to import, and not needed to refuse a name
    from batch.report.series_windows import find_average, newest_as_of_ms, read_windows, reader_session
    from pictures.lines import count_differences
    from pictures.series import write_picture
    from sma.settings import load_settings

    from_ms, until_ms = (None if text is None else parse_instant(text) for text in (start, end))
    with reader_session(load_settings(), _LIMIT_SECONDS) as connection:
        known = find_average(connection, customer, metric, average)
        if until_ms is None:
            newest_ms = newest_as_of_ms(connection, customer, metric, average)
            if newest_ms is None:
                raise SmaError(f"{customer}/{metric} has no row of the average {average!r} yet: see `sma wait`")
            until_ms = newest_ms + 1
        if from_ms is None:
            from_ms = until_ms - MILLISECONDS["week"]
        if from_ms >= until_ms:
            raise SmaError(
                f"{format_instant(from_ms)} is not before {format_instant(until_ms)}: there is nothing to draw"
            )
        series = read_windows(connection, customer, metric, known, from_ms, until_ms)
    if series.windows.is_empty():
        raise SmaError(
            f"{customer}/{metric} has no window of {average!r} from {format_instant(from_ms)} until "
            f"{format_instant(until_ms)}: choose another --start and --end"
        )
    write_picture(series, path, path.suffix.removeprefix("."))
    counts = count_differences(series.windows)
    first_ms, last_ms = series.windows["as_of_ms"][0], series.windows["as_of_ms"][-1]
    if as_json:
        print_json(
            {
                "file": str(path.absolute()),
                "first_as_of": format_instant(first_ms),
                "last_as_of": format_instant(last_ms),
                "windows": series.windows.height,
                "differences": counts,
            }
        )
    else:
        differing = ", ".join(f"{count:,} {kind}" for kind, count in counts.items()) or "none"
        what = f"{customer}/{metric}, average {average!r}: {series.windows.height:,} windows"
        when = f"from {format_instant(first_ms)} to {format_instant(last_ms)}"
        out.print(f"{what} {when}; differing: {differing}\n{path.absolute()}", soft_wrap=True)
    if opens:
        click.launch(str(path.absolute()))


def _file_name(name: str) -> str:
    """Return a name as part of a file's: any letter of any script stays, and nothing that a shell would read."""
    return "".join(letter if letter.isalnum() or letter in "_." else "_" for letter in name)
