"""Who is on the network, by listening alone: the announcements of every group on a subnet."""

from __future__ import annotations

from nethood.browse import frames
from nethood.browse.actions import ELECTIONS, MASTER, BrowseName
from nethood.browse.lists import MAX_GROUPS
from nethood.browse.neighbours import Neighbours


class Listener:
    """What was heard, by machine group. It never sends anything.

    *now* is in seconds on any clock that never goes back.
    """

    def __init__(self) -> None:
        self.groups: dict[str, Neighbours] = {}
        """Servers by the group they announced themselves to."""
        self.domains = Neighbours()
        """Its machine_groups are the groups masters announced, each with its master."""
        self.masters: dict[str, str] = {}
        """The local master of each group, as it announced itself."""

    def receive(self, data: bytes, address: str, destination: BrowseName, now: float) -> None:
        """Take one frame sent from *address* to *destination*. Raises Malformed."""
        frame = frames.decode_frame(data)
        match frame:
            case frames.DomainAnnouncement():
                self.domains.heard_group(frame, address, now)
            case frames.HostAnnouncement() if destination.suffix == MASTER:
                self._heard_host(frame, address, destination, now)
            case frames.LocalMasterAnnouncement() if destination.suffix == ELECTIONS:
                self._heard_host(frame, address, destination, now)
                if destination.name.upper() in self.groups:
                    self.masters[destination.name.upper()] = frame.server_name
            case _:
                pass

    def expire(self, now: float) -> None:
        """Drop what was not heard of for three periods."""
        self.domains.expire(now)
        for name, neighbours in list(self.groups.items()):
            neighbours.expire(now)
            if not neighbours.servers:
                del self.groups[name]
                self.masters.pop(name, None)

    def _heard_host(
        self,
        frame: frames.HostAnnouncement | frames.LocalMasterAnnouncement,
        address: str,
        destination: BrowseName,
        now: float,
    ) -> None:
        group = destination.name.upper()
        if group not in self.groups and len(self.groups) >= MAX_GROUPS:
            return
        neighbours = self.groups.setdefault(group, Neighbours())
        if frame.server_type:
            neighbours.heard_host(frame, address, now)
        else:
            neighbours.servers.remove(frame.server_name)
