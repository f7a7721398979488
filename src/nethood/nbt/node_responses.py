"""Reading the responses to a node's own requests: whose they are, and what they mean."""

from __future__ import annotations

from ipaddress import IPv4Address

from nethood.nbt.name_service import is_registration, redirect_address
from nethood.nbt.node_model import Interface, Subject
from nethood.nbt.node_tables import BROADCAST_STATES, Input, State
from nethood.nbt.packet import (
    NM_FLAGS_RA,
    OPCODE_MULTIHOMED_REGISTRATION,
    OPCODE_REFRESH,
    OPCODE_REGISTRATION,
    OPCODE_WACK,
    Packet,
)

# A registration answers every kind of claim (RFC 1002 4.2.5); peers echo the opcode, or do not.
_ANSWERED_BY = {
    OPCODE_REGISTRATION: (OPCODE_REGISTRATION,),
    OPCODE_MULTIHOMED_REGISTRATION: (OPCODE_REGISTRATION, OPCODE_MULTIHOMED_REGISTRATION),
    OPCODE_REFRESH: (OPCODE_REGISTRATION, OPCODE_REFRESH),
}


def belongs(subject: Subject, packet: Packet, source: IPv4Address, interface: Interface) -> bool:
    """Whether a response with the right NAME_TRN_ID is about what was asked, from whom it was.

    A broadcast is answered by anybody in the network, other requests by who was asked.
    """
    if subject.state in BROADCAST_STATES or subject.state is State.WATCHING:
        if source not in interface.network:
            return False
    elif str(source) != subject.sends[packet.name_trn_id].destination[0]:
        return False
    asked = subject.sends[packet.name_trn_id].packet.opcode
    if packet.opcode not in (OPCODE_WACK, *_ANSWERED_BY.get(asked, (asked,))):
        return False
    records = (*packet.answers, *packet.authorities)
    return bool(records) and records[0].name == subject.name


def kind_of(packet: Packet) -> Input:
    """Return what a response means (RFC 1002 4.2.5 to 4.2.16).

    An end-node challenge is a positive registration response without RA.
    """
    if packet.opcode == OPCODE_WACK:
        return Input.WACK
    if packet.rcode:
        return Input.NEGATIVE
    if redirect_address(packet) is not None:
        return Input.REDIRECT
    if is_registration(packet) and not packet.nm_flags & NM_FLAGS_RA:
        return Input.CHALLENGE
    return Input.POSITIVE
