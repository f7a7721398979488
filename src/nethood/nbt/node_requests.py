"""The requests a node sends in each state of a name or query: what, where to, from where.

RFC 1002 5.1: broadcasts go out on every interface with that interface's address; what a name
server is told of a node with several addresses goes out once for each ([MS-NBTE] 3.1.4.1).
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address

from nethood.nbt.name_service import (
    AddressEntry,
    name_query_request,
    overwrite_request,
    refresh_request,
    registration_request,
    release_request,
)
from nethood.nbt.node_model import Interface, LocalName, NodeOptions, Query, Send, Subject
from nethood.nbt.node_status import node_status_request
from nethood.nbt.node_tables import REQUESTS, Request
from nethood.nbt.packet import TYPE_NBSTAT, Packet

NewTrnId = Callable[[], int]

_TO_SERVER = {
    Request.REGISTRATION,
    Request.OVERWRITE,
    Request.REFRESH,
    Request.RELEASE,
    Request.SERVER_QUERY,
}


class Requester:
    """Builds the requests of a state. NAME_TRN_IDs come from *new_trn_id*."""

    def __init__(self, options: NodeOptions, new_trn_id: NewTrnId) -> None:
        self._options = options
        self._new_trn_id = new_trn_id

    def has_server(self, subject: Subject) -> bool:
        """Whether there is a name server left to ask for what *subject* wants now."""
        return subject.server < len(self._options.name_servers)

    def asks_server(self, subject: Subject) -> bool:
        """Whether the current request of *subject* goes to a name server."""
        return REQUESTS.get(subject.state) in _TO_SERVER

    def requests(self, subject: Subject) -> list[Send]:
        """Return the requests of the state *subject* is in; none where nobody can be asked."""
        request = REQUESTS[subject.state]
        if isinstance(subject, Query):
            return self._query(subject, request)
        assert isinstance(subject, LocalName)
        if request is Request.OWNER_QUERY:
            return self._challenge(subject)
        if request in _TO_SERVER:
            return self._to_server(subject, request)
        return [
            self._broadcast(self._about(subject, request, interface, broadcast=True), interface)
            for interface in self._usable(subject)
        ]

    def announcements(self, local: LocalName) -> list[Send]:
        """Return the overwrite demands that make a broadcast claim known (RFC 1002 5.1.1.1)."""
        return [
            self._broadcast(
                overwrite_request(
                    self._new_trn_id(), local.name, self._entry(local, interface), broadcast=True
                ),
                interface,
            )
            for interface in self._usable(local)
        ]

    def interface_towards(self, address: IPv4Address) -> Interface:
        """Return the interface whose network *address* is in, or the first."""
        for interface in self._options.interfaces:
            if address in interface.network:
                return interface
        return self._options.interfaces[0]

    def _usable(self, local: LocalName) -> list[Interface]:
        return [i for i in self._options.interfaces if i.address not in local.conflicts]

    def _broadcast(self, packet: Packet, interface: Interface) -> Send:
        return Send(packet, (str(interface.broadcast), self._options.port), interface.address)

    def _entry(self, local: LocalName, interface: Interface) -> AddressEntry:
        return AddressEntry(local.nb_flags(self._options.node_type), interface.address)

    def _about(
        self, local: LocalName, request: Request, interface: Interface, *, broadcast: bool
    ) -> Packet:
        trn_id, entry = self._new_trn_id(), self._entry(local, interface)
        ttl_s = 0 if broadcast else self._options.ttl_s
        if request in (Request.RELEASE, Request.BROADCAST_RELEASE):
            return release_request(trn_id, local.name, entry, broadcast=broadcast)
        if request is Request.REFRESH:
            return refresh_request(trn_id, local.name, entry, ttl_s)
        if request is Request.OVERWRITE:
            return overwrite_request(trn_id, local.name, entry, ttl_s)
        several = not broadcast and not local.is_group and len(self._options.interfaces) > 1
        return registration_request(
            trn_id, local.name, entry, ttl_s, broadcast=broadcast, multihomed=several
        )

    def _to_server(self, local: LocalName, request: Request) -> list[Send]:
        if not self.has_server(local):
            return []
        server = self._options.name_servers[local.server]
        source = self.interface_towards(server).address
        where = (str(server), self._options.port)
        return [
            Send(self._about(local, request, interface, broadcast=False), where, source)
            for interface in self._options.interfaces
        ]

    def _challenge(self, local: LocalName) -> list[Send]:
        if local.owner is None:
            return []
        packet = name_query_request(self._new_trn_id(), local.name, recursion=False)
        source = self.interface_towards(local.owner).address
        return [Send(packet, (str(local.owner), self._options.port), source)]

    def _query(self, query: Query, request: Request) -> list[Send]:
        if request is Request.BROADCAST_QUERY:
            return [
                self._broadcast(
                    name_query_request(self._new_trn_id(), query.name, broadcast=True), interface
                )
                for interface in self._options.interfaces
            ]
        where = query.destination
        if where is None:
            if not self.has_server(query):
                return []
            where = (str(self._options.name_servers[query.server]), self._options.port)
        source = self.interface_towards(IPv4Address(where[0])).address
        return [Send(self._question(query), where, source)]

    def _question(self, query: Query) -> Packet:
        if query.question_type == TYPE_NBSTAT:
            return node_status_request(self._new_trn_id(), query.name)
        return name_query_request(self._new_trn_id(), query.name)
