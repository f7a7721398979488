"""The options of `nethood scan`, and those that `check` and `ping` have too."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

SEVERITIES = ("critical", "high", "medium", "low", "info")
Function = Callable[..., Any]


def questions(function: Function) -> Function:
    """Add what is asked, and whether it is a scan that was begun before."""
    for option in reversed(WHAT):
        function = option(function)
    return function


def patience(function: Function) -> Function:
    """Add how fast, how many at once, how patient."""
    for option in reversed(PACE):
        function = option(function)
    return function


def outputs(function: Function) -> Function:
    """Add what is shown and written."""
    for option in reversed(OUTPUT):
        function = option(function)
    return function


def timeout(what: str) -> Callable[[Function], Function]:
    """Add --timeout; *what* is the help."""
    return click.option(
        "--timeout",
        "timeout_s",
        type=click.FloatRange(0, 60, min_open=True),
        default=3.0,
        show_default=True,
        metavar="SECONDS",
        help=what,
    )


guest = click.option("--guest", is_flag=True, help="Try one logon as guest; it is logged there.")
fail_on = click.option(
    "--fail-on",
    type=click.Choice(SEVERITIES),
    help="Exit status 1 where a finding is this bad or worse.",
)


def _file_option(name: str, what: str) -> Callable[[Function], Function]:
    return click.option(
        f"--{name}", f"{name}_file", metavar="FILE", help=f"Write {what} to FILE; - is stdout."
    )


WHAT = (
    click.option(
        "--exclude", multiple=True, metavar="TARGET", help="Leave these out; may be repeated."
    ),
    click.option("--ports-only", is_flag=True, help="Find the ports only; examine nobody."),
    guest,
    click.option("--public", is_flag=True, help="Ask public addresses too: only your own."),
    click.option("--resume", is_flag=True, help="Go on with the last scan that was interrupted."),
    click.option(
        "--state", "state_file", type=click.Path(path_type=Path), help="Where the scan is kept."
    ),
    click.option("--all", "keep_all", is_flag=True, help="Keep hosts with nothing open too."),
)

PACE = (
    click.option(
        "--rate",
        type=click.FloatRange(0, 1_000_000, min_open=True),
        default=1000.0,
        show_default=True,
        metavar="N",
        help="How many connections and datagrams begin a second at most.",
    ),
    click.option(
        "--parallel",
        type=click.IntRange(1, 4096),
        default=64,
        show_default=True,
        metavar="N",
        help="How many hosts are examined at once.",
    ),
    timeout("How long a question to a host may take, its connection included."),
    click.option(
        "--wait",
        "wait_s",
        type=click.FloatRange(0, 60, min_open=True),
        default=0.9,
        show_default=True,
        metavar="SECONDS",
        help="How long a port may be silent; from 1 on each SYN is sent twice.",
    ),
    click.option(
        "--retries",
        type=click.IntRange(0, 10),
        default=0,
        show_default=True,
        help="How often to ask silent hosts again; a silent port of others is always asked again.",
    ),
)

OUTPUT = (
    _file_option("json", "one JSON object a host"),
    _file_option("csv", "a table"),
    _file_option("sarif", "the findings as SARIF"),
    _file_option("html", "a report to read"),
    fail_on,
    click.option("--no-progress", is_flag=True, help="Plain lines, as where there is no terminal."),
)
