"""`nethood watch --acknowledge`: left in the store for the watcher that has it."""

from __future__ import annotations

import getpass
import time
from pathlib import Path
from typing import Any

import click

from nethood.cli import events
from nethood.exposure.watch import requests
from nethood.exposure.watch.daemon import state_url
from nethood.exposure.watch.database import Database
from nethood.exposure.watch.policy import load_policy
from nethood.exposure.watch.policy_file import parse_duration


def acknowledge(path: Path, given: dict[str, Any]) -> int:
    """Leave the acknowledgement; the watcher takes it up within a second, or when it starts."""
    now = time.time()
    until = None
    if given["duration"]:
        try:
            until = now + parse_duration(given["duration"])
        except ValueError as error:
            raise click.UsageError(f"--for: {error}") from None
    by = given["by"] or getpass.getuser()
    request = requests.Request(given["acknowledge"], by, given["note"], now, until)
    database = Database(state_url(load_policy(path)), beside=True)
    try:
        with database.transaction() as connection:
            found = requests.leave(connection, request)
    finally:
        database.close()
    host = f"{found.name} ({found.target})" if found.name else found.target
    click.echo(events.printable(f"acknowledged by {by}: {host}: {found.observed}"))
    return 0
