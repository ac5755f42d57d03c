"""The command `sma`: its subcommands, and the errors that a user sees.

Each subcommand has a module of its own; the work is done in the packages that those call.
"""

import logging
import sys

import click

from cli.customer import customer
from cli.explain import explain
from cli.produce import produce
from cli.reconcile import reconcile
from cli.stack import down, up
from cli.status import status
from cli.stream import stream, wait
from monitoring.logs.handlers import log_as
from sma.errors import SmaError

_LOG = logging.getLogger("cli")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="sma")
def sma() -> None:
    """Moving averages in real time that can be trusted.

    \b
    A first walk, with a CSV file of your own:
      sma up
      sma produce readings.csv --customer acme --metric temperature \\
          --time-column timestamp --value-column value --close
      sma wait
      sma reconcile
      psql "$(sma status --json | jq -r .database_url)" -c 'TABLE serving.moving_averages'
    """


for command in (up, down, status, produce, stream, wait, reconcile, explain, customer):
    sma.add_command(command)


def main() -> None:
    """Run the command line."""
    run_command(sma)


def run_command(command: click.Command) -> None:
    """Run a command; a mistake of the user's, or a service that is down, is one line and exit code 1."""
    logging.basicConfig(level=logging.WARNING)
    logging.getLogger().handlers[0].addFilter(lambda record: record.name != _LOG.name)  # printed below
    try:
        log_as("cli")
        command()
    except SmaError as error:
        _LOG.error("%s", error)
        click.echo(f"sma: {error}", err=True)
        sys.exit(1)
    except Exception:
        _LOG.exception("the command failed")
        raise
    except KeyboardInterrupt:
        click.echo("sma: interrupted", err=True)
        sys.exit(130)


if __name__ == "__main__":
    main()
