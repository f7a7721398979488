"""The questions of the canary as Windows puts them, and what counts as an answer.

NBNS is RFC 1002 4.2.12 by broadcast for NAME<20>; LLMNR [MS-LLMNRP] and mDNS (RFC 6762) are DNS
messages, which zeroconf reads and writes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address

from zeroconf import (  # type: ignore[attr-defined]  # exported, but not in its __all__
    DNSAddress,
    DNSIncoming,
    DNSOutgoing,
    DNSQuestion,
)

from nethood.errors import Malformed
from nethood.nbt.name import NetbiosName
from nethood.nbt.name_service import addresses_of, name_query_request
from nethood.nbt.packet import Packet
from nethood.nbt.suffix import FILE_SERVER

NBNS_PORT = 137
LLMNR_PORT = 5355
LLMNR_GROUP = "224.0.0.252"
MDNS_PORT = 5353
MDNS_GROUP = "224.0.0.251"

_TYPE_A, _TYPE_AAAA, _CLASS_IN = 1, 28, 1
_QUERY_FLAGS = 0
_QR = 0x80
_MDNS_DOMAIN = ".local"


class Protocol(StrEnum):
    """By which of the three a name was asked for."""

    NBNS = "NBNS"
    LLMNR = "LLMNR"
    MDNS = "mDNS"


@dataclass(frozen=True, slots=True)
class Claim:
    """Somebody says a name is at *addresses*."""

    protocol: Protocol
    name: str
    source: str
    addresses: tuple[str, ...]


def nbns_question(trn_id: int, name: str) -> bytes:
    """Return the broadcast query for a file server of that *name*."""
    return name_query_request(
        trn_id, NetbiosName(name, FILE_SERVER), broadcast=True, recursion=True
    ).encode()


def llmnr_questions(trn_ids: tuple[int, int], name: str) -> list[bytes]:
    """Return the queries for *name*'s IPv4 and IPv6 addresses."""
    return [
        _dns_question(name, kind, trn_id, multicast=False)
        for trn_id, kind in zip(trn_ids, (_TYPE_A, _TYPE_AAAA), strict=True)
    ]


def mdns_questions(name: str) -> list[bytes]:
    """Return the queries for ``name.local``."""
    return [
        _dns_question(name.lower() + _MDNS_DOMAIN, kind, 0, multicast=True)
        for kind in (_TYPE_A, _TYPE_AAAA)
    ]


def _dns_question(name: str, kind: int, trn_id: int, *, multicast: bool) -> bytes:
    message = DNSOutgoing(_QUERY_FLAGS, multicast, trn_id)
    message.add_question(DNSQuestion(name + ".", kind, _CLASS_IN))
    return message.packets()[0]


def nbns_claim(data: bytes, source: str) -> Claim | None:
    """Return what a positive NBNS answer claims, None for anything else."""
    try:
        packet = Packet.decode(data)
        entries = addresses_of(packet)
    except Malformed:
        return None
    if not packet.is_response or packet.rcode or not entries or not packet.answers:
        return None
    addresses = tuple(str(entry.address) for entry in entries)
    return Claim(Protocol.NBNS, packet.answers[0].name.name.upper(), source, addresses)


def dns_claim(protocol: Protocol, data: bytes, source: str) -> Claim | None:
    """Return what an LLMNR or mDNS answer claims, None for anything else."""
    if len(data) < 12 or not data[2] & _QR:
        return None
    message = DNSIncoming(data)
    if not message.valid:
        return None
    found = [record for record in message.answers() if isinstance(record, DNSAddress)]
    if not found:
        return None
    name = found[0].name.rstrip(".").upper()
    if protocol is Protocol.MDNS:
        name = name.removesuffix(_MDNS_DOMAIN.upper())
    same = (record for record in found if record.name == found[0].name)
    return Claim(protocol, name, source, tuple(_address(record.address) for record in same))


def _address(packed: bytes) -> str:
    """Return an address of 4 or 16 bytes as text; others as hex."""
    if len(packed) == 4:
        return str(IPv4Address(packed))
    return str(IPv6Address(packed)) if len(packed) == 16 else packed.hex()
