"""Claiming and releasing one name for a moment: requests to a name server, demands to a network.

A request to a name server is RFC 1002 5.1.2.1 and 5.1.2.4 without a node behind it: nobody
refreshes or defends what is registered so. Who means to keep a name runs a NameNode.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from ipaddress import IPv4Address
from typing import NamedTuple

from nethood.errors import ConnectError, LocalError
from nethood.nbt.name import NetbiosName
from nethood.nbt.name_service import (
    AddressEntry,
    addresses_of,
    overwrite_request,
    registration_request,
    release_request,
    wack_request,
)
from nethood.nbt.node_model import Interface
from nethood.nbt.packet import NM_FLAGS_RA, OPCODE_WACK, RCODE_ACT_ERR, RCODE_OK, Packet
from nethood.neighborhood import lookup
from nethood.neighborhood.lookup import NAME_SERVICE_PORT, UNICAST_PATIENCE, Patience
from nethood.net.interfaces import primary_address
from nethood.net.links import links
from nethood.net.udp import UdpEndpoint

LONGEST_WACK_S = 60.0
RELEASE_TIMES = 3
RELEASE_INTERVAL_S = 0.25
"""BCAST_REQ_RETRY_COUNT and _TIMEOUT, RFC 1002 6."""
_MAX_ANSWERS = 16


class Answer(NamedTuple):
    """What a name server said: *rcode* is None where it was silent.

    *ttl_s* is how long the record lasts, 0 for ever. *holders* are the addresses the name has at
    the server, where it was refused.
    """

    rcode: int | None
    ttl_s: int = 0
    holders: tuple[str, ...] = ()

    @property
    def is_granted(self) -> bool:
        return self.rcode == RCODE_OK


async def register(
    name: NetbiosName,
    entry: AddressEntry,
    server: str,
    *,
    ttl_s: int,
    port: int = NAME_SERVICE_PORT,
    patience: Patience = UNICAST_PATIENCE,
) -> Answer:
    """Register *name* for *entry* at the name server *server*, for *ttl_s* if it lets us.

    A server that names the holder instead of asking it (RFC 1002 4.2.7) has it asked here.
    Raises ConnectError when nothing could be sent.
    """
    where = (server, port)
    response = await _exchange(registration_request(_trn_id(), name, entry, ttl_s), where, patience)
    if response is not None and not response.rcode and not response.nm_flags & NM_FLAGS_RA:
        owner = next((str(each.address) for each in addresses_of(response)), server)
        if await lookup.query_host(name, owner, port=port, patience=patience):
            return Answer(RCODE_ACT_ERR, holders=(owner,))
        overwrite = overwrite_request(_trn_id(), name, entry, ttl_s)
        response = await _exchange(overwrite, where, patience)
    return await _answer(response, name, where, patience)


async def release(
    name: NetbiosName,
    entry: AddressEntry,
    server: str,
    *,
    port: int = NAME_SERVICE_PORT,
    patience: Patience = UNICAST_PATIENCE,
) -> Answer:
    """Release *name* of *entry* at the name server. Raises ConnectError when nothing was sent."""
    where = (server, port)
    response = await _exchange(release_request(_trn_id(), name, entry), where, patience)
    return await _answer(response, name, where, patience)


async def release_by_broadcast(
    name: NetbiosName,
    nb_flags: int,
    interfaces: Sequence[Interface],
    *,
    port: int = NAME_SERVICE_PORT,
    interval_s: float = RELEASE_INTERVAL_S,
) -> None:
    """Tell each network that *name* is given up, RFC 1002 5.1.1.4; nobody answers that.

    Raises ConnectError when an interface can't send.
    """
    loop = asyncio.get_running_loop()
    for interface in interfaces:
        entry = AddressEntry(nb_flags, interface.address)
        demand = release_request(_trn_id(), name, entry, broadcast=True).encode()
        endpoint = UdpEndpoint.open(loop, str(interface.address), 0, _ignore, broadcast=True)
        try:
            for count in range(RELEASE_TIMES):
                await asyncio.sleep(interval_s if count else 0)
                _send(endpoint, demand, (str(interface.broadcast), port))
        finally:
            endpoint.close()


def interfaces_with(address: IPv4Address) -> tuple[Interface, ...]:
    """Return the interface of this machine that has *address*. Raises LocalError for none."""
    found = [
        Interface(own.ip, own.network) for link in links() for own in link.ipv4 if own.ip == address
    ]
    if not found:
        raise LocalError(f"this machine has no address {address}; --address takes one of its own")
    return tuple(found[:1])


def own_address_towards(host: str) -> IPv4Address:
    """Return this machine's address in the network of *host*, or the one others reach it by.

    Raises LocalError where there is none.
    """
    own = (each for link in links() for each in link.ipv4)
    near = next((each.ip for each in own if IPv4Address(host) in each.network), None)
    if near is not None:
        return near
    primary = primary_address()
    if primary is None:
        raise LocalError(f"there is no way to {host} from this machine; name an --address")
    return IPv4Address(primary)


async def _answer(
    response: Packet | None, name: NetbiosName, where: tuple[str, int], patience: Patience
) -> Answer:
    if response is None:
        return Answer(None)
    if response.rcode == RCODE_OK:
        return Answer(RCODE_OK, response.answers[0].ttl_s if response.answers else 0)
    server, port = where
    found = await lookup.query_host(name, server, port=port, recursion=True, patience=patience)
    holders = tuple(str(entry.address) for each in found for entry in each.entries)
    return Answer(response.rcode, holders=holders)


async def _exchange(request: Packet, where: tuple[str, int], patience: Patience) -> Packet | None:
    """Send *request* until it is answered; None for silence. A WACK makes it wait longer."""
    answers: asyncio.Queue[Packet] = asyncio.Queue(_MAX_ANSWERS)

    def receive(data: bytes, source: tuple[str, int]) -> None:
        packet = Packet.decode(data)
        is_ours = packet.is_response and packet.name_trn_id == request.name_trn_id
        if is_ours and source == where and not answers.full():
            addresses_of(packet)  # Malformed now, where it is only counted
            answers.put_nowait(packet)

    endpoint = UdpEndpoint.open(asyncio.get_running_loop(), "0.0.0.0", 0, receive)
    try:
        for _ in range(patience.attempts):
            _send(endpoint, request.encode(), where)
            response = await _verdict(answers, patience.wait_s)
            if response is not None:
                return response
    finally:
        endpoint.close()
    return None


async def _verdict(answers: asyncio.Queue[Packet], wait_s: float) -> Packet | None:
    try:
        async with asyncio.timeout(wait_s) as patience:
            while (packet := await answers.get()).opcode == OPCODE_WACK:
                _, _, more_s = wack_request(packet) or (0, 0, 0)
                if more_s:
                    now = asyncio.get_running_loop().time()
                    patience.reschedule(now + min(float(more_s), LONGEST_WACK_S))
            return packet
    except TimeoutError:
        return None


def _send(endpoint: UdpEndpoint, data: bytes, where: tuple[str, int]) -> None:
    if not endpoint.send(data, where):
        raise ConnectError(f"can't send to {where[0]}: there is no way there from this machine")


def _ignore(_data: bytes, _source: tuple[str, int]) -> None:
    """Nobody answers a demand."""


def _trn_id() -> int:
    return secrets.randbits(16)
