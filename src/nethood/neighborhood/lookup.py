"""Questions to the name service of others, each with a bounded time: query, status, reverse.

A broadcast question is asked until somebody has answered and the others had the same time; a
question to one host ends with its answer. Nothing here is asked unless somebody calls it.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import NamedTuple

from nethood.errors import ConnectError
from nethood.nbt.name import NetbiosName
from nethood.nbt.name_service import (
    AddressEntry,
    NodeStatus,
    addresses_of,
    name_query_request,
    node_status_request,
)
from nethood.nbt.node_status import status_of
from nethood.nbt.packet import OPCODE_QUERY, Packet
from nethood.net.udp import UdpEndpoint

NAME_SERVICE_PORT = 137
_MAX_REPLIES = 4096


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for an answer, and how often to ask."""

    wait_s: float
    attempts: int = 3


BROADCAST_PATIENCE = Patience(0.25)
"""BCAST_REQ_RETRY_TIMEOUT and _COUNT, RFC 1002 6."""
UNICAST_PATIENCE = Patience(1.0)
"""Deviates: the RFC's 5 seconds are more than a person waits for; three times one is enough."""


class Found(NamedTuple):
    """Who said where a name is."""

    responder: str
    entries: list[AddressEntry]
    ttl_s: int


class _Reply(NamedTuple):
    source: str
    packet: Packet


async def query_broadcast(
    name: NetbiosName,
    broadcasts: Sequence[str],
    *,
    port: int = NAME_SERVICE_PORT,
    patience: Patience = BROADCAST_PATIENCE,
) -> list[Found]:
    """Ask all hosts of the networks with these broadcast addresses who holds *name*.

    Raises ConnectError when it could be sent to none of them.
    """
    replies = await _ask(
        lambda trn_id: name_query_request(trn_id, name, broadcast=True),
        [(address, port) for address in broadcasts],
        patience,
        broadcast=True,
    )
    return _found(replies)


async def query_host(
    name: NetbiosName,
    host: str,
    *,
    port: int = NAME_SERVICE_PORT,
    recursion: bool = False,
    patience: Patience = UNICAST_PATIENCE,
) -> list[Found]:
    """Ask *host* where *name* is; *recursion* asks it as a name server (WINS).

    An empty list is a negative answer or none. Raises ConnectError when it could not be sent.
    """
    replies = await _ask(
        lambda trn_id: name_query_request(trn_id, name, recursion=recursion),
        [(host, port)],
        patience,
    )
    return _found(replies)


async def node_status(
    host: str, *, port: int = NAME_SERVICE_PORT, patience: Patience = UNICAST_PATIENCE
) -> NodeStatus | None:
    """Ask *host* for its names; None when it does not answer or not with a node status.

    Raises ConnectError when it could not be sent.
    """
    for reply in await _ask(node_status_request, [(host, port)], patience):
        status = status_of(reply.packet)
        if status is not None:
            return status
    return None


def _found(replies: Sequence[_Reply]) -> list[Found]:
    return [
        Found(source, addresses_of(packet), packet.answers[0].ttl_s if packet.answers else 0)
        for source, packet in replies
        if packet.rcode == 0 and addresses_of(packet)
    ]


async def _ask(
    make: Callable[[int], Packet],
    destinations: Sequence[tuple[str, int]],
    patience: Patience,
    *,
    broadcast: bool = False,
) -> list[_Reply]:
    """Send what *make* makes with a transaction id; return what answers it."""
    trn_id = secrets.randbits(16)
    asked = {host for host, _ in destinations}
    replies: dict[str, _Reply] = {}
    answered = asyncio.Event()

    def receive(data: bytes, source: tuple[str, int]) -> None:
        packet = Packet.decode(data)
        if not _answers(packet, trn_id) or len(replies) >= _MAX_REPLIES:
            return
        if broadcast or source[0] in asked:
            addresses_of(packet), status_of(packet)  # Malformed now, where it is only counted
            replies.setdefault(source[0], _Reply(source[0], packet))
            answered.set()

    loop = asyncio.get_running_loop()
    endpoint = UdpEndpoint.open(loop, "0.0.0.0", 0, receive, broadcast=broadcast)
    data = make(trn_id).encode()
    try:
        for _ in range(patience.attempts):
            _send(endpoint, data, destinations)
            await _wait(answered, patience.wait_s, whole=broadcast)
            if replies:
                break
    finally:
        endpoint.close()
    return sorted(replies.values(), key=lambda reply: IPv4Address(reply.source))


def _answers(packet: Packet, trn_id: int) -> bool:
    """Whether *packet* is the answer; a WACK is none, it only says that one will come."""
    return packet.is_response and packet.name_trn_id == trn_id and packet.opcode == OPCODE_QUERY


def _send(endpoint: UdpEndpoint, data: bytes, destinations: Sequence[tuple[str, int]]) -> None:
    if not [host for host in destinations if endpoint.send(data, host)]:
        hosts = ", ".join(host for host, _ in destinations) or "no network"
        raise ConnectError(f"can't send to {hosts}: there is no way there from this machine")


async def _wait(answered: asyncio.Event, wait_s: float, *, whole: bool) -> None:
    if whole:
        await asyncio.sleep(wait_s)
        return
    try:
        await asyncio.wait_for(answered.wait(), wait_s)
    except TimeoutError:
        return
