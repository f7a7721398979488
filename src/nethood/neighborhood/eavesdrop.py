"""What passes on UDP 137 and 138 of the own networks, read for people. Nothing is ever sent.

A host hears what is broadcast and what is sent to itself; nobody else's conversations.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from nethood.browse.frames import decode_frame
from nethood.errors import Malformed
from nethood.nbt.datagram import (
    DATAGRAM_NEGATIVE_QUERY_RESPONSE,
    DATAGRAM_POSITIVE_QUERY_RESPONSE,
    DATAGRAM_QUERY_REQUEST,
    ERROR_CODES,
    Datagram,
    DatagramError,
    DatagramQuery,
)
from nethood.nbt.mailslot import MailslotWrite
from nethood.nbt.name import NULL_NAME, NetbiosName
from nethood.nbt.name_service import addresses_of, packet_kind
from nethood.nbt.node_model import Interface
from nethood.nbt.packet import Packet
from nethood.neighborhood.browser import browser_frame
from nethood.neighborhood.datagram_port import DATAGRAM_PORT, DatagramPort, Incoming
from nethood.net.udp import UdpEndpoint

NAME_SERVICE_PORT = 137
_QUERY_KINDS = {
    DATAGRAM_QUERY_REQUEST: "DATAGRAM QUERY REQUEST",
    DATAGRAM_POSITIVE_QUERY_RESPONSE: "DATAGRAM POSITIVE QUERY RESPONSE",
    DATAGRAM_NEGATIVE_QUERY_RESPONSE: "DATAGRAM NEGATIVE QUERY RESPONSE",
}


class Overheard(NamedTuple):
    """A packet: from where, to which port, what it is, the names in it, and what else it says."""

    source: str
    port: int
    kind: str
    names: tuple[NetbiosName, ...]
    detail: str


Hear = Callable[[Overheard], None]


def read_name_packet(data: bytes, source: str) -> Overheard:
    """Read a packet of the name service. Raises Malformed."""
    packet = Packet.decode(data)
    named = [question.name for question in packet.questions]
    named += [record.name for record in (*packet.answers, *packet.additionals)]
    names = tuple(dict.fromkeys(name for name in named if name != NULL_NAME))
    addresses = [str(entry.address) for entry in addresses_of(packet)]
    return Overheard(source, NAME_SERVICE_PORT, packet_kind(packet), names, ", ".join(addresses))


def read_datagram(datagram: Datagram, source: str) -> Overheard:
    """Say what a datagram is: a mailslot and its frame, or its size."""
    names = (datagram.source_name, datagram.destination_name)
    return Overheard(source, DATAGRAM_PORT, "DATAGRAM", names, _content(datagram))


def read_incoming(incoming: Incoming) -> Overheard | None:
    """Say what a packet of the datagram service is; None while more of it is to come."""
    packet, source = incoming.packet, incoming.source[0]
    if incoming.whole is not None:
        return read_datagram(incoming.whole, source)
    if isinstance(packet, DatagramError):
        detail = ERROR_CODES.get(packet.error_code, f"error 0x{packet.error_code:02X}")
        return Overheard(source, DATAGRAM_PORT, "DATAGRAM ERROR", (), detail)
    if isinstance(packet, DatagramQuery):
        kind = _QUERY_KINDS[packet.header.msg_type]
        return Overheard(source, DATAGRAM_PORT, kind, (packet.destination_name,), "")
    return None


def _content(datagram: Datagram) -> str:
    try:
        mailslot = MailslotWrite.decode(datagram.user_data).name
    except Malformed:
        return f"{len(datagram.user_data)} bytes"
    try:
        frame = browser_frame(datagram)
        return mailslot if frame is None else f"{mailslot} {type(decode_frame(frame)).__name__}"
    except Malformed:
        return mailslot


@contextmanager
def eavesdropping(
    interfaces: Sequence[Interface],
    hear: Hear,
    *,
    name_port: int = NAME_SERVICE_PORT,
    datagram_port: int = DATAGRAM_PORT,
) -> Iterator[None]:
    """Tell *hear* of every packet on *interfaces* for as long as the context lasts.

    Raises ConnectError where a port can't be had.
    """
    loop = asyncio.get_running_loop()

    def on_name_packet(data: bytes, source: tuple[str, int]) -> None:
        hear(read_name_packet(data, source[0]))

    def on_packet(incoming: Incoming) -> None:
        overheard = read_incoming(incoming)
        if overheard is not None:
            hear(overheard)

    with ExitStack() as stack:
        for interface in interfaces:
            for host in dict.fromkeys((interface.address, interface.broadcast)):
                endpoint = UdpEndpoint.open(loop, str(host), name_port, on_name_packet)
                stack.callback(endpoint.close)
            port = DatagramPort(interface, datagram_port)
            stack.callback(port.close)
            port.open()
            port.watch(on_packet)
        yield
