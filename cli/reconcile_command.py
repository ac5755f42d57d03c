"""`sma reconcile`: its options; the work is in `cli.reconcile`, which imports Dagster and polars."""

from dataclasses import asdict
from datetime import datetime

import click

from cli.console import print_json

MOST_COMMANDS = 3
DAY = click.DateTime(formats=["%Y-%m-%d"])


@click.command()
@click.option("--start", type=DAY, help="first day (UTC), as YYYY-MM-DD; settled days are computed again")
@click.option("--end", type=DAY, help="last day (UTC), included; settled days are computed again")
@click.option("--all", "is_all", is_flag=True, help="every day with closed windows, settled and unchanged ones too")
@click.option(
    "--customer",
    metavar="NAME",
    help="only days that own rows of this customer; each is computed whole, for all customers",
)
@click.option("--dry-run", is_flag=True, help="print what would be done; only the offset index is extended")
@click.option("--json", "as_json", is_flag=True, help="print the report as JSON")
def reconcile(
    *,
    start: datetime | None,
    end: datetime | None,
    is_all: bool,
    customer: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Recompute days from the retained log and compare them with what the stream emitted.

    Without options, it takes the days that are new, have changed, or were not reconciled since they were computed. It
    says first which days these are and how much of the log they read. Then it launches one backfill of the assets
    batch_averages and reconciliations in Dagster, follows it, and prints what it found. Exit code 1 if a difference is
    unexplained, or a correction of a stored row; or if nothing is closed, or --end is given and events of these days
    are in no closed window yet: the last line names the partition that holds them back.

    \b
    Examples:
      sma reconcile                                        # what is new or changed
      sma reconcile --dry-run                              # which days these are, and what they cost
      sma reconcile --customer acme                        # of these, the days with rows of acme
      sma reconcile --start 2013-01-01 --end 2013-01-31    # these days, settled ones too
      sma reconcile --all                                  # every day that has rows
    """
    from batch.report.reconciliation_report import commands_to_trace
    from batch.schedule.reconciliation_plan import DayRequest
    from cli.reconcile import (
        plan_days,
        print_commands,
        print_dry_run,
        print_lines,
        print_nothing,
        print_report,
        read_before,
        reconcile_days,
        require_clean,
        require_closed,
        require_explained,
        require_possible,
    )
    from cli.reconcile_words import plan_document, unclosed_in_words
    from sma.settings import load_settings

    request = DayRequest(start.date() if start else None, end.date() if end else None, customer, is_all)
    settings = load_settings()
    planned = plan_days(settings, request)
    if dry_run:
        print_dry_run(planned, as_json=as_json)
        require_possible(planned.plan)
        require_closed(planned)
        return
    if not planned.plan.days:
        print_nothing(planned, read_before(settings, request, MOST_COMMANDS), as_json=as_json)
        require_possible(planned.plan)
        require_explained(planned.plan)
        require_closed(planned)
        return
    report, run_ids = reconcile_days(settings, planned)
    commands = commands_to_trace(settings, run_ids, MOST_COMMANDS, customer)
    if as_json:
        print_json(asdict(report) | {"explain": commands, "plan": plan_document(planned.plan, planned.estimate)})
    else:
        print_report(report)
        print_lines(unclosed_in_words(planned.plan.unclosed))
        print_commands(commands)
    require_clean(report)
    require_closed(planned)
