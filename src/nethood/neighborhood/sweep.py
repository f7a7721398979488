"""The node status of whole networks: every address is asked, every answer kept.

Answers are matched by transaction id and address while the sweep runs and read only when somebody
looks at them, so that nothing is lost when they burst. RFC 1002 4.2.17 and 4.2.18.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network, collapse_addresses

from nethood.errors import LocalError, Malformed
from nethood.nbt.name_service import NodeStatus, node_status_request
from nethood.nbt.node_status import status_of
from nethood.nbt.packet import Packet
from nethood.net.burst import BurstSocket
from nethood.net.interfaces import is_private

NAME_SERVICE_PORT = 137
DEFAULT_RATE = 100_000.0
DEFAULT_WAIT_S = 0.25
"""How long the last answer may take: BCAST_REQ_RETRY_TIMEOUT, RFC 1002 6."""
_ID_MASK = 0xFFFF


@dataclass(slots=True)
class Swept:
    """What a sweep found: *answers* by address, as they came, and what it cost."""

    address_count: int
    answers: dict[str, bytes] = field(default_factory=dict)
    sent: int = 0
    unsendable: int = 0
    duplicates: int = 0
    strangers: int = 0
    """Datagrams that answer nothing that was asked."""
    malformed: int = 0
    """Answers that turned out not to be node status responses when they were read."""
    duration_s: float = 0.0

    def statuses(self) -> Iterator[tuple[str, NodeStatus]]:
        """Read the answers in the order of their addresses; what can't be read is counted."""
        self.malformed = 0
        for address in sorted(self.answers, key=_number):
            status = _read(self.answers[address])
            if status is None:
                self.malformed += 1
            else:
                yield address, status


def parse_networks(texts: Sequence[str], *, public: bool = False) -> list[IPv4Network]:
    """Read addresses and CIDR ranges; overlapping ones are asked once.

    Raises LocalError for what is no IPv4 range, and for a public one unless *public*.
    """
    networks = []
    for text in texts:
        try:
            network = IPv4Network(text, strict=False)
        except ValueError:
            raise LocalError(f"{text!r} is no IPv4 network; write it like 192.168.1.0/24") from None
        # A block with a public address in it has one at an end: private blocks are CIDR blocks.
        ends = (str(network[0]), str(network[-1]))
        if not public and not all(map(is_private, ends)):
            raise LocalError(f"{text} is public; --public asks it all the same")
        networks.append(network)
    return list(collapse_addresses(networks))


def sweep(
    networks: Sequence[IPv4Network],
    *,
    port: int = NAME_SERVICE_PORT,
    retries: int = 2,
    rate: float = DEFAULT_RATE,
    wait_s: float = DEFAULT_WAIT_S,
    on_host: Callable[[str], None] | None = None,
) -> Swept:
    """Ask every address of *networks* for its node status; block until all had their time.

    *rate* is in packets a second, 0 for as fast as answers can be taken in. Those who have not
    answered are asked again *retries* times, *wait_s* after the last answer. *on_host* is called
    with each address that answers. The system refuses to send to a broadcast address: those are
    counted as unsendable.
    """
    started = time.monotonic()
    asked = _Asked(networks, secrets.randbits(16), on_host)
    with BurstSocket(asked.receive) as socket:
        for _ in range(retries + 1):
            socket.send_all(asked.requests(port), rate)
            socket.collect(wait_s)
            if len(asked.swept.answers) == asked.swept.address_count:
                break
        asked.swept.sent = socket.sent
        asked.swept.unsendable = socket.unsendable
    asked.swept.duration_s = time.monotonic() - started
    return asked.swept


class _Asked:
    """Who was asked with which transaction id, and who answered.

    The id is the lower half of the address, changed by a number nobody outside knows.
    """

    def __init__(
        self, networks: Sequence[IPv4Network], salt: int, on_host: Callable[[str], None] | None
    ) -> None:
        self.ranges = [range(int(net[0]), int(net[-1]) + 1) for net in networks]
        self.swept = Swept(sum(map(len, self.ranges)))
        self.salt = salt
        self.on_host = on_host

    def requests(self, port: int) -> Iterator[tuple[bytes, tuple[str, int]]]:
        """Yield the request for every address that has not answered."""
        tail = node_status_request(0).encode()[2:]
        salt, answers = self.salt, self.swept.answers
        for numbers in self.ranges:
            for number in numbers:
                high, low = number >> 16, number & _ID_MASK
                host = f"{high >> 8}.{high & 255}.{low >> 8}.{low & 255}"
                if host not in answers:
                    yield (low ^ salt).to_bytes(2, "big") + tail, (host, port)

    def receive(self, data: bytes, sender: tuple[str, int]) -> None:
        """Keep *data* if it answers what *sender* was asked; read nothing but its first bytes."""
        swept, host = self.swept, sender[0]
        if host in swept.answers:
            swept.duplicates += 1
            return
        if self._is_answer(data, _number(host)):
            swept.answers[host] = data
            if self.on_host:
                self.on_host(host)
        else:
            swept.strangers += 1

    def _is_answer(self, data: bytes, number: int) -> bool:
        expected = (number & _ID_MASK) ^ self.salt
        if int.from_bytes(data[:2], "big") != expected or data[2:3] < b"\x80":
            return False
        return any(number in numbers for numbers in self.ranges)


def _number(host: str) -> int:
    return int.from_bytes(bytes(map(int, host.split("."))), "big")


def _read(data: bytes) -> NodeStatus | None:
    try:
        return status_of(Packet.decode(data))
    except Malformed:
        return None
