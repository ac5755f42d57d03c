"""The command `sma`: its subcommands, and the errors that a user sees.

Help and refused options take a blink, since nothing is imported that they do not need. Each subcommand has a module of
its own, which is imported when the command is used. Its first lines import click and what prints; the body of a command
imports the packages that do the work, which take up to two seconds: polars, Dagster, the clients of the services.
"""

import logging
import sys
from importlib import import_module

import click

from monitoring.logs.command_handler import CommandHandler
from sma.errors import SmaError

COMMANDS = {
    "up": ("cli.stack", "Start what is not running of the local stack, and the Flink job."),
    "down": ("cli.stack", "Stop the Flink job with a savepoint, then the stack."),
    "status": ("cli.status", "Show the parts, the job, the newest data and alerts."),
    "produce": ("cli.produce", "Publish the rows of a CSV file as events, in file order."),
    "heartbeat": ("cli.heartbeat", "Write heartbeats, by which windows of quiet partitions close."),
    "wait": ("cli.stream", "Wait until all rows of the stream are in the database."),
    "reconcile": ("cli.reconcile_command", "Recompute days and compare them with the stream's rows."),
    "audit": ("cli.audit", "Compare stored rows with the log, and repair damaged ones."),
    "latest": ("cli.latest", "Show the newest averages of a customer."),
    "tail": ("cli.tail", "Print the stream's averages as they come."),
    "export": ("cli.export", "Write averages to a CSV or Parquet file."),
    "explain": ("cli.explain_command", "Trace one value to the events of its window."),
    "plot": ("cli.plot", "Draw one series: the stream against the batch layer."),
    "stream": ("cli.stream", "Start, stop, upgrade, replay and inspect the Flink job."),
    "check": ("cli.check", "Validate averages.yaml, and show what it makes and costs."),
    "logs": ("cli.logs", "Print the end of a part's log files, rotated ones included."),
    "completion": ("cli.completion", "Print the script that completes commands in bash, zsh or fish."),
    "customer": ("cli.customer", "Add, remove and list customers that read their own rows."),
}
"""The module of each command and its line in the help, in the order of the help."""

_LOG = logging.getLogger("cli")


class _Commands(click.Group):
    """A group whose commands are imported when they are used; the help imports none."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command; None where there is none of this name."""
        if cmd_name not in COMMANDS:
            return None
        module, _ = COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(module), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the lines of `COMMANDS`."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
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
      sma latest acme
    """


def main() -> None:
    """Run the command line."""
    run_command(sma)


def run_command(command: click.Command) -> None:
    """Run a command; a mistake of the user's, or a service that is down, is one line and exit code 1."""
    logging.basicConfig(level=logging.WARNING)
    logging.getLogger().handlers[0].addFilter(lambda record: record.name != _LOG.name)  # printed below
    logging.getLogger().addHandler(CommandHandler("cli"))
    try:
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
