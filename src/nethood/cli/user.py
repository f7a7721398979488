"""`nethood user`: the people who may log in, kept in the user database."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nethood.cli import LazyGroup, passwords

if TYPE_CHECKING:
    from nethood.auth.userdb import UserDatabase

_HERE = "nethood.cli.user:"


@click.command(
    cls=LazyGroup,
    lazy={
        "add": (_HERE + "add", "Add a user."),
        "passwd": (_HERE + "passwd", "Change a user's password."),
        "list": (_HERE + "list_", "Print the names of all users."),
        "remove": (_HERE + "remove", "Remove a user."),
    },
)
@click.pass_context
def user(ctx: click.Context) -> None:
    """Keep the people who may log in.

    What is stored of a password is as good as the password itself: the database can be read by
    its owner only, and should stay so.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def _database(function: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--database",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="The user database; the one in your state directory if not given.",
    )(function)


def _password_file(function: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--password-file",
        metavar="FILE",
        help="Take the password from the first line of FILE, - for standard input.",
    )(function)


def _open(database: Path | None) -> UserDatabase:
    from nethood.auth.userdb import UserDatabase

    return UserDatabase(database)


@click.command()
@click.argument("name")
@_password_file
@_database
def add(name: str, password_file: str | None, database: Path | None) -> None:
    """Add the user NAME; the password is asked for twice."""
    _open(database).add(name, passwords.obtain(name, password_file))
    click.echo(f"{name} may log in now.")


@click.command()
@click.argument("name")
@_password_file
@_database
def passwd(name: str, password_file: str | None, database: Path | None) -> None:
    """Change the password of the user NAME."""
    _open(database).set_password(name, passwords.obtain(name, password_file))
    click.echo(f"{name} has a new password.")


@click.command(name="list")
@_database
def list_(database: Path | None) -> None:
    """Print the names of all users, one a line."""
    accounts = _open(database).accounts()
    for account in accounts:
        click.echo(account.name)
    if not accounts:
        click.echo("There are no users yet; 'nethood user add NAME' adds one.", err=True)


@click.command()
@click.argument("name")
@_database
def remove(name: str, database: Path | None) -> None:
    """Remove the user NAME."""
    _open(database).remove(name)
    click.echo(f"{name} may not log in any more.")
