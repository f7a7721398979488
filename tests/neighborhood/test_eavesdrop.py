"""What a packet is said to be."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest

from nethood.browse.frames import AnnouncementRequest
from nethood.errors import Malformed
from nethood.nbt.datagram import (
    DATAGRAM_ERROR,
    DATAGRAM_POSITIVE_QUERY_RESPONSE,
    DIRECT_GROUP_DATAGRAM,
    Datagram,
    DatagramError,
    DatagramHeader,
    DatagramPacket,
    DatagramQuery,
    Fragment,
)
from nethood.nbt.mailslot import MailslotWrite
from nethood.nbt.name import NetbiosName
from nethood.nbt.name_service import (
    AddressEntry,
    name_query_request,
    positive_name_query_response,
    registration_request,
)
from nethood.nbt.packet import Packet
from nethood.neighborhood.datagram_port import Incoming
from nethood.neighborhood.eavesdrop import (
    Overheard,
    read_datagram,
    read_incoming,
    read_name_packet,
)

ATTIC, HOUSE = NetbiosName("ATTIC"), NetbiosName("HOUSE", 0x1D)
ENTRY = AddressEntry(0, IPv4Address("10.0.0.5"))
BROWSE = "\\MAILSLOT\\BROWSE"


@pytest.mark.parametrize(
    ("packet", "kind", "detail"),
    [
        (name_query_request(1, ATTIC), "NAME QUERY REQUEST", ""),
        (registration_request(1, ATTIC, ENTRY), "NAME REGISTRATION REQUEST", "10.0.0.5"),
        (
            positive_name_query_response(1, ATTIC, [ENTRY, ENTRY]),
            "POSITIVE NAME QUERY RESPONSE",
            "10.0.0.5, 10.0.0.5",
        ),
    ],
)
def test_a_name_packet(packet: Packet, kind: str, detail: str) -> None:
    heard = read_name_packet(packet.encode(), "10.0.0.9")
    assert heard == Overheard("10.0.0.9", 137, kind, (ATTIC,), detail)


def test_what_is_no_name_packet() -> None:
    with pytest.raises(Malformed):
        read_name_packet(b"\0" * 11, "10.0.0.9")


@pytest.mark.parametrize(
    ("data", "detail"),
    [
        (b"plain", "5 bytes"),
        (b"\xffSMB", "4 bytes"),
        (
            MailslotWrite(BROWSE, AnnouncementRequest("ATTIC").encode()).encode(),
            f"{BROWSE} AnnouncementRequest",
        ),
        (MailslotWrite(BROWSE, b"\xee").encode(), BROWSE),
        (MailslotWrite("\\MAILSLOT\\CHAT", b"hi").encode(), "\\MAILSLOT\\CHAT"),
    ],
)
def test_a_datagram(data: bytes, detail: str) -> None:
    header = DatagramHeader(DIRECT_GROUP_DATAGRAM, 1, IPv4Address("10.0.0.5"), 138)
    heard = read_datagram(Datagram(header, ATTIC, HOUSE, data), "10.0.0.5")
    assert heard == Overheard("10.0.0.5", 138, "DATAGRAM", (ATTIC, HOUSE), detail)


def header(msg_type: int = DIRECT_GROUP_DATAGRAM) -> DatagramHeader:
    return DatagramHeader(msg_type, 1, IPv4Address("10.0.0.5"))


@pytest.mark.parametrize(
    ("packet", "kind", "names", "detail"),
    [
        (Datagram(header(), ATTIC, HOUSE, b"plain"), "DATAGRAM", (ATTIC, HOUSE), "5 bytes"),
        (
            DatagramError(header(DATAGRAM_ERROR), 0x82),
            "DATAGRAM ERROR",
            (),
            "destination name not present",
        ),
        (DatagramError(header(DATAGRAM_ERROR), 0x99), "DATAGRAM ERROR", (), "error 0x99"),
        (
            DatagramQuery(header(DATAGRAM_POSITIVE_QUERY_RESPONSE), HOUSE),
            "DATAGRAM POSITIVE QUERY RESPONSE",
            (HOUSE,),
            "",
        ),
    ],
)
def test_every_packet_of_the_datagram_service(
    packet: DatagramPacket, kind: str, names: tuple[NetbiosName, ...], detail: str
) -> None:
    heard = read_incoming(incoming(packet))
    assert heard == Overheard("10.0.0.5", 138, kind, names, detail)


@pytest.mark.parametrize("packet", [None, Fragment(header(), 100, 0, b"")])
def test_what_can_t_be_read_yet_is_not_told(packet: DatagramPacket | None) -> None:
    assert read_incoming(incoming(packet)) is None


def incoming(packet: DatagramPacket | None) -> Incoming:
    whole = packet if isinstance(packet, Datagram) else None
    return Incoming(b"", packet, whole, ("10.0.0.5", 138), is_broadcast=True, is_own=False)
