"""What the ports of every target do: two TCP ports and the NetBIOS name service.

Targets come in the order of a permutation, their packets at the pacer's pace, each once; a port
that is silent on a host that answers elsewhere is asked once more. Memory follows what is in
flight. What becomes of a target whose ports are known is the caller's affair.
"""

from __future__ import annotations

import asyncio
import errno
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from nethood.exposure.model import (
    Answer,
    Evidence,
    PortFacts,
    PortState,
    Target,
    known,
    unknown,
)
from nethood.exposure.pace import Pacer
from nethood.nbt.node_status import node_status_request
from nethood.net.connect_probe import NO_ANSWER, RESERVED_FILES, ConnectProbe, Outcome
from nethood.net.udp_probe import Address, UdpProbe

BATCH_S = 0.004
"""How much of a second's packets leave at once."""

_MOST_AT_ONCE = 64
_FAILED_SEND_S = 0.005
_NODE_STATUS_TAIL = node_status_request(0).encode()[2:]
NODE_STATUS_QUESTION = _NODE_STATUS_TAIL[10:]
"""What the name service is asked, behind the header."""


@dataclass(slots=True, eq=False)
class Seen:
    """A target while its ports are asked, and after."""

    index: int
    target: Target
    ports: dict[str, Answer[PortFacts]] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    """The ports that have said nothing so far; `ports` has no word of them before the end."""
    waiting: int = 0
    rounds: int = 0
    node_status: bytes = b""
    """The raw answer of the name service."""

    @property
    def is_worth_it(self) -> bool:
        """Whether there is something to examine: an open port, or NetBIOS that answers."""
        return bool(self.node_status) or any(
            answer.value is not None and answer.value.state is PortState.OPEN
            for answer in self.ports.values()
        )

    @property
    def has_answered(self) -> bool:
        """Whether the host itself sent anything at all."""
        return bool(self.node_status) or any(
            answer.value is not None and answer.value.state is not PortState.FILTERED
            for answer in self.ports.values()
        )


@dataclass(frozen=True, slots=True)
class SweepOptions:
    """Which ports, how long each may take, and how often silent hosts are asked again.

    A target with a port of its own, not *smb_port*, is a server by itself: that port alone is
    asked.
    """

    wait_s: float = 0.9
    retries: int = 0
    smb_port: int = 445
    session_port: int = 139
    name_port: int = 137
    tell_silence: bool = False
    """Whether targets none of whose ports said anything get their answers too."""
    reserved_files: int = 0
    """Open files others need for this scan: the connections of probes."""


class PortSweep:
    """All targets' ports; `run` returns when the last is known. Within a running event loop."""

    def __init__(
        self, options: SweepOptions, pacer: Pacer, salt: int, on_seen: Callable[[Seen], None]
    ) -> None:
        """*salt* is 16 random bits: transaction ids are made of it. *on_seen* gets each target."""
        self.options = options
        self._pacer = pacer
        self._salt = salt
        self._on_seen = on_seen
        self._tcp = ConnectProbe[tuple[Seen, str]](
            self._connected, wait_s=options.wait_s, reserve=RESERVED_FILES + options.reserved_files
        )
        self._udp = UdpProbe(self._answered, self._refused)
        self._udp_port = f"udp/{options.name_port}"
        self._tcp_ports = (f"tcp/{options.smb_port}", f"tcp/{options.session_port}")
        self._asked: dict[str, Seen] = {}
        self._udp_ends: deque[tuple[float, Seen, int]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._ready: deque[tuple[Seen, str]] = deque()
        self._in_flight = 0
        self._news = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    async def run(self, targets: Iterator[tuple[int, Target]], gate: asyncio.Event) -> None:
        """Ask all *targets*, given with their index; new ones only while *gate* is set."""
        batch = max(1, min(_MOST_AT_ONCE, int(self._pacer.rate * BATCH_S)))
        while self._fill(targets, batch, gate) or self._in_flight:
            if not self._ready:
                await self._wait_for_news(gate)
                continue
            count = min(batch, len(self._ready))
            await self._pacer.take(count)
            for _ in range(count):
                if not self._send(*self._ready[0]):
                    await asyncio.sleep(_FAILED_SEND_S)
                    break
                self._ready.popleft()
            await asyncio.sleep(0)

    def close(self) -> None:
        """Stop; what is in flight is forgotten."""
        if self._timer:
            self._timer.cancel()
        self._tcp.close()
        self._udp.close()

    async def _wait_for_news(self, gate: asyncio.Event) -> None:
        self._news.clear()
        if self._in_flight:
            await self._news.wait()
        else:
            await gate.wait()

    def _fill(self, targets: Iterator[tuple[int, Target]], batch: int, gate: asyncio.Event) -> bool:
        """Make ready what is sent next; return whether anything is, or may be later."""
        while len(self._ready) < batch and gate.is_set():
            following = next(targets, None)
            if following is None:
                break
            self._begin(Seen(*following))
        return bool(self._ready) or not gate.is_set()

    def _begin(self, seen: Seen) -> None:
        self._in_flight += 1
        if seen.target.port != self.options.smb_port:
            self._ask(seen, (f"tcp/{seen.target.port}",))
        elif ":" in seen.target.address:  # NetBIOS is of IPv4 alone, RFC 1002
            self._ask(seen, self._tcp_ports)
        else:
            self._asked[seen.target.address] = seen
            self._ask(seen, (*self._tcp_ports, self._udp_port))

    def _ask(self, seen: Seen, ports: Sequence[str]) -> None:
        seen.rounds += 1
        seen.waiting = len(ports)
        seen.silent.clear()
        for port in ports:
            self._ready.append((seen, port))

    def _send(self, seen: Seen, port: str) -> bool:
        """Send one packet; return False where the system has no room for it now."""
        if port != self._udp_port:
            return self._tcp.start((seen, port), seen.target.address, int(port[4:]))
        address = seen.target.address
        request = _transaction_id(address, self._salt) + _NODE_STATUS_TAIL
        error = self._udp.send(request, (address, self.options.name_port))
        if error in (errno.EAGAIN, errno.ENOBUFS):
            return False
        if error:
            self._refused((address, self.options.name_port), error)
            return True
        self._udp_ends.append((self._loop.time() + self.options.wait_s, seen, seen.rounds))
        if self._timer is None:
            self._timer = self._loop.call_later(self.options.wait_s, self._expire)
        return True

    def _connected(self, key: tuple[Seen, str], outcome: Outcome) -> None:
        seen, port = key
        if outcome.reason == NO_ANSWER:
            self._nothing(seen, port)
            return
        facts = PortFacts(PortState(outcome.state), outcome.connect_ms)
        got = {"open": "accepted", "closed": "refused"}.get(outcome.state, outcome.reason)
        self._known(seen, port, known(facts, Evidence(f"connect to {port}", got)))

    def _answered(self, data: bytes, sender: Address) -> None:
        """Take a node status response: one with the id this address was sent."""
        address, port = sender
        if port != self.options.name_port or len(data) < 3 or not data[2] & 0x80:
            return
        if data[:2] != _transaction_id(address, self._salt):
            return
        seen = self._asked.get(address)
        if seen is not None and not seen.node_status:
            seen.node_status = data
            evidence = Evidence(f"node status request to {self._udp_port}", "answered")
            self._replied(seen, known(PortFacts(PortState.OPEN), evidence))

    def _refused(self, about: Address, error: int) -> None:
        seen = self._asked.get(about[0])
        if seen is None or about[1] != self.options.name_port:
            return
        closed = error == errno.ECONNREFUSED
        state = PortState.CLOSED if closed else PortState.FILTERED
        got = "ICMP port unreachable" if closed else f"not delivered: {errno.errorcode.get(error)}"
        evidence = Evidence(f"node status request to {self._udp_port}", got)
        self._replied(seen, known(PortFacts(state), evidence))

    def _replied(self, seen: Seen, answer: Answer[PortFacts]) -> None:
        """Take what the name service's port did, once for each time it was asked."""
        if self._udp_port in seen.silent:
            seen.silent.discard(self._udp_port)  # late, while other ports are waited for
            seen.ports[self._udp_port] = answer
        elif self._is_awaited(seen):
            self._known(seen, self._udp_port, answer)

    def _is_awaited(self, seen: Seen) -> bool:
        port = self._udp_port
        return seen.waiting > 0 and port not in seen.ports and port not in seen.silent

    def _expire(self) -> None:
        """End the wait for name services that are late."""
        self._timer = None
        now = self._loop.time()
        while self._udp_ends and self._udp_ends[0][0] <= now:
            _, seen, round_ = self._udp_ends.popleft()
            if seen.rounds == round_ and self._is_awaited(seen):
                self._nothing(seen, self._udp_port)
        if self._udp_ends and self._timer is None:
            self._timer = self._loop.call_at(self._udp_ends[0][0], self._expire)

    def _silence(self, port: str) -> Answer[PortFacts]:
        """Return what is known of a port that never said anything."""
        reason = f"no answer within {self.options.wait_s:g} s"
        if port == self._udp_port:
            return unknown(
                f"no answer from {port} within {self.options.wait_s:g} s:"
                " open and filtered look the same on UDP",
                Evidence(f"node status request to {port}", reason),
            )
        return known(PortFacts(PortState.FILTERED), Evidence(f"connect to {port}", reason))

    def _known(self, seen: Seen, port: str, answer: Answer[PortFacts]) -> None:
        seen.ports[port] = answer
        self._one_less(seen)

    def _nothing(self, seen: Seen, port: str) -> None:
        seen.silent.add(port)
        self._one_less(seen)

    def _one_less(self, seen: Seen) -> None:
        seen.waiting -= 1
        if seen.waiting:
            return
        self._news.set()
        again = seen.rounds <= self.options.retries or (seen.rounds == 1 and seen.has_answered)
        if seen.silent and again:
            self._ask(seen, sorted(seen.silent))
        else:
            self._finish(seen)

    def _finish(self, seen: Seen) -> None:
        self._in_flight -= 1
        if self._asked.get(seen.target.address) is seen:
            del self._asked[seen.target.address]
        if seen.ports or self.options.tell_silence:
            for port in sorted(seen.silent):
                seen.ports[port] = self._silence(port)
        self._on_seen(seen)


def _transaction_id(address: str, salt: int) -> bytes:
    """Return the lower half of an IPv4 address, changed by a number nobody outside knows."""
    *_, high, low = address.split(".")
    return (((int(high) << 8) | int(low)) ^ salt).to_bytes(2, "big")
