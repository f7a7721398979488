"""The states of the ports of very many targets, a few ports each, asked as they come.

TCP by connect_probe.py; UDP 137 and 138 by one socket for all, which hears refusals too. Whatever
is sent waits for its turn. A port whose silence has its cause in this machine (no route, its own
firewall) is unknown: that the watcher is cut off must not look as if all ports were closed.
"""

from __future__ import annotations

import asyncio
import errno
import secrets
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from nethood.exposure.model import Answer, Evidence, PortFacts, PortState, known, unknown
from nethood.exposure.pace import Pacer
from nethood.exposure.port_sweep import NODE_STATUS_QUESTION, Seen
from nethood.exposure.probes.netbios import DATAGRAM_PORT, datagram_query
from nethood.net.connect_probe import ConnectProbe, Outcome, outcome_of
from nethood.net.udp_probe import Address, UdpProbe

NAME_SERVICE = "udp/137"
DATAGRAM_SERVICE = f"udp/{DATAGRAM_PORT}"
ROUNDS = 2
"""How often a datagram is sent to who is silent."""

_NAME_PORT = 137
_QUESTION_COUNT = bytes.fromhex("0000 0001 0000 0000 0000")
_RESPONSE = 0x80
_NO_ROOM = (errno.EAGAIN, errno.ENOBUFS)
_NO_ROOM_S = 0.01
_SALT_SIZE = 2
_OURS = frozenset(
    outcome_of(number).reason
    for number in (errno.ENETUNREACH, errno.EACCES, errno.EPERM, errno.EINVAL)
)


@dataclass(slots=True, eq=False)
class Asked(Seen):
    """A target while its ports are asked: *pending* are those that are not known yet."""

    pending: set[str] = field(default_factory=set)


Looked = TypeVar("Looked", bound=Asked)


class PortAsker(Generic[Looked]):
    """Asks ports and tells when all those of a target are known. Within a running event loop."""

    def __init__(self, pacer: Pacer, wait_s: float, on_known: Callable[[Looked], None]) -> None:
        """*wait_s* is how long a port may be silent; *on_known* gets each target that was asked.

        Raises ConnectError where no UDP socket can be had.
        """
        self.wait_s = wait_s
        self._pacer = pacer
        self._on_known = on_known
        self._loop = asyncio.get_running_loop()
        self._ready: deque[tuple[Looked, str, int]] = deque()
        self._more = asyncio.Event()
        self._salt = secrets.token_bytes(_SALT_SIZE)
        self._tcp = ConnectProbe[tuple[Looked, str]](self._connected, wait_s=wait_s)
        self._udp = UdpProbe(self._answered, self._refused)
        self._heard_of: dict[Address, list[Looked]] = {}
        self._ends: deque[tuple[float, Looked, str, int]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def ask(self, asked: Looked, ports: Iterable[str]) -> None:
        """Ask *ports* ("tcp/445") of a target; at least one of them."""
        wanted = sorted(ports)
        asked.pending.update(wanted)
        self._ready.extend((asked, port, 1) for port in wanted)
        self._more.set()

    async def run(self) -> None:
        """Send what is to be sent, until cancelled."""
        while True:
            while self._ready:
                await self._pacer.take()
                asked, port, round_ = self._ready[0]
                if self._send(asked, port, round_):
                    self._ready.popleft()
                else:
                    await asyncio.sleep(_NO_ROOM_S)
            self._more.clear()
            await self._more.wait()

    def close(self) -> None:
        """Stop; what is in flight is forgotten."""
        if self._timer:
            self._timer.cancel()
        self._tcp.close()
        self._udp.close()

    def _send(self, asked: Looked, port: str, round_: int) -> bool:
        """Send one packet; return False where the system has no room for it now."""
        number = int(port[4:])
        if port.startswith("tcp/"):
            return self._tcp.start((asked, port), asked.target.address, number)
        if ":" in asked.target.address:
            self._known(asked, port, unknown("NetBIOS is spoken over IPv4 only"))
            return True
        if port not in asked.pending:  # the answer came before the question was repeated
            return True
        address = (asked.target.address, number)
        error = self._udp.send(self._question(*address), address)
        if error in _NO_ROOM:
            return False
        self._await(asked, port, address, round_)
        if error:
            self._refused(address, error)
        return True

    def _await(self, asked: Looked, port: str, address: Address, round_: int) -> None:
        if round_ == 1:
            self._heard_of.setdefault(address, []).append(asked)
        wait_s = self.wait_s / ROUNDS
        self._ends.append((self._loop.time() + wait_s, asked, port, round_))
        if self._timer is None:
            self._timer = self._loop.call_later(wait_s, self._expire)

    def _question(self, address: str, number: int) -> bytes:
        trn_id = self._transaction_id(address)
        if number == _NAME_PORT:
            return trn_id + _QUESTION_COUNT + NODE_STATUS_QUESTION
        return datagram_query(trn_id)

    def _transaction_id(self, address: str) -> bytes:
        """Return the lower half of an IPv4 address, changed by what nobody outside knows."""
        *_, high, low = address.split(".")
        return bytes((int(high) ^ self._salt[0], int(low) ^ self._salt[1]))

    def _connected(self, key: tuple[Looked, str], outcome: Outcome) -> None:
        asked, port = key
        question = f"connect to {port}"
        if outcome.reason in _OURS:
            self._known(asked, port, unknown(outcome.reason, Evidence(question, outcome.reason)))
            return
        got = {"open": "accepted", "closed": "refused"}.get(outcome.state, outcome.reason)
        if outcome.reason == "no answer":
            got = f"no answer within {self.wait_s:g} s"
        facts = PortFacts(PortState(outcome.state), outcome.connect_ms)
        self._known(asked, port, known(facts, Evidence(question, got)))

    def _answered(self, data: bytes, sender: Address) -> None:
        """Take an answer to a question this address was asked."""
        name_service = sender[1] == _NAME_PORT
        if name_service and (
            len(data) < 3 or not data[2] & _RESPONSE or data[:2] != self._transaction_id(sender[0])
        ):
            return
        for asked in list(self._heard_of.get(sender, ())):
            if name_service:
                asked.node_status = data
            evidence = Evidence(_words(sender[1]), f"{len(data)} bytes")
            self._known(asked, f"udp/{sender[1]}", known(PortFacts(PortState.OPEN), evidence))

    def _refused(self, about: Address, error: int) -> None:
        """Take a refusal of the system or an ICMP error."""
        question, outcome = _words(about[1]), outcome_of(error)
        answer: Answer[PortFacts]
        if outcome.state == "closed":
            facts = PortFacts(PortState.CLOSED)
            answer = known(facts, Evidence(question, "ICMP port unreachable"))
        elif outcome.reason in _OURS:
            answer = unknown(outcome.reason, Evidence(question, outcome.reason))
        else:
            answer = known(PortFacts(PortState.FILTERED), Evidence(question, outcome.reason))
        for asked in list(self._heard_of.get(about, ())):
            self._known(asked, f"udp/{about[1]}", answer)

    def _expire(self) -> None:
        """Ask those once more who are silent; end the wait for those who stay so."""
        self._timer = None
        now = self._loop.time()
        while self._ends and self._ends[0][0] <= now:
            _, asked, port, round_ = self._ends.popleft()
            if port not in asked.pending:
                continue
            if round_ < ROUNDS:
                self._ready.append((asked, port, round_ + 1))
                self._more.set()
            else:
                self._known(asked, port, self._silence(port))
        if self._ends and self._timer is None:
            self._timer = self._loop.call_at(self._ends[0][0], self._expire)

    def _silence(self, port: str) -> Answer[PortFacts]:
        return unknown(
            f"no answer from {port} within {self.wait_s:g} s: open and filtered look the same"
            " on UDP",
            Evidence(_words(int(port[4:])), "silence"),
        )

    def _known(self, asked: Looked, port: str, answer: Answer[PortFacts]) -> None:
        if port not in asked.pending:
            return
        asked.pending.discard(port)
        asked.ports[port] = answer
        if port.startswith("udp/"):
            self._forget((asked.target.address, int(port[4:])), asked)
        if not asked.pending:
            self._on_known(asked)

    def _forget(self, address: Address, asked: Looked) -> None:
        others = self._heard_of.get(address, [])
        if asked in others:
            others.remove(asked)
        if not others:
            self._heard_of.pop(address, None)


def _words(number: int) -> str:
    what = "node status request" if number == _NAME_PORT else "datagram query request"
    return f"{what} to udp/{number}"
