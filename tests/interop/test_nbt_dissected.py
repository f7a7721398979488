"""tshark's dissectors on the NetBIOS packets nethood makes: each understood as what it is.

Packets go straight into a capture file; nothing is sent.
"""

from __future__ import annotations

import struct
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from nethood.nbt import datagram as dgm
from nethood.nbt import name_service as ns
from nethood.nbt.mailslot import BROWSE, MailslotWrite
from nethood.nbt.name import NetbiosName
from nethood.nbt.node_status import (
    NAME_FLAGS_ACT,
    NAME_FLAGS_G,
    WILDCARD,
    NodeStatus,
    Statistics,
    StatusName,
)
from nethood.nbt.packet import RCODE_ACT_ERR
from tests.interop import peers

pytestmark = pytest.mark.timeout(60)

FRED = NetbiosName("FRED", 0x20)
GROUP = NetbiosName("GROUP", 0x1E)
HERE = IPv4Address("10.1.2.3")
ENTRY = ns.AddressEntry(ns.ONT_M, HERE)
MEMBER = ns.AddressEntry(ns.ONT_H | ns.NB_FLAGS_G, HERE)
STATUS = NodeStatus(
    (StatusName("FRED", 0x20), StatusName("GROUP", 0x1E, NAME_FLAGS_G | NAME_FLAGS_ACT)),
    bytes.fromhex("00155d012a3b"),
    Statistics(number_good_sends=7),
)

NAME_SERVICE = [
    (ns.name_query_request(1, FRED), "Name query NB FRED<20>"),
    (ns.name_query_request(1, FRED, broadcast=True), "Name query NB FRED<20>"),
    (ns.positive_name_query_response(1, FRED, [ENTRY]), "Name query response NB 10.1.2.3"),
    (ns.positive_name_query_response(1, GROUP, [MEMBER] * 25), "Name query response NB 10.1.2.3"),
    (ns.negative_name_query_response(1, FRED), "Requested name does not exist"),
    (ns.registration_request(1, FRED, ENTRY), "Registration NB FRED<20>"),
    (ns.registration_request(1, GROUP, MEMBER, broadcast=True), "Registration NB GROUP<1e>"),
    (
        ns.registration_request(1, FRED, ENTRY, multihomed=True),
        "Multi-homed registration NB FRED<20>",
    ),
    (ns.overwrite_request(1, FRED, ENTRY, broadcast=True), "Registration NB FRED<20>"),
    (ns.refresh_request(1, FRED, ENTRY), "Refresh NB FRED<20>"),
    (ns.positive_registration_response(1, FRED, ENTRY, 300), "Registration response NB 10.1.2.3"),
    (
        ns.negative_registration_response(1, FRED, ENTRY, RCODE_ACT_ERR),
        "Name is owned by another node",
    ),
    (ns.end_node_challenge_response(1, FRED, ENTRY), "Registration response NB 10.1.2.3"),
    (ns.conflict_demand(1, FRED), "Name is in conflict"),
    (ns.release_request(1, FRED, ENTRY), "Release NB FRED<20>"),
    (ns.positive_release_response(1, FRED, ENTRY), "Release response NB 10.1.2.3"),
    (ns.negative_release_response(1, FRED, ENTRY, RCODE_ACT_ERR), "Release response"),
    (ns.wack(ns.registration_request(1, FRED, ENTRY), FRED, 15), "Wait for acknowledgment"),
    (ns.redirect(1, FRED, NetbiosName("NBNS"), HERE), "Name query response"),
    (ns.node_status_request(1), "Name query NBSTAT *"),
    (ns.node_status_response(1, WILDCARD, STATUS), "Name query response NBSTAT"),
]

HEADER = dgm.DatagramHeader(dgm.DIRECT_GROUP_DATAGRAM, 1, HERE)
QUERY = dgm.DatagramQuery(HEADER._replace(msg_type=dgm.DATAGRAM_QUERY_REQUEST), GROUP)
WRITE = MailslotWrite(BROWSE, bytes.fromhex("080100110f080e0fe803000000000000") + b"FRED\0")
DATAGRAMS = [
    (dgm.Datagram(HEADER, FRED, GROUP, WRITE.encode()).encode(), "Browser Election Request"),
    *[
        (packet, "Direct_group datagram")
        for packet in dgm.Datagram(HEADER, FRED, GROUP, bytes(1200)).encode_fragments()
    ],
    (dgm.datagram_error(HEADER, 0x82, HERE).encode(), "Datagram error"),
    (QUERY.encode(), "Datagram query request"),
    (dgm.query_response(QUERY, HERE, relays=True).encode(), "Datagram positive query response"),
    (dgm.query_response(QUERY, HERE, relays=False).encode(), "Datagram negative query response"),
]
PACKETS = [
    *[(137, packet.encode(), info) for packet, info in NAME_SERVICE],
    *[(138, packet, info) for packet, info in DATAGRAMS],
]


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All the packets, in a capture file of raw IP."""
    peers.need("tshark")
    path = tmp_path_factory.mktemp("nbt") / "packets.pcap"
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 0xFFFF, 101))
        for port, data, _ in PACKETS:
            datagram = _ip(port, data)
            file.write(struct.pack("<IIII", 0, 0, len(datagram), len(datagram)) + datagram)
    return path


def _ip(port: int, data: bytes) -> bytes:
    udp = struct.pack(">HHHH", port, port, 8 + len(data), 0) + data
    address = HERE.packed
    return struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0) + address * 2 + udp


def _tshark(capture: Path, *options: str) -> list[str]:
    ran = peers.run(["tshark", "-n", "-r", capture, *options], 50)
    assert ran.status == 0, ran.output
    return [line for line in ran.output.splitlines() if not line.startswith("Running as user")]


def test_nothing_is_malformed(capture: Path) -> None:
    faults = "_ws.malformed or _ws.expert.severity == error"
    assert _tshark(capture, "-Y", faults, "-V") == []


def test_every_packet_is_what_it_should_be(capture: Path) -> None:
    told = _tshark(capture, "-T", "fields", "-e", "_ws.col.Info")
    assert len(told) == len(PACKETS)
    for line, (_, _, info) in zip(told, PACKETS, strict=True):
        assert info.lower() in line.lower()


def test_a_name_table_is_read_to_its_last_byte(capture: Path) -> None:
    told = "\n".join(_tshark(capture, "-Y", "nbns.number_of_names", "-V"))
    assert "FRED<20>" in told
    assert "GROUP<1e>" in told
    assert "00:15:5d:01:2a:3b" in told
    assert "Number of good sends: 7" in told
