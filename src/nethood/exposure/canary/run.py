"""Asking for the bait: on every interface, by all three protocols at once, as Windows asks.

Windows puts a name it can't find in DNS to LLMNR (twice), mDNS and NBNS (three times, 750 ms
apart, from port 137). The waits differ a little each time. Nothing is sent but these questions.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from nethood.errors import ConnectError
from nethood.exposure.canary import wire
from nethood.exposure.canary.bait import bait_names
from nethood.exposure.canary.judge import NAMES_FOR_CERTAINTY, Poisoner, Witness
from nethood.exposure.canary.wire import Claim, Protocol
from nethood.net.links import Link
from nethood.net.multicast import MulticastChannel
from nethood.net.neighbours import mac_of
from nethood.net.udp import UdpEndpoint

NBNS_TRIES = 3
NBNS_INTERVAL_S = 0.75
LLMNR_INTERVAL_S = 0.41
PAUSE_S = 1.0
"""The longest pause between two names; each pause is a random part of it."""
WINDOWS_HOPS = 128
MOST_NAMES = 4
_ID_BITS = 16

Sleep = Callable[[float], Awaitable[None]]


@dataclass(slots=True)
class CanaryResult:
    """What a round found; *asked* are the names, *warnings* say what could not be done."""

    asked: list[str] = field(default_factory=list)
    interfaces: list[str] = field(default_factory=list)
    poisoners: list[Poisoner] = field(default_factory=list)
    suspects: list[Poisoner] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


class _Perch:
    """The sockets of one interface."""

    def __init__(self, link: Link, witness: Witness, warnings: list[str]) -> None:
        self._link = link
        self._witness = witness
        self._warnings = warnings
        self._nbns: UdpEndpoint | None = None
        self._llmnr: UdpEndpoint | None = None
        self._mdns: MulticastChannel | None = None
        self._ids: set[int] = set()

    def open(self) -> None:
        """Bind what can be bound; what can't is a warning."""
        loop = asyncio.get_running_loop()
        address = self._link.address_v4 or ""
        self._nbns = self._open_nbns(loop, address)
        try:
            self._llmnr = UdpEndpoint.open(loop, address, 0, self._hear_llmnr)
            self._llmnr.join_group(wire.LLMNR_GROUP, address)
        except ConnectError as error:
            self._warnings.append(f"no LLMNR on {self._link.name}: {error}")
        channel = MulticastChannel(
            loop, self._link, wire.MDNS_GROUP, wire.MDNS_PORT, self._hear_mdns
        )
        try:
            channel.open()
            self._mdns = channel
        except ConnectError as error:
            self._warnings.append(f"no mDNS on {self._link.name}: {error}")

    def _open_nbns(self, loop: asyncio.AbstractEventLoop, address: str) -> UdpEndpoint | None:
        try:
            return UdpEndpoint.open(
                loop, address, wire.NBNS_PORT, self._hear_nbns, broadcast=True, hops=WINDOWS_HOPS
            )
        except ConnectError as error:
            self._warnings.append(
                f"NBNS questions on {self._link.name} do not come from port 137, so that a careful"
                f" poisoner can tell them from Windows': {error}"
            )
        try:
            return UdpEndpoint.open(loop, address, 0, self._hear_nbns, broadcast=True)
        except ConnectError as error:
            self._warnings.append(f"no NBNS on {self._link.name}: {error}")
            return None

    async def ask(self, name: str, sleep: Sleep) -> None:
        """Put *name* to all three protocols, and wait for the last answer to be late."""
        await asyncio.gather(
            self._ask_nbns(name, sleep), self._ask_llmnr(name, sleep), self._ask_mdns(name)
        )

    async def _ask_nbns(self, name: str, sleep: Sleep) -> None:
        question = wire.nbns_question(self._new_id(), name)
        broadcasts = {
            str(own.network.broadcast_address)
            for own in self._link.ipv4
            if own.network.prefixlen < 31
        }
        for _ in range(NBNS_TRIES):
            if self._nbns is not None:
                for broadcast in sorted(broadcasts):
                    self._nbns.send(question, (broadcast, wire.NBNS_PORT))
            await sleep(NBNS_INTERVAL_S * _near_one())

    async def _ask_llmnr(self, name: str, sleep: Sleep) -> None:
        for _ in range(2):
            for question in wire.llmnr_questions((self._new_id(), self._new_id()), name):
                if self._llmnr is not None:
                    self._llmnr.send(question, (wire.LLMNR_GROUP, wire.LLMNR_PORT))
            await sleep(LLMNR_INTERVAL_S * _near_one())

    async def _ask_mdns(self, name: str) -> None:
        if self._mdns is not None:
            for question in wire.mdns_questions(name):
                self._mdns.announce(question)

    def close(self) -> None:
        """Free the ports."""
        for socket in (self._nbns, self._llmnr, self._mdns):
            if socket is not None:
                socket.close()

    def _new_id(self) -> int:
        trn_id = secrets.randbits(_ID_BITS)
        self._ids.add(trn_id)
        return trn_id

    def _is_answer(self, data: bytes) -> bool:
        return int.from_bytes(data[:2], "big") in self._ids

    def _hear_nbns(self, data: bytes, source: tuple[str, int]) -> None:
        if self._is_answer(data):
            self._hear(wire.nbns_claim(data, source[0]))

    def _hear_llmnr(self, data: bytes, source: tuple[str, int]) -> None:
        if self._is_answer(data):
            self._hear(wire.dns_claim(Protocol.LLMNR, data, source[0]))

    def _hear_mdns(self, data: bytes, host: str, _port: int, _by_group: bool) -> None:
        self._hear(wire.dns_claim(Protocol.MDNS, data, host))

    def _hear(self, claim: Claim | None) -> None:
        if claim is not None:
            self._witness.hear(claim, self._link.name)


def _near_one() -> float:
    """Return a random factor from 0.9 to 1.1."""
    return 0.9 + 0.2 * secrets.randbelow(1000) / 1000


async def run_canary(
    links: Sequence[Link],
    *,
    names: Sequence[str] = (),
    sleep: Sleep = asyncio.sleep,
    find_mac: Callable[[str], str] = mac_of,
) -> CanaryResult:
    """Ask on *links* for names that do not exist, and return who answered.

    Two names are asked; where somebody answered for only one of them, up to two more decide.
    *names* are used in place of random ones.
    """
    result = CanaryResult(interfaces=[link.name for link in links])
    bait = list(names) or bait_names(MOST_NAMES, secrets.token_bytes)
    own = {str(one.ip) for link in links for one in link.ipv4}
    own |= {str(one.ip) for link in links for one in link.ipv6}
    witness = Witness(own)
    perches = [_Perch(link, witness, result.warnings) for link in links]
    try:
        for perch in perches:
            perch.open()
        for name in bait:
            if len(result.asked) >= NAMES_FOR_CERTAINTY and not witness.is_undecided:
                break
            if result.asked:
                await sleep(PAUSE_S * secrets.randbelow(1000) / 1000)
            result.asked.append(name)
            witness.expect(name)
            await asyncio.gather(*(perch.ask(name, sleep) for perch in perches))
    finally:
        for perch in perches:
            perch.close()
    for one in witness.suspects:
        one.mac = find_mac(one.address)
    result.poisoners = [one for one in witness.suspects if one.is_certain]
    result.suspects = [one for one in witness.suspects if not one.is_certain]
    return result
