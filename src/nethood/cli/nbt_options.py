"""Options and arguments the nbt commands share."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from nethood.nbt.name import NetbiosName

MAX_NAME = 15
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
    """Read NAME or NAME#SUFFIX, the suffix in hex; a click callback."""
    from nethood.nbt.name import NetbiosName

    bare, mark, suffix = text.rpartition("#") if "#" in text else (text, "", "0")
    if not bare:
        raise click.UsageError(f"{text!r} is no NetBIOS name: nothing stands before the #")
    if len(bare) > MAX_NAME:
        raise click.UsageError(f"{bare!r} is no NetBIOS name: it is longer than 15 characters")
    if not (suffix.isascii() and suffix.isalnum() and len(suffix) <= 2) or not _is_hex(suffix):
        raise click.UsageError(f"{mark + suffix!r} is no suffix: it is two hex digits, like #20")
    found = NetbiosName(bare.upper(), int(suffix, 16))
    found.to_bytes()
    return found


def _is_hex(text: str) -> bool:
    return all(character in "0123456789abcdefABCDEF" for character in text)
