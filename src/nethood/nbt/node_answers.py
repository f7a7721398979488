"""What a node answers to the requests of others: queries, node status, claims of its names.

RFC 1002 5.1.1.5, 5.1.2.5 and 5.1.3.5, with [MS-NBTE] 3.1.5.1 on names in conflict. An answer goes
to the address and port its request came from, and to nobody else.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Address

from nethood.nbt.name import NetbiosName
from nethood.nbt.name_service import (
    AddressEntry,
    addresses_of,
    is_refresh,
    is_registration,
    negative_name_query_response,
    negative_registration_response,
    positive_name_query_response,
)
from nethood.nbt.node_model import Interface, LocalName, NodeOptions
from nethood.nbt.node_status import (
    NAME_FLAGS_ACT,
    NAME_FLAGS_CNF,
    NAME_FLAGS_DRG,
    WILDCARD,
    NodeStatus,
    Statistics,
    StatusName,
    node_status_response,
)
from nethood.nbt.node_tables import NodeType, State
from nethood.nbt.packet import (
    NM_FLAGS_RD,
    OPCODE_QUERY,
    RCODE_ACT_ERR,
    TYPE_NB,
    TYPE_NBSTAT,
    Packet,
)

_RELEASING = (State.DEREGISTERING, State.WITHDRAWING)


class Responder:
    """Answers requests out of a local name table, which it only reads."""

    def __init__(self, options: NodeOptions, names: Mapping[NetbiosName, LocalName]) -> None:
        self._options = options
        self._names = names

    def answer(
        self, packet: Packet, interface: Interface, statistics: Statistics, *, broadcast: bool
    ) -> Packet | None:
        """Return the answer to a request that came on *interface*, None for silence."""
        if not packet.questions or packet.questions[0].name.scope != self._options.scope:
            return None
        if is_registration(packet) or is_refresh(packet):
            return self._defend(packet, interface)
        if packet.opcode != OPCODE_QUERY:
            return None
        question_type = packet.questions[0].question_type
        if question_type == TYPE_NB:
            return self._answer_query(packet, interface, broadcast=broadcast)
        if question_type == TYPE_NBSTAT:
            return self._tell_status(packet, interface, statistics, broadcast=broadcast)
        return None

    def _answer_query(
        self, packet: Packet, interface: Interface, *, broadcast: bool
    ) -> Packet | None:
        name = packet.questions[0].name
        recursion = bool(packet.nm_flags & NM_FLAGS_RD)
        local = self._names.get(name)
        if local is not None and local.answers_on(interface.address):
            return positive_name_query_response(
                packet.name_trn_id,
                name,
                self._entries(local, interface.address),
                recursion=recursion,
            )
        in_conflict = local is not None and local.is_held
        # A B node has no negative answer to give but for a name in conflict ([MS-NBTE] 4.1).
        if broadcast or (self._options.node_type is NodeType.B and not in_conflict):
            return None
        return negative_name_query_response(packet.name_trn_id, name, recursion=recursion)

    def _entries(self, local: LocalName, first: IPv4Address) -> list[AddressEntry]:
        """Return our addresses, the one the asker can surely reach first."""
        flags = local.nb_flags(self._options.node_type)
        others = (i.address for i in self._options.interfaces if i.address != first)
        addresses = [first, *(other for other in others if local.answers_on(other))]
        return [AddressEntry(flags, address) for address in addresses]

    def _defend(self, packet: Packet, interface: Interface) -> Packet | None:
        """Object to a claim of a name of ours, unless both hold it as a group.

        Deviates: RFC 1002 5.1.1.5 has end nodes answer registrations alone; Windows and nmbd
        object to overwrite demands and Windows to refreshes, too, as smbtorture expects. A name in
        conflict, on whatever interface, is not defended, nor is one that starts with an asterisk.
        """
        name = packet.questions[0].name
        local = self._names.get(name)
        claimed = addresses_of(packet)
        if local is None or not claimed:
            return None
        if not local.is_held or local.conflicts or name.name.startswith("*"):
            return None
        if local.is_group and claimed[0].is_group:
            return None
        if any(claimed[0].address == own.address for own in self._options.interfaces):
            return None
        entry = AddressEntry(local.nb_flags(self._options.node_type), interface.address)
        return negative_registration_response(packet.name_trn_id, name, entry, RCODE_ACT_ERR)

    def _tell_status(
        self, packet: Packet, interface: Interface, statistics: Statistics, *, broadcast: bool
    ) -> Packet | None:
        """Tell the name table; a broadcast ``*`` would have every node answer, so it has none."""
        name = packet.questions[0].name
        if name.to_bytes() == WILDCARD.to_bytes():
            if broadcast:
                return None
        else:
            local = self._names.get(name)
            if local is None or not local.answers_on(interface.address):
                return None
        status = NodeStatus(self._table(), interface.unit_id, statistics)
        return node_status_response(packet.name_trn_id, name, status)

    def _table(self) -> tuple[StatusName, ...]:
        return tuple(
            StatusName(local.name.name, local.name.suffix, self._name_flags(local))
            for local in self._names.values()
            if local.is_held or local.state in _RELEASING
        )

    def _name_flags(self, local: LocalName) -> int:
        flags = local.nb_flags(self._options.node_type) | NAME_FLAGS_ACT
        if local.conflicts:
            flags |= NAME_FLAGS_CNF
        if local.state in _RELEASING:
            flags |= NAME_FLAGS_DRG
        return flags
