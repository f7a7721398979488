"""What the nbt commands print: tables, JSON, and the lines of nmblookup and nbtstat."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import click

from nethood.cli.events import printable
from nethood.nbt.node_status import (
    NAME_FLAGS_ACT,
    NAME_FLAGS_CNF,
    NAME_FLAGS_DRG,
    NAME_FLAGS_ONT,
    NAME_FLAGS_PRM,
    NodeStatus,
    StatusName,
)
from nethood.nbt.suffix import describe

_NODES = "BPMH"
_FLAGS = {
    NAME_FLAGS_DRG: "deregistering",
    NAME_FLAGS_CNF: "conflict",
    NAME_FLAGS_ACT: "active",
    NAME_FLAGS_PRM: "permanent",
}


def node_type(flags: int) -> str:
    """Return the letter of the owner node type in NB_FLAGS or NAME_FLAGS."""
    return _NODES[(flags & NAME_FLAGS_ONT) >> 13]


def flag_words(flags: int) -> list[str]:
    """Return the states that NAME_FLAGS name."""
    return [word for bit, word in _FLAGS.items() if flags & bit]


def mac(unit_id: bytes, separator: str = ":") -> str:
    """Return a UNIT_ID as people write a MAC address."""
    return unit_id.hex(separator)


def show_json(fields: Mapping[str, Any]) -> None:
    """Print one JSON object on a line."""
    click.echo(json.dumps(fields, default=str))


def show_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table: drawn on a terminal, plain aligned columns elsewhere."""
    safe = [[printable(cell) for cell in row] for row in rows]
    if sys.stdout.isatty():
        _draw(columns, safe)
        return
    widths = [max(map(len, column)) for column in zip(columns, *safe, strict=True)]
    for row in (columns, *safe):
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


def _draw(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD)
    for column in columns:
        table.add_column(column)
    for row in rows:
        table.add_row(*map(Text, row))
    Console(highlight=False).print(table)


def name_fields(entry: StatusName) -> dict[str, Any]:
    """Return a name of a node status as JSON has it."""
    return {
        "name": entry.name,
        "suffix": f"{entry.suffix:02X}",
        "service": describe(entry.suffix, entry.is_group, entry.name),
        "group": entry.is_group,
        "node_type": node_type(entry.name_flags),
        "flags": flag_words(entry.name_flags),
    }


def status_fields(address: str, status: NodeStatus) -> dict[str, Any]:
    """Return a whole node status as JSON has it."""
    return {
        "address": address,
        "mac": mac(status.unit_id),
        "names": [name_fields(entry) for entry in status.names],
        "statistics": status.statistics._asdict(),
    }


def show_status(address: str, status: NodeStatus) -> None:
    """Print a node status for a person."""
    click.echo(f"{address}, MAC {mac(status.unit_id)}")
    show_table(
        ("Name", "Suffix", "Kind", "Service", "Node", "State"),
        [
            (
                entry.name,
                f"<{entry.suffix:02X}>",
                "group" if entry.is_group else "unique",
                describe(entry.suffix, entry.is_group, entry.name),
                node_type(entry.name_flags),
                ", ".join(flag_words(entry.name_flags)),
            )
            for entry in status.names
        ],
    )
    counted = [(key, value) for key, value in status.statistics._asdict().items() if value]
    text = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in counted)
    click.echo(f"Statistics: {text or 'all zero'}")


def nmblookup_lines(address: str, status: NodeStatus | None) -> Iterator[str]:
    """Yield what `nmblookup -A` prints."""
    yield f"Looking up status of {address}"
    if status is None:
        yield f"No reply from {address}"
        yield ""
        return
    for entry in status.names:
        group = "<GROUP> " if entry.is_group else " " * 8
        words = "".join(f"<{word.upper()}> " for word in flag_words(entry.name_flags))
        start = f"\t{_visible(entry.name):<15} <{entry.suffix:02x}> - "
        yield f"{start}{group}{node_type(entry.name_flags)} {words}"
    yield ""
    yield f"\tMAC Address = {mac(status.unit_id, '-').upper()}"
    yield ""


def nbtstat_lines(interface: str, own: str, status: NodeStatus | None) -> Iterator[str]:
    """Yield what `nbtstat -A` prints on the interface of that name and address.

    Blanks at the ends of lines are the program's own; unprintable characters are dots.
    """
    yield "    "
    yield f"{interface}:"
    yield f"Node IpAddress: [{own}] Scope Id: []"
    yield ""
    if status is None:
        yield "    Host not found."
        return
    yield "           NetBIOS Remote Machine Name Table"
    yield ""
    yield "       Name               Type         Status"
    yield "    ---------------------------------------------"
    for entry in status.names:
        kind = "GROUP" if entry.is_group else "UNIQUE"
        state = "Conflict" if entry.name_flags & NAME_FLAGS_CNF else "Registered"
        yield f"    {_visible(entry.name):<15}<{entry.suffix:02X}>  {kind:<12}{state} "
    yield ""
    yield f"    MAC Address = {mac(status.unit_id, '-').upper()}"
    yield ""


def _visible(name: str) -> str:
    return "".join(c if " " <= c <= "~" else "." for c in name)
