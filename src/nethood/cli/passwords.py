"""Passwords at the command line: from a file, from standard input, or typed twice."""

from __future__ import annotations

import sys
from pathlib import Path

import click

STDIN = "-"


def from_file(path: str) -> str:
    """Return the first line of the file at *path*, or of standard input where it is "-".

    Raises click.UsageError where there is none.
    """
    source = "standard input" if path == STDIN else path
    try:
        with sys.stdin if path == STDIN else Path(path).open(encoding="utf-8-sig") as file:
            line = file.readline()
    except OSError as error:
        raise click.UsageError(
            f"the password file {path} can't be read: {error.strerror}"
        ) from None
    except UnicodeDecodeError:
        raise click.UsageError(f"the password in {source} is not UTF-8 text") from None
    password = line.rstrip("\r\n")
    if not password:
        raise click.UsageError(f"the first line of {source} is empty; write the password there")
    return password


def prompt(user: str) -> str:
    """Ask for *user*'s password twice, unseen, until both are the same."""
    answer = click.prompt(
        f"Password for {user}", hide_input=True, confirmation_prompt="The same again", err=True
    )
    return str(answer)


def obtain(user: str, password_file: str | None) -> str:
    """Return the password from *password_file*, or ask for it where none is given."""
    if password_file is not None:
        return from_file(password_file)
    if not sys.stdin.isatty():
        raise click.UsageError("there is no terminal to ask on; use --password-file FILE or -")
    return prompt(user)
