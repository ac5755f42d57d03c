"""`sma up`, `sma down`: start and stop the local stack, and the Flink job on it."""

import click

from cli.console import say
from sma.errors import SmaError


@click.command()
@click.option("--fresh", is_flag=True, help="delete all data of the local stack first")
@click.option("--brokers", type=click.Choice(["1", "3"]), help="how many brokers Kafka has; 1 unless chosen before")
@click.option(
    "--security",
    type=click.Choice(["plaintext", "ssl", "sasl_ssl"]),
    help="how one connects to Kafka: TLS with certificates (ssl), or with logins (sasl_ssl); plaintext unless chosen "
    "before",
)
def up(fresh: bool, brokers: str | None, security: str | None) -> None:
    """Start what is not running: Kafka, TimescaleDB, Flink, Dagster, Prometheus, the overview page, the Flink job.

    Safe to run again. The job resumes from its newest savepoint or checkpoint. A service that the environment
    places elsewhere (SMA_KAFKA_BOOTSTRAP and the like, see docs/settings.md) is not started here.

    \b
    Examples:
      sma up
      SMA_PORT_BASE=21000 sma up     # the first time; the ports are kept
      sma up --fresh --brokers 3 --security sasl_ssl
    """
    from cli.start_job import start_job
    from cli.status_page import print_parts
    from cli.stream_wording import in_words
    from deploy.local.lifecycle import stack
    from deploy.local.lifecycle.status import status as stack_status

    settings = stack.up(say, fresh=fresh, brokers=int(brokers) if brokers else None, security=security)
    say(in_words(start_job(settings, "up")))
    print_parts(stack_status(settings))


@click.command()
def down() -> None:
    """Stop the Flink job with a savepoint, then the stack. The data stays.

    \b
    Example:
      sma down
    """
    from deploy.local.lifecycle import stack
    from sma.settings import load_settings
    from streaming.control import lifecycle
    from streaming.control.job_lock import changing_the_job

    try:
        settings = load_settings()
        with changing_the_job(settings, "down", say):
            location = lifecycle.stop(settings)
        say(f"stopped the job with savepoint {location}" if location else "no job was running")
    except (
        SmaError
    ) as error:  # without a job or a cluster there is no savepoint to take, and the rest must stop all the same
        say(f"no savepoint: {error}")
    stack.down(say)
