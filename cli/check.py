"""`sma check`: validates averages.yaml, and shows what it makes of a series: rows, state, bytes."""

from dataclasses import asdict
from pathlib import Path

import click

from cli.console import out, print_json, print_table
from sma.averages import load_averages
from sma.durations import format_duration, parse_duration
from sma.errors import SmaError
from sma.footprint import Footprint, footprint
from sma.window import window_in_words


class _Duration(click.ParamType[int]):
    """A duration as in averages.yaml, in milliseconds."""

    name = "duration"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return it in milliseconds."""
        try:
            return value if isinstance(value, int) else parse_duration(value)
        except SmaError as error:
            self.fail(str(error), param, ctx)


@click.command()
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option("--interval", type=_Duration(), default="1 minute", show_default=True, help="how often a series sends")
@click.option("--series", type=click.IntRange(min=1), default=1, show_default=True, help="how many series there are")
@click.option("--json", "as_json", is_flag=True, help="print the result as JSON")
def check(file: Path | None, interval: int, series: int, as_json: bool) -> None:
    """Validate an averages file, and show what it makes: rows a day, the stream's state, bytes in the database.

    FILE is the averages.yaml that the other commands use if not given. Figures are for series that send evenly.

    \b
    Examples:
      sma check
      sma check new.yaml --interval "10 seconds" --series 2000
    """
    from sma.settings import load_settings

    averages = load_averages(file or load_settings().averages)
    made = footprint(averages, interval)
    if as_json:
        print_json(asdict(made))
        return
    print_table(
        f"Rows a day of a series with an event every {format_duration(interval)}",
        ["average", "window", "every", "rows a day"],
        [
            (
                average.name,
                window_in_words(average.window),
                average.every_in_words,
                made.rows_a_day[average.name],
            )
            for average in averages.averages
        ],
    )
    out.print(_total(made, series), soft_wrap=True)


def _total(made: Footprint, series: int) -> str:
    rows = series * sum(made.rows_a_day.values())
    of = "1 series" if series == 1 else f"{series:,} series"
    return (
        f"{of}: {rows:,} rows a day; about {_size(series * made.state_bytes)} of state in the stream, and "
        f"{_size(series * made.database_bytes_a_day)} a day in the database, both layers together"
    )


def _size(count: int) -> str:
    for unit, size in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} bytes"
