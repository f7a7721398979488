"""Packets nmbd 4.17.12 and nmblookup sent on a network of two: read, named, written again."""

from __future__ import annotations

from ipaddress import IPv4Address
from pathlib import Path

import pytest

from nethood.nbt.datagram import DIRECT_GROUP_DATAGRAM, SNT_M, Datagram, decode_datagram
from nethood.nbt.mailslot import BROWSE, MailslotWrite
from nethood.nbt.name import NetbiosName
from nethood.nbt.name_service import ONT_H, AddressEntry, addresses_of, packet_kind
from nethood.nbt.node_status import StatusName, status_of
from nethood.nbt.packet import OPCODE_MULTIHOMED_REGISTRATION, Packet


def _read() -> list[tuple[str, bytes]]:
    lines = Path(__file__).with_name("nmbd_packets.txt").read_text("ascii").splitlines()
    pairs = [line.split(": ") for line in lines if not line.startswith("#")]
    return [(kind, bytes.fromhex(packet)) for kind, packet in pairs]


PACKETS = _read()
NAME_SERVICE = [(kind, data) for kind, data in PACKETS if not kind.startswith("DATAGRAM")]
DATAGRAMS = [(kind, data) for kind, data in PACKETS if kind.startswith("DATAGRAM")]


def _packet(kind: str) -> Packet:
    return next(Packet.decode(data) for found, data in PACKETS if found == kind)


@pytest.mark.parametrize(("kind", "data"), NAME_SERVICE, ids=[kind for kind, _ in NAME_SERVICE])
def test_name_service_packets(kind: str, data: bytes) -> None:
    packet = Packet.decode(data)
    assert packet_kind(packet) + " BROADCAST" * packet.is_broadcast == kind
    assert packet.encode() == data


@pytest.mark.parametrize(("kind", "data"), DATAGRAMS, ids=[kind for kind, _ in DATAGRAMS])
def test_datagrams(kind: str, data: bytes) -> None:
    datagram = decode_datagram(data)
    assert isinstance(datagram, Datagram)
    assert f"DATAGRAM TO {str(datagram.destination_name)!r}" == kind
    assert datagram.header.msg_type == DIRECT_GROUP_DATAGRAM
    assert datagram.header.flags & SNT_M
    assert datagram.encode() == data
    write = MailslotWrite.decode(datagram.user_data)
    assert write.is_to(BROWSE)
    assert MailslotWrite.decode(write.encode()) == write


def test_a_node_status_response() -> None:
    status = status_of(_packet("NODE STATUS RESPONSE"))
    assert status is not None
    assert status.names == (
        StatusName("HOSTA", 0x00, 0x6400),
        StatusName("HOSTA", 0x03, 0x6400),
        StatusName("HOSTA", 0x20, 0x6400),
        StatusName("CAPGRP", 0x00, 0xE400),
        StatusName("CAPGRP", 0x1E, 0xE400),
    )
    assert status.unit_id == bytes(6)


def test_a_multi_homed_registration() -> None:
    packet = _packet("MULTI-HOMED NAME REGISTRATION REQUEST")
    assert packet.opcode == OPCODE_MULTIHOMED_REGISTRATION
    assert packet.questions[0].name == NetbiosName("HOSTB", 0x20)
    assert addresses_of(packet) == [AddressEntry(ONT_H, IPv4Address("10.99.7.2"))]
