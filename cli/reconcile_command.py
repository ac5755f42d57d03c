"""`sma reconcile`: its options; the work is in `cli.reconcile`, which imports Dagster and polars."""

from dataclasses import asdict
from datetime import datetime

import click

from cli.console import print_json

MOST_COMMANDS = 3
DAY = click.DateTime(formats=["%Y-%m-%d"])


@click.command()
@click.option("--start", type=DAY, help="first day (UTC), as YYYY-MM-DD; the first with rows if not given")
@click.option("--end", type=DAY, help="last day (UTC), included; the last with rows if not given")
@click.option("--json", "as_json", is_flag=True, help="print the report as JSON")
def reconcile(start: datetime | None, end: datetime | None, as_json: bool) -> None:
    """Recompute days from the retained log and compare them with what the stream emitted.

    Launches one backfill of the assets batch_averages and reconciliations in Dagster, follows it, and prints what it
    found. Exit code 1 if a difference is unexplained, or a correction of a stored row.

    \b
    Examples:
      sma reconcile                                        # every day that has rows, none in between
      sma reconcile --start 2013-01-01 --end 2013-01-31
    """
    from batch.report.reconciliation_report import commands_of_differences
    from cli.reconcile import print_commands, print_report, reconcile_days, require_clean
    from sma.settings import load_settings

    report, run_ids = reconcile_days(start.date() if start else None, end.date() if end else None)
    commands = commands_of_differences(load_settings(), run_ids, MOST_COMMANDS)
    if as_json:
        print_json(asdict(report) | {"explain": commands})
    else:
        print_report(report)
        print_commands(commands)
    require_clean(report)
