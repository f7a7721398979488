"""The packets of the name service, one builder each: RFC 1002 4.2.2 to 4.2.18, [MS-NBTE] 2.2.2.

Builders return a `Packet` to encode; `addresses_of` and the questions below read one that came.
Which packet is sent when is the node's and the name server's affair.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address
from struct import Struct
from typing import NamedTuple

from nethood.errors import Malformed
from nethood.nbt.name import NetbiosName, encode_name
from nethood.nbt.node_status import (
    NodeStatus,
    StatusName,
    node_status_request,
    node_status_response,
)
from nethood.nbt.packet import (
    CLASS_IN,
    MAX_DATAGRAM,
    NM_FLAGS_AA,
    NM_FLAGS_B,
    NM_FLAGS_RA,
    NM_FLAGS_RD,
    NM_FLAGS_TC,
    OPCODE_MULTIHOMED_REGISTRATION,
    OPCODE_QUERY,
    OPCODE_REFRESH,
    OPCODE_REFRESH_ALTERNATE,
    OPCODE_REGISTRATION,
    OPCODE_RELEASE,
    OPCODE_WACK,
    RCODE_CFT_ERR,
    RCODE_NAM_ERR,
    RCODE_OK,
    TYPE_A,
    TYPE_NB,
    TYPE_NBSTAT,
    TYPE_NS,
    TYPE_NULL,
    Packet,
    Question,
    ResourceRecord,
)
from nethood.wire import Buffer

__all__ = [
    "NB_FLAGS_G",
    "NB_FLAGS_ONT",
    "ONT_B",
    "ONT_H",
    "ONT_M",
    "ONT_P",
    "AddressEntry",
    "NodeStatus",
    "StatusName",
    "addresses_of",
    "conflict_demand",
    "decode_addresses",
    "encode_addresses",
    "end_node_challenge_response",
    "is_refresh",
    "is_registration",
    "name_query_request",
    "negative_name_query_response",
    "negative_registration_response",
    "negative_release_response",
    "node_status_request",
    "node_status_response",
    "overwrite_request",
    "packet_kind",
    "positive_name_query_response",
    "positive_registration_response",
    "positive_release_response",
    "redirect",
    "redirect_address",
    "refresh_request",
    "registration_request",
    "release_request",
    "wack",
    "wack_request",
]

NB_FLAGS_G = 0x8000
NB_FLAGS_ONT = 0x6000
ONT_B = 0x0000
ONT_P = 0x2000
ONT_M = 0x4000
ONT_H = 0x6000
"""Reserved by the RFC; what Windows nodes of mixed H type send."""

INFINITE_TTL = 0
_ENTRY = Struct(">H4s")
_NO_ADDRESS = IPv4Address(0)


class AddressEntry(NamedTuple):
    """An ADDR_ENTRY: who holds a name, RFC 1002 4.2.13."""

    nb_flags: int
    address: IPv4Address

    @property
    def is_group(self) -> bool:
        """Whether the name is held as a group name."""
        return bool(self.nb_flags & NB_FLAGS_G)


def encode_addresses(entries: Iterable[AddressEntry]) -> bytes:
    """Return an ADDR_ENTRY ARRAY."""
    return b"".join(_ENTRY.pack(flags, address.packed) for flags, address in entries)


def decode_addresses(rdata: Buffer) -> list[AddressEntry]:
    """Read an ADDR_ENTRY ARRAY. Raises Malformed when it ends inside an entry."""
    if len(rdata) % _ENTRY.size:
        raise Malformed("ADDR_ENTRY ARRAY", f"is {len(rdata)} bytes long")
    return [AddressEntry(flags, IPv4Address(raw)) for flags, raw in _ENTRY.iter_unpack(rdata)]


def addresses_of(packet: Packet) -> list[AddressEntry]:
    """Return the entries of every NB record in answers and additionals. Raises Malformed."""
    return [
        entry
        for record in (*packet.answers, *packet.additionals)
        if record.rr_type == TYPE_NB and packet.opcode != OPCODE_WACK
        for entry in decode_addresses(record.rdata)
    ]


def is_refresh(packet: Packet) -> bool:
    """Whether *packet* is a refresh, by either of its opcodes."""
    return packet.opcode in (OPCODE_REFRESH, OPCODE_REFRESH_ALTERNATE)


def is_registration(packet: Packet) -> bool:
    """Whether *packet* is a registration, multi-homed or not."""
    return packet.opcode in (OPCODE_REGISTRATION, OPCODE_MULTIHOMED_REGISTRATION)


def name_query_request(
    trn_id: int, name: NetbiosName, *, broadcast: bool = False, recursion: bool = True
) -> Packet:
    """Return a NAME QUERY REQUEST, RFC 1002 4.2.12."""
    flags = _request_flags(broadcast=broadcast, recursion=recursion)
    return Packet(trn_id, nm_flags=flags, questions=(Question(name),))


def registration_request(
    trn_id: int,
    name: NetbiosName,
    entry: AddressEntry,
    ttl_s: int = INFINITE_TTL,
    *,
    broadcast: bool = False,
    recursion: bool = True,
    multihomed: bool = False,
) -> Packet:
    """Return a NAME REGISTRATION REQUEST, RFC 1002 4.2.2, or its multi-homed kind.

    *entry* is what the claimant holds or, multi-homed, one of its addresses.
    """
    opcode = OPCODE_MULTIHOMED_REGISTRATION if multihomed else OPCODE_REGISTRATION
    flags = _request_flags(broadcast=broadcast, recursion=recursion)
    return _update(trn_id, opcode, flags, name, entry, ttl_s)


def overwrite_request(
    trn_id: int,
    name: NetbiosName,
    entry: AddressEntry,
    ttl_s: int = INFINITE_TTL,
    *,
    broadcast: bool = False,
) -> Packet:
    """Return a NAME OVERWRITE REQUEST & DEMAND, RFC 1002 4.2.3: a registration without RD."""
    flags = _request_flags(broadcast=broadcast, recursion=False)
    return _update(trn_id, OPCODE_REGISTRATION, flags, name, entry, ttl_s)


def refresh_request(
    trn_id: int,
    name: NetbiosName,
    entry: AddressEntry,
    ttl_s: int = INFINITE_TTL,
    *,
    broadcast: bool = False,
) -> Packet:
    """Return a NAME REFRESH REQUEST, RFC 1002 4.2.4."""
    flags = _request_flags(broadcast=broadcast, recursion=False)
    return _update(trn_id, OPCODE_REFRESH, flags, name, entry, ttl_s)


def release_request(
    trn_id: int, name: NetbiosName, entry: AddressEntry, *, broadcast: bool = False
) -> Packet:
    """Return a NAME RELEASE REQUEST or, broadcast, DEMAND; RFC 1002 4.2.9."""
    flags = _request_flags(broadcast=broadcast, recursion=False)
    return _update(trn_id, OPCODE_RELEASE, flags, name, entry, 0)


def positive_registration_response(
    trn_id: int, name: NetbiosName, entry: AddressEntry, ttl_s: int = INFINITE_TTL
) -> Packet:
    """Return a POSITIVE NAME REGISTRATION RESPONSE, RFC 1002 4.2.5; it answers refreshes too."""
    flags = NM_FLAGS_AA | NM_FLAGS_RD | NM_FLAGS_RA
    return _answer(trn_id, OPCODE_REGISTRATION, flags, RCODE_OK, _nb(name, ttl_s, [entry]))


def negative_registration_response(
    trn_id: int, name: NetbiosName, entry: AddressEntry, rcode: int, ttl_s: int = 0
) -> Packet:
    """Return a NEGATIVE NAME REGISTRATION RESPONSE, RFC 1002 4.2.6."""
    flags = NM_FLAGS_AA | NM_FLAGS_RD | NM_FLAGS_RA
    return _answer(trn_id, OPCODE_REGISTRATION, flags, rcode, _nb(name, ttl_s, [entry]))


def end_node_challenge_response(
    trn_id: int, name: NetbiosName, entry: AddressEntry, ttl_s: int = INFINITE_TTL
) -> Packet:
    """Return an END-NODE CHALLENGE REGISTRATION RESPONSE, RFC 1002 4.2.7: challenge the owner."""
    flags = NM_FLAGS_AA | NM_FLAGS_RD
    return _answer(trn_id, OPCODE_REGISTRATION, flags, RCODE_OK, _nb(name, ttl_s, [entry]))


def conflict_demand(trn_id: int, name: NetbiosName, nb_flags: int = ONT_B) -> Packet:
    """Return a NAME CONFLICT DEMAND, RFC 1002 4.2.8; of *nb_flags* only the node type is sent."""
    entry = AddressEntry(nb_flags & NB_FLAGS_ONT, _NO_ADDRESS)
    return negative_registration_response(trn_id, name, entry, RCODE_CFT_ERR)


def positive_release_response(
    trn_id: int, name: NetbiosName, entry: AddressEntry, ttl_s: int = 0
) -> Packet:
    """Return a POSITIVE NAME RELEASE RESPONSE, RFC 1002 4.2.10."""
    return negative_release_response(trn_id, name, entry, RCODE_OK, ttl_s)


def negative_release_response(
    trn_id: int, name: NetbiosName, entry: AddressEntry, rcode: int, ttl_s: int = 0
) -> Packet:
    """Return a NEGATIVE NAME RELEASE RESPONSE, RFC 1002 4.2.11."""
    return _answer(trn_id, OPCODE_RELEASE, NM_FLAGS_AA, rcode, _nb(name, ttl_s, [entry]))


def positive_name_query_response(
    trn_id: int,
    name: NetbiosName,
    addresses: Sequence[AddressEntry],
    ttl_s: int = INFINITE_TTL,
    *,
    recursion: bool = True,
    recursion_available: bool = True,
) -> Packet:
    """Return a POSITIVE NAME QUERY RESPONSE, RFC 1002 4.2.13.

    *recursion* is RD of the request. An end node sets RA as well (4.2.15). Addresses that would
    make the datagram longer than 576 bytes are left out and NM_FLAGS_TC is set.
    """
    flags = _query_flags(recursion=recursion, available=recursion_available)
    room = (MAX_DATAGRAM - 12 - len(encode_name(name)) - 10) // _ENTRY.size
    if len(addresses) > room:
        flags |= NM_FLAGS_TC
    record = _nb(name, ttl_s, addresses[:room])
    return _answer(trn_id, OPCODE_QUERY, flags, RCODE_OK, record)


def negative_name_query_response(
    trn_id: int,
    name: NetbiosName,
    rcode: int = RCODE_NAM_ERR,
    *,
    recursion: bool = True,
    recursion_available: bool = True,
) -> Packet:
    """Return a NEGATIVE NAME QUERY RESPONSE, RFC 1002 4.2.14.

    Deviates: the figure counts no answer and shows one; it is counted, as every peer does.
    """
    flags = _query_flags(recursion=recursion, available=recursion_available)
    record = ResourceRecord(name, TYPE_NULL, CLASS_IN, 0, b"")
    return _answer(trn_id, OPCODE_QUERY, flags, rcode, record)


def redirect(
    trn_id: int, name: NetbiosName, nsd_name: NetbiosName, nsd_ip_addr: IPv4Address, ttl_s: int = 0
) -> Packet:
    """Return a REDIRECT NAME QUERY RESPONSE, RFC 1002 4.2.15: ask the NBNS at *nsd_ip_addr*."""
    return Packet(
        trn_id,
        is_response=True,
        nm_flags=NM_FLAGS_RD,
        authorities=(ResourceRecord(name, TYPE_NS, CLASS_IN, ttl_s, encode_name(nsd_name)),),
        additionals=(ResourceRecord(nsd_name, TYPE_A, CLASS_IN, ttl_s, nsd_ip_addr.packed),),
    )


def redirect_address(packet: Packet) -> IPv4Address | None:
    """Return where a REDIRECT NAME QUERY RESPONSE leads; None when *packet* is none."""
    if packet.is_response and any(r.rr_type == TYPE_NS for r in packet.authorities):
        for record in packet.additionals:
            if record.rr_type == TYPE_A and len(record.rdata) == 4:
                return IPv4Address(record.rdata)
    return None


def wack(request: Packet, name: NetbiosName, ttl_s: int) -> Packet:
    """Return a WAIT FOR ACKNOWLEDGEMENT RESPONSE to *request*, RFC 1002 4.2.16.

    *ttl_s* is how long to wait from now, 0 when that is unknown. The figure's RR_TYPE says NULL
    and 0x0020; the number is sent.
    """
    word = request.opcode << 11 | request.nm_flags << 4
    record = ResourceRecord(name, TYPE_NB, CLASS_IN, ttl_s, word.to_bytes(2, "big"))
    return _answer(request.name_trn_id, OPCODE_WACK, NM_FLAGS_AA, RCODE_OK, record)


def wack_request(packet: Packet) -> tuple[int, int, int] | None:
    """Return opcode and NM_FLAGS of the request a WACK speaks of, and its wait in seconds.

    None when *packet* is no WACK, or one without its two bytes.
    """
    if packet.opcode != OPCODE_WACK or not packet.answers:
        return None
    record = packet.answers[0]
    if len(record.rdata) != 2:
        return None
    word = int.from_bytes(record.rdata, "big")
    return word >> 11 & 0xF, word >> 4 & 0x7F, record.ttl_s


_REQUEST_KINDS = {
    OPCODE_RELEASE: "NAME RELEASE REQUEST",
    OPCODE_WACK: "WACK REQUEST",
    OPCODE_REFRESH: "NAME REFRESH REQUEST",
    OPCODE_REFRESH_ALTERNATE: "NAME REFRESH REQUEST",
    OPCODE_MULTIHOMED_REGISTRATION: "MULTI-HOMED NAME REGISTRATION REQUEST",
}
_RESPONSE_KINDS = {
    OPCODE_QUERY: "NAME QUERY RESPONSE",
    OPCODE_REGISTRATION: "NAME REGISTRATION RESPONSE",
    OPCODE_MULTIHOMED_REGISTRATION: "NAME REGISTRATION RESPONSE",
    OPCODE_REFRESH: "NAME REFRESH RESPONSE",
    OPCODE_REFRESH_ALTERNATE: "NAME REFRESH RESPONSE",
    OPCODE_RELEASE: "NAME RELEASE RESPONSE",
}


def packet_kind(packet: Packet) -> str:
    """Return what RFC 1002 4.2 calls *packet*, for people to read."""
    return _response_kind(packet) if packet.is_response else _request_kind(packet)


def _request_kind(packet: Packet) -> str:
    if packet.opcode == OPCODE_QUERY:
        status = any(q.question_type == TYPE_NBSTAT for q in packet.questions)
        return "NODE STATUS REQUEST" if status else "NAME QUERY REQUEST"
    if packet.opcode == OPCODE_REGISTRATION:
        registers = packet.nm_flags & NM_FLAGS_RD
        return "NAME REGISTRATION REQUEST" if registers else "NAME OVERWRITE REQUEST"
    return _REQUEST_KINDS.get(packet.opcode, f"REQUEST (OPCODE 0x{packet.opcode:X})")


def _response_kind(packet: Packet) -> str:
    if packet.opcode == OPCODE_WACK:
        return "WACK RESPONSE"
    if any(record.rr_type == TYPE_NBSTAT for record in packet.answers):
        return "NODE STATUS RESPONSE"
    if redirect_address(packet):
        return "REDIRECT NAME QUERY RESPONSE"
    if is_registration(packet) and packet.rcode == RCODE_CFT_ERR:
        return "NAME CONFLICT DEMAND"
    kind = _RESPONSE_KINDS.get(packet.opcode, f"RESPONSE (OPCODE 0x{packet.opcode:X})")
    return f"NEGATIVE {kind}" if packet.rcode else f"POSITIVE {kind}"


def _request_flags(*, broadcast: bool, recursion: bool) -> int:
    return (NM_FLAGS_B if broadcast else 0) | (NM_FLAGS_RD if recursion else 0)


def _query_flags(*, recursion: bool, available: bool) -> int:
    rd, ra = NM_FLAGS_RD if recursion else 0, NM_FLAGS_RA if available else 0
    return NM_FLAGS_AA | rd | ra


def _nb(name: NetbiosName, ttl_s: int, entries: Iterable[AddressEntry]) -> ResourceRecord:
    return ResourceRecord(name, TYPE_NB, CLASS_IN, ttl_s, encode_addresses(entries))


def _update(
    trn_id: int, opcode: int, flags: int, name: NetbiosName, entry: AddressEntry, ttl_s: int
) -> Packet:
    return Packet(
        trn_id,
        opcode=opcode,
        nm_flags=flags,
        questions=(Question(name),),
        additionals=(_nb(name, ttl_s, [entry]),),
    )


def _answer(trn_id: int, opcode: int, flags: int, rcode: int, record: ResourceRecord) -> Packet:
    return Packet(
        trn_id,
        is_response=True,
        opcode=opcode,
        nm_flags=flags,
        rcode=rcode,
        answers=(record,),
    )
