"""What a running browser knows, handed to `nethood browse` of the same machine as one JSON line.

One row is one host: of the own workgroup every host, of other workgroups their masters, which is
all the browser of another group tells.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, NamedTuple

from nethood.browse.lists import ServerEntry
from nethood.browse.server_type import SV_TYPE_MASTER_BROWSER
from nethood.browse.settings import BrowserSettings
from nethood.errors import Malformed
from nethood.net.control import network_id

if TYPE_CHECKING:
    from nethood.nbt.node_model import Interface
    from nethood.neighborhood.browser import BrowseView

MASTER = "master browser"
_VERSION = 1
_MAX_ROWS = 20_000


@dataclass(frozen=True, slots=True, order=True)
class Row:
    """A host as `nethood browse` prints it; *part* is MASTER for the master of its group."""

    group: str
    name: str
    address: str
    version: str
    comment: str
    server_type: int
    part: str


def rows_of(view: BrowseView, settings: BrowserSettings, interface: Interface) -> list[Row]:
    """Return the rows of a browser on *interface*, its own host among them, by group and name."""
    group, master = view.machine_group, view.master_name.upper()
    listed = {entry.name.upper(): entry for entry in view.servers}
    own = ServerEntry(
        settings.host_name.upper(), settings.server_type, settings.comment, *settings.os_version
    )
    found = [
        Row(
            group,
            entry.name,
            entry.address or str(interface.address),
            f"{entry.version_major}.{entry.version_minor}",
            entry.comment,
            entry.server_type,
            MASTER if entry.name.upper() == master else "",
        )
        for entry in ({own.name: own} | listed).values()
    ]
    found += [
        Row(
            other.name.upper(), other.comment, other.address, "", "", SV_TYPE_MASTER_BROWSER, MASTER
        )
        for other in view.machine_groups
        if other.name.upper() != group and other.comment
    ]
    return sorted(found)


class Offer(NamedTuple):
    """What a daemon hands out: rows, and the workgroups it browses."""

    rows: list[Row]
    groups: list[str]


def socket_name() -> str:
    """Return what the socket of a daemon on this network is called.

    Network namespaces share folders, and of another network a daemon's list says nothing.
    """
    network = network_id()
    return f"browse-{network}.sock" if network else "browse.sock"


def encode(offer: Offer) -> bytes:
    """Return *offer* as one line, without its end."""
    hosts = [asdict(row) for row in offer.rows[:_MAX_ROWS]]
    return json.dumps({"version": _VERSION, "groups": offer.groups, "hosts": hosts}).encode()


def decode(line: bytes) -> Offer:
    """Read what `encode` made. Raises Malformed."""
    try:
        raw = json.loads(line)
        if raw["version"] == _VERSION and len(raw["hosts"]) <= _MAX_ROWS:
            groups = [_typed(group, str) for group in raw["groups"]]
            return Offer([_row(each) for each in raw["hosts"]], groups)
    except (ValueError, TypeError, KeyError, RecursionError):
        pass
    raise Malformed("Answer of the daemon", "is none this nethood understands; restart the daemon")


def _row(raw: dict[str, Any]) -> Row:
    types = {field.name: int if field.type == "int" else str for field in fields(Row)}
    return Row(**{name: _typed(raw[name], kind) for name, kind in types.items()})


def _typed(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise TypeError
    return value
