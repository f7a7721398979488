"""The NetBIOS suite and discovery as fuzz targets: decoders with good seeds, and who is behind.

Behind the decoders stand state machines: a node, a name server with a replication partner, a
browser, the discoverable computer. Whatever arrives, they answer or drop it, and never raise
anything but Malformed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from itertools import count
from typing import Final

from nethood.browse import frames
from nethood.browse.actions import BrowseName
from nethood.browse.browser import Browser
from nethood.browse.settings import BrowserSettings
from nethood.errors import Malformed
from nethood.nbt import datagram, name_service, session, winsra
from nethood.nbt.distribution import Distributor, RelayBook, members_of
from nethood.nbt.lmhosts import read_lmhosts
from nethood.nbt.mailslot import BROWSE, MailslotWrite
from nethood.nbt.name import NetbiosName, decode_first_level, decode_name, encode_name
from nethood.nbt.name_service import AddressEntry
from nethood.nbt.node import Node
from nethood.nbt.node_model import Interface, NodeOptions, Send
from nethood.nbt.node_status import (
    NodeStatus,
    StatusName,
    node_status_request,
    node_status_response,
)
from nethood.nbt.node_tables import NodeType
from nethood.nbt.packet import Packet
from nethood.nbt.source_limit import SourceLimit
from nethood.nbt.wins import NameServer
from nethood.nbt.wins_records import Member, Record, RecordKind, static_record
from nethood.nbt.wins_replica import Replication
from nethood.neighborhood import browse_offer
from nethood.wsd import names
from nethood.wsd.envelope import Envelope, Headers, encode_envelope
from nethood.wsd.http import decode_head
from nethood.wsd.target import Identity, TargetService
from nethood.wsd.tree import element

Decoder = tuple[str, Callable[[bytes], object], tuple[bytes, ...]]
"""A name, what to call, and seeds: a target's fields."""

NAME: Final = NetbiosName("FRED", 0x20)
SERVER: Final = NetbiosName("WINS", 0x20)
SCOPED: Final = NetbiosName("FRED", 0x20, "NETBIOS.COM")
HERE, THERE = IPv4Address("10.1.2.3"), IPv4Address("10.1.2.4")
SOURCE: Final = (str(THERE), 137)
NETWORK: Final = IPv4Network("10.1.2.0/24")
URL: Final = "http://10.1.2.3:5357/fred"
_FRAME_HEAD: Final = 4
_REPLICATION_HEAD: Final = 20
"""Length, common header and opcode: what the decoders of bodies do not see."""


def decoders() -> Iterator[Decoder]:
    """Return the decoders that need more than bytes, or bytes that get them anywhere."""
    packets = tuple(packet.encode() for packet in _packets())
    yield "nbt.name.decode_name", decode_name, (encode_name(SCOPED),)
    yield "nbt.name.decode_first_level", decode_first_level, (encode_name(NAME)[1:33],)
    yield "nbt.packet.Packet.decode", Packet.decode, packets
    addresses = name_service.encode_addresses([AddressEntry(0, HERE)] * 3)
    yield "nbt.name_service.decode_addresses", name_service.decode_addresses, (addresses,)
    status = NodeStatus((StatusName("FRED", 0x20),) * 3).encode()
    yield "nbt.node_status.NodeStatus.decode", NodeStatus.decode, (status,)
    request = session.SessionRequest(NAME, NAME).encode()[_FRAME_HEAD:]
    yield "nbt.session.SessionRequest.decode", session.SessionRequest.decode, (request,)
    write = MailslotWrite(BROWSE, bytes(40)).encode()
    yield "nbt.mailslot.MailslotWrite.decode", MailslotWrite.decode, (write,)
    yield "nbt.datagram.decode_datagram", datagram.decode_datagram, _datagrams()
    yield "nbt.datagram.name_error_code", datagram.name_error_code, _datagrams()
    yield "nbt.lmhosts.read_lmhosts", lmhosts, (b"10.1.2.3 FRED #PRE #DOM:D\n#INCLUDE b\n",)
    yield "browse.frames.decode_frame", frames.decode_frame, _frames()
    yield "wsd.envelope.Envelope.decode", Envelope.decode, _envelopes()
    yield "neighborhood.browse_offer.decode", browse_offer.decode, _offers()
    head = b"POST /fred HTTP/1.1\r\nHost: fred\r\nContent-Length: 12"
    yield "wsd.http.decode_head", decode_head, (head,)
    yield from _replication()


def machines() -> Iterator[Decoder]:
    """Return the state machines that take what was decoded."""
    packets = tuple(packet.encode() for packet in _packets())
    yield "nbt.node.Node.feed", feed_node, packets
    yield "nbt.wins.NameServer.receive", feed_name_server, packets
    yield "nbt.wins_replica.Replication", feed_replica, (_records()[_REPLICATION_HEAD:],)
    yield "nbt.datagram.Reassembler", feed_reassembler, _datagrams()
    yield "nbt.distribution.Distributor", feed_distributor, _datagrams()
    yield "nbt.distribution.RelayBook", feed_relay_book, _datagrams()
    yield "browse.browser.Browser.receive", feed_browser, _frames()
    yield "wsd.target.TargetService", feed_target, _envelopes()


def lmhosts(data: bytes) -> object:
    """Read an LMHOSTS file that may include itself."""
    return read_lmhosts("a", lambda path: data.decode("latin-1"))


def feed_node(data: bytes) -> object:
    """Give a packet to an H node that holds, claims and looks for names."""
    options = NodeOptions((Interface(HERE, NETWORK),), NodeType.H, (THERE,))
    node = Node(options, count(1).__next__)
    node.claim(NAME, 0.0)
    node.find(NetbiosName("WILMA", 0x20), 0.0, tag=1)
    node.status(SOURCE, 0.0, tag=2)
    packet = Packet.decode(data)
    outputs = []
    for trn_id in (packet.name_trn_id, 1, 2, 3):
        packet = packet._replace(name_trn_id=trn_id)
        for broadcast in (False, True):
            outputs += node.feed(
                packet, SOURCE, 1.0, interface=node.options.interfaces[0], broadcast=broadcast
            )
    while (due := node.next_timeout()) is not None and due < 100:
        outputs += node.tick(due)
    return [output.packet.encode() for output in outputs if isinstance(output, Send)]


def name_server() -> NameServer:
    """Return a name server that knows a name of each kind."""
    server = NameServer(SourceLimit([NETWORK], 0), count(1).__next__)
    for number, kind in enumerate(RecordKind):
        server.put(static_record(NetbiosName(f"STATIC{number}", 0x20), kind, (HERE, THERE)))
    server.put(Record(NAME, RecordKind.UNIQUE, (Member(HERE, 1e9),)))
    return server


def feed_name_server(data: bytes) -> object:
    """Give a packet to a name server twice, then let its challenges run out."""
    server = name_server()
    outgoing = [*(server.receive(data, SOURCE, 1.0) or ())]
    outgoing += server.receive(b"\0\1" + data[2:], SOURCE, 1.1) or ()
    while (due := server.next_due_s()) is not None:
        outgoing += server.tick(due)
    server.scavenge(1e8)
    return outgoing, server.take_changes()


def feed_replica(data: bytes) -> object:
    """Give a partner's records to a name server, and read what it would pass on."""
    records = winsra.decode_records(data, THERE)
    server = name_server()
    replication = Replication(server, HERE)
    request = winsra.RecordsRequest(THERE, winsra.MAX_VERSION, 0)
    replication.take(request, records, True, 1.0)
    replication.requests(replication.owner_versions(), 1e8)
    known = replication.records_for(request)
    winsra.encode_records_response(1, known, HERE)
    server.scavenge(1e8)
    return known


def feed_reassembler(data: bytes) -> object:
    """Give a fragment twice to who puts them together, as the first and as what follows."""
    fragment = datagram.decode_datagram(data)
    if not isinstance(fragment, datagram.Fragment):
        return fragment
    reassembler = datagram.Reassembler(4)
    whole = [reassembler.add(fragment, "a", 0.0)]
    later = fragment._replace(packet_offset=len(fragment.payload))
    whole += [reassembler.add(each, "a", 0.1) for each in (later, fragment, later)]
    assert len(reassembler) <= 4
    return whole


def feed_distributor(data: bytes) -> object:
    """Give a datagram to a distribution server whose name server knows every kind of name."""
    records = name_server().records
    limit = SourceLimit([NETWORK], 0)
    distributor = Distributor(lambda name: members_of(records, name), [HERE], limit)
    packet = datagram.decode_datagram(data)
    copies = []
    for name in (SERVER, NAME, NetbiosName("STATIC2", 0x20), NetbiosName("*")):
        if isinstance(packet, datagram.Datagram | datagram.DatagramQuery):
            packet = replace_name(packet, name)
        copies += distributor.receive(data, packet, (str(THERE), 138), HERE, 1.0)
    assert all(IPv4Address(where) in NETWORK for _, (where, _) in copies)
    return copies


def replace_name(
    packet: datagram.Datagram | datagram.DatagramQuery, name: NetbiosName
) -> datagram.DatagramPacket:
    """Return *packet* as one to *name*."""
    if isinstance(packet, datagram.DatagramQuery):
        return packet._replace(destination_name=name)
    return replace(packet, destination_name=name)


def feed_relay_book(data: bytes) -> object:
    """Give an answer to who asked about the name in it, and about another."""
    packet = datagram.decode_datagram(data)
    book = RelayBook(lambda: packet.header.dgm_id)
    asked = book.ask(NAME, 0.0)
    if isinstance(packet, datagram.DatagramQuery):
        asked += book.ask(packet.destination_name, 0.0)
        asked += book.answered(packet, 0.1) + book.answered(packet, 0.2)
    while (due := book.next_timeout()) is not None:
        asked += book.tick(due)
    return asked


def feed_browser(data: bytes) -> object:
    """Give a frame to a browser before and after it has become master."""
    settings = BrowserSettings(host_name="FRED", machine_group="BEDROCK", is_browser=True)
    browser = Browser(settings, lambda: 0.5)
    actions, now = [*browser.start(0.0)], 0.0
    for _ in range(3):
        for suffix in (0x1D, 0x1E, 0x00):
            heard = BrowseName("BEDROCK", suffix)
            actions += browser.receive(data, "WILMA", str(THERE), heard, now)
        now = min(browser.next_time() or now, now + 60)
        actions += browser.tick(now)
    return actions


def feed_target(data: bytes) -> object:
    """Ask the discoverable computer by datagram and by HTTP; what it answers can be read."""
    numbers = count(1)
    service = TargetService(
        Identity("urn:uuid:1", "FRED", "BEDROCK"), 1, lambda: f"urn:uuid:{next(numbers)}"
    )
    request = Envelope.decode(data)
    answers = []
    for ask in (service.answer, service.answer_http):
        try:
            answer = ask(request, URL)
        except Malformed:
            continue
        answers.append(answer if isinstance(answer, bytes | None) else answer.data)
    for answer in answers:
        assert answer is None or Envelope.decode(answer).relates_to == request.message_id
    return answers


def _packets() -> Iterator[Packet]:
    entry = AddressEntry(0, HERE)
    for name in (NAME, SCOPED):
        yield name_service.registration_request(1, name, entry)
        yield name_service.refresh_request(1, name, entry)
        yield name_service.release_request(1, name, entry)
        yield name_service.name_query_request(1, name)
        yield name_service.name_query_request(1, name, recursion=False)
    query = name_service.name_query_request(1, NAME)
    yield name_service.wack(query, NAME, 5)
    yield name_service.conflict_demand(1, NAME)
    yield name_service.positive_name_query_response(1, NAME, [entry], 300)
    yield name_service.redirect(1, NAME, SERVER, THERE)
    yield node_status_request(1)
    yield node_status_response(1, NAME, NodeStatus((StatusName("FRED", 0x20),) * 3))


def _datagrams() -> tuple[bytes, ...]:
    header = datagram.DatagramHeader(datagram.DIRECT_GROUP_DATAGRAM, 1, HERE)
    write = MailslotWrite(BROWSE, bytes(40)).encode()
    whole = datagram.Datagram(header, NAME, SCOPED, write)
    kinds = (datagram.DATAGRAM_QUERY_REQUEST, datagram.DATAGRAM_POSITIVE_QUERY_RESPONSE)
    asked = (datagram.DatagramQuery(header._replace(msg_type=kind), NAME) for kind in kinds)
    error = datagram.DatagramError(header._replace(msg_type=datagram.DATAGRAM_ERROR), 0x82)
    others = [query.encode() for query in asked]
    return (whole.encode(), *whole.encode_fragments(200), *others, error.encode())


def _offers() -> tuple[bytes, ...]:
    row = {
        "group": "BEDROCK",
        "name": "FRED",
        "address": str(HERE),
        "version": "10.0",
        "comment": "",
        "server_type": 3,
        "part": "",
    }
    return (json.dumps({"version": 1, "groups": ["BEDROCK"], "hosts": [row]}).encode(),)


def _frames() -> tuple[bytes, ...]:
    return tuple(
        frame.encode()
        for frame in (
            frames.HostAnnouncement(server_name="WILMA", periodicity_ms=60000, server_type=3),
            frames.LocalMasterAnnouncement(
                server_name="WILMA", periodicity_ms=60000, server_type=0x40003
            ),
            frames.RequestElection(0x20000F03, 1000, "WILMA"),
            frames.MasterAnnouncement("WILMA"),
        )
    )


def _envelopes() -> tuple[bytes, ...]:
    probe = element("wsd:Probe", element("wsd:Types", "wsdp:Device"))
    return tuple(
        encode_envelope(Headers(action, "urn:uuid:2", names.EVERYBODY), body)
        for action, body in ((names.PROBE, probe), (names.GET, ""))
    )


def _records() -> bytes:
    member = (Member(HERE, None, THERE), Member(THERE, None, THERE))
    records = [
        Record(NetbiosName(f"REC{kind}", 0x20), kind, member, version=7, owner=THERE)
        for kind in RecordKind
    ]
    return winsra.encode_records_response(1, records, THERE)


def _replication() -> Iterator[Decoder]:
    versions = (winsra.OwnerVersions(HERE, 9, 1), winsra.OwnerVersions(THERE, 7, 7))
    notification = winsra.Notification(winsra.UPDATE_NOTIFICATION, versions, HERE)
    told = winsra.encode_notification(1, notification)[_REPLICATION_HEAD:]
    asked = winsra.encode_records_request(1, winsra.RecordsRequest(HERE, 9, 1))
    mapped = winsra.encode_map_response(1, versions)
    yield "nbt.winsra.decode_notification", notified, (told,)
    yield (
        "nbt.winsra.decode_records",
        lambda data: winsra.decode_records(data, THERE),
        (_records()[_REPLICATION_HEAD:],),
    )
    yield "nbt.winsra.decode_map", winsra.decode_map, (mapped[_REPLICATION_HEAD:],)
    request = asked[_REPLICATION_HEAD:]
    yield "nbt.winsra.decode_records_request", winsra.decode_records_request, (request,)


def notified(data: bytes) -> object:
    """Read an Update Notification."""
    return winsra.decode_notification(winsra.UPDATE_NOTIFICATION, data)
