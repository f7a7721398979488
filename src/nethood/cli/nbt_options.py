"""Options and arguments the nbt commands share."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from nethood.nbt.name import NetbiosName

Function = Callable[..., Any]


def port(function: Function) -> Function:
    """Add --port."""
    return click.option(
        "--port",
        type=click.IntRange(1, 65535),
        default=137,
        show_default=True,
        help="UDP port of the name service there.",
    )(function)


def as_json(function: Function) -> Function:
    """Add --json."""
    return click.option(
        "--json", "as_json", is_flag=True, help="Print one JSON object a line per answer."
    )(function)


def wait(default: str) -> Callable[[Function], Function]:
    """Add --wait; *default* is what the help says it is without."""
    return click.option(
        "--wait",
        "wait_s",
        type=click.FloatRange(0, 60, min_open=True),
        metavar="SECONDS",
        help=f"How long to wait for an answer before asking again; without it {default}.",
    )


def retries(default: int) -> Callable[[Function], Function]:
    """Add --retries."""
    return click.option(
        "--retries",
        type=click.IntRange(0, 20),
        default=default,
        show_default=True,
        help="How often to ask again where no answer came.",
    )


def address(_context: click.Context, parameter: click.Parameter, text: str | None) -> str | None:
    """Check an IPv4 address; a click callback."""
    if text is None:
        return None
    try:
        return str(IPv4Address(text))
    except ValueError:
        where = parameter.opts[0] if parameter.opts[0].startswith("-") else parameter.name
        raise click.UsageError(f"{where}: {text!r} is no IPv4 address") from None


def name(_context: click.Context, _parameter: click.Parameter, text: str) -> NetbiosName:
    """Read NAME or NAME#SUFFIX, the suffix in hex; a click callback. Raises LocalError."""
    from nethood.neighborhood.name_text import parse_name

    return parse_name(text)
