"""`sma explain`: traces one served value to its events, as tables or as JSON."""

import click

from cli.console import print_json, say
from sma.errors import SmaError
from sma.instants import parse_instant


@click.command()
@click.argument("customer")
@click.argument("metric")
@click.argument("average")
@click.argument("as_of")
@click.option(
    "--events",
    "most_events",
    type=click.IntRange(min=0),
    default=50,
    show_default=True,
    help="how many events to list, late ones and then the newest; 0 for none",
)
@click.option("--json", "as_json", is_flag=True, help="print the explanation as JSON")
def explain(customer: str, metric: str, average: str, as_of: str, most_events: int, as_json: bool) -> None:
    """Trace the value of one average of CUSTOMER's METRIC at the grid point AS_OF.

    Shows what readers see and why; the events of the window, and which of them were late; the row of each layer, and
    whether it equals the sum of its events, recomputed from the log; what reconciliations found. AS_OF is ISO 8601,
    UTC unless it has a zone. Reads only. Exit code 1 if the row of a layer is wrong.

    \b
    Examples:
      sma explain AA departure_delay hour 2013-01-10T22:15
      sma explain AA departure_delay last_50 '2013-01-10 22:00:00+00:00' --events 0
      sma explain AA departure_delay hour 2013-01-10T22:15 --json | jq .sentence
    """
    from batch.explain.trace import explain as explain_value
    from batch.store.job_starts import averages_in_force
    from cli.explain import print_explanation
    from cli.explain_document import as_document
    from sma.averages import load_averages
    from sma.settings import load_settings

    settings = load_settings()
    averages = averages_in_force(settings, load_averages(settings.averages))
    explained = explain_value(settings, averages, customer, metric, average, parse_instant(as_of), say)
    if as_json:
        print_json(as_document(explained, settings.dagster_url, most_events))
    else:
        print_explanation(explained, settings.dagster_url, most_events)
    if explained.is_wrong:
        layers = [
            name for name, check in (("stream", explained.stream), ("batch layer", explained.batch)) if check.is_wrong
        ]
        raise SmaError(f"the row of the {' and of the '.join(layers)} is not the sum of its events: see above")
