"""`sma customer`: adds and removes customers that may read their own rows, and prints their passwords."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from cli.console import out, print_json, print_table, say

if TYPE_CHECKING:
    from database.customer_roles import PasswordState
    from database.customers import Access


@click.group()
def customer() -> None:
    """Customers that read their own rows, each with a role and views of its own.

    \b
    Examples:
      sma customer add acme
      sma customer list
    """


@customer.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="print the access as JSON, the password included")
def add(name: str, as_json: bool) -> None:
    """Create a role and views for the customer NAME, as events name it, and print its password once.

    \b
    Examples:
      sma customer add acme
      psql "$(sma customer add acme --json | jq -r .url)" -c 'TABLE data_age'
    """
    from database import customers

    _print(customers.add_customer(_owner_url(), name), as_json)


@customer.command()
@click.argument("name")
@click.option("--end-sessions", is_flag=True, help="end the sessions that are open: the old password has leaked")
@click.option("--json", "as_json", is_flag=True, help="print the access as JSON, the password included")
def rotate(name: str, end_sessions: bool, as_json: bool) -> None:
    """Give the customer NAME a new password, printed once; the old one no longer works.

    Sessions that are open continue, unless --end-sessions is given.

    \b
    Examples:
      sma customer rotate acme
      sma customer rotate acme --end-sessions
    """
    from database import customers

    _print(customers.rotate_password(_owner_url(), name, ends_sessions=end_sessions), as_json)


@customer.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="do not ask")
def remove(name: str, yes: bool) -> None:
    """Remove the role and the views of the customer NAME and end its sessions; its rows stay.

    \b
    Example:
      sma customer remove acme --yes
    """
    from database import customers

    if not yes:
        click.confirm(f"Reports of {name} stop working. Remove its role and views?", abort=True)
    customers.remove_customer(_owner_url(), name)
    say(f"removed {name}: its role, its views and its sessions; its rows stay")


@customer.command("list")
@click.option("--json", "as_json", is_flag=True, help="print the customers as JSON")
def list_them(as_json: bool) -> None:
    """Show the customers that read for themselves, their roles and the schemas of their views.

    \b
    Example:
      sma customer list
    """
    from database import customers

    listed = customers.list_customers(_owner_url())
    if as_json:
        print_json([asdict(one) for one in listed])
        return
    if not listed:
        out.print("no customer reads for itself yet: `sma customer add NAME`")
        return
    rows = [
        (
            one.customer,
            one.role,
            one.schema,
            f"{one.created_at:%Y-%m-%d}",
            f"{one.rotated_at:%Y-%m-%d}",
            _PASSWORDS[one.password_state],
            one.connections,
        )
        for one in listed
    ]
    print_table("", ["customer", "role", "schema", "since", "password since", "password", "sessions"], rows)
    for one in listed:
        if one.password_state == "changed":  # noqa: S105 - a state
            say(
                f"the password of {one.customer} was changed by somebody who had logged in with it:"
                f" `sma customer rotate {one.customer} --end-sessions`"
            )
    _say_what_is_open({what for one in listed for what in one.left_open})


_PASSWORDS: dict[PasswordState, str] = {
    "as_given": "as given",
    "changed": "changed",
    "no_role": "no role",
    "unknown": "not known",
}


def _say_what_is_open(left_open: Collection[str]) -> None:
    if left_open:
        say(f"customers may also {', '.join(sorted(left_open))}: docs/serving.md shows how to close that")


def _owner_url() -> str:
    from sma.settings import load_settings

    return load_settings().owner_database_url.get_secret_value()


def _print(access: Access, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(asdict(access), indent=2))
        return
    for name, value in (
        ("customer", access.customer),
        ("schema", access.schema),
        ("user", access.role),
        ("password", f"{access.password}   (shown this once)"),
        ("URL", access.url),
    ):
        out.print(f"{name:<9} {value}", soft_wrap=True)
    if not access.has_rows:
        say(f"there is no row of {access.customer} yet: is the name spelled as events spell it?")
    _say_what_is_open(access.left_open)
