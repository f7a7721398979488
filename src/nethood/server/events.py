"""What a server tells whoever listens: one Event per thing a person may want to know."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Event:
    """Something that happened; `fields` holds plain strings, numbers and booleans.

    Kinds: listening, connected, refused, login, login_refused, tree, tree_refused, logoff, closed,
    warning. `sentence` says the same to a person.
    """

    kind: str
    sentence: str
    fields: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class ClientRow:
    """One connected client, as it stands now; sizes in bytes, times in seconds."""

    address: str
    port: int
    user: str
    dialect: str
    signed: bool
    encrypted: bool
    bytes_read: int
    bytes_written: int
    opens: int
    connected_s: float
    shares: tuple[str, ...] = ()


def dialect_name(dialect: int) -> str:
    """Return ``3.1.1`` for 0x0311, and an empty string for 0."""
    names = {0x0202: "2.0.2", 0x0210: "2.1", 0x0300: "3.0", 0x0302: "3.0.2", 0x0311: "3.1.1"}
    return names.get(dialect, "")
