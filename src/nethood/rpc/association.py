"""Associations: what the connections of one client share, context handles above all.

C706 9.3.3 and [MS-RPCE] 3.3.1.1.1. One `Associations` serves a whole server.
"""

from __future__ import annotations

import struct

from nethood.errors import LocalError

MAX_HANDLES = 1024


class Association:
    """A group of connections of one caller, and the context handles they opened."""

    __slots__ = ("_next_handle", "connections", "group_id", "handles", "owner")

    def __init__(self, group_id: int, owner: object) -> None:
        self.group_id = group_id
        self.owner = owner
        self.connections = 0
        self.handles: dict[bytes, object] = {}
        self._next_handle = 1

    def new_handle(self, what: object) -> bytes:
        """Remember *what*; return the 20 bytes that name it on the wire. Raises LocalError.

        Handles need not be secret: they are looked up in their own association only, which no
        other caller can join.
        """
        if len(self.handles) >= MAX_HANDLES:
            raise LocalError(f"an RPC client holds {MAX_HANDLES} context handles already")
        handle = struct.pack("<IIQI", 0, self.group_id, self._next_handle, 0x4E455448)
        self._next_handle += 1
        self.handles[handle] = what
        return handle


class Associations:
    """All associations of a server, by their group id."""

    __slots__ = ("_by_id", "_next_id")

    def __init__(self) -> None:
        self._by_id: dict[int, Association] = {}
        self._next_id = 1

    def __len__(self) -> int:
        return len(self._by_id)

    def join(self, group_id: int, owner: object) -> Association | None:
        """Count a connection into an association: a new one for 0, else that of *group_id*.

        Returns None where there is no such association or it is not *owner*'s.
        """
        if group_id == 0:
            association = self._create(owner)
        else:
            found = self._by_id.get(group_id)
            if found is None or found.owner != owner:
                return None
            association = found
        association.connections += 1
        return association

    def _create(self, owner: object) -> Association:
        while self._next_id in self._by_id:
            self._next_id = self._next_id % 0xFFFFFFFF + 1
        association = Association(self._next_id, owner)
        self._by_id[association.group_id] = association
        self._next_id = self._next_id % 0xFFFFFFFF + 1
        return association

    def leave(self, association: Association) -> None:
        """Count a connection out; the last one runs the context handles down."""
        association.connections -= 1
        if association.connections <= 0:
            self._by_id.pop(association.group_id, None)
