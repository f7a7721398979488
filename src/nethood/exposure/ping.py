"""Connecting to one port again and again, as ping sends echoes: whether it is open, how far away.

The connection is made and reset at once; not a byte of a protocol is sent.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address

from nethood.errors import LocalError
from nethood.exposure.model import Target
from nethood.exposure.target_specs import SMB_PORT, parse_spec
from nethood.exposure.targets import RESOLVE_TIMEOUT_S, Resolve
from nethood.net.connect_probe import ConnectProbe, Outcome
from nethood.net.resolve import resolve_names


@dataclass(slots=True)
class Pinged:
    """The counts so far, and the times of those that were accepted, in ms."""

    sent: int = 0
    times_ms: list[float] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        """Count one attempt."""
        self.sent += 1
        if outcome.state == "open" and outcome.connect_ms is not None:
            self.times_ms.append(outcome.connect_ms)

    @property
    def accepted(self) -> int:
        """How many connections were accepted."""
        return len(self.times_ms)

    def minimum_average_maximum_ms(self) -> tuple[float, float, float] | None:
        """Return the three, or None where nothing was accepted."""
        if not self.times_ms:
            return None
        return min(self.times_ms), sum(self.times_ms) / self.accepted, max(self.times_ms)


def parse_host(text: str, resolve: Resolve = resolve_names) -> Target:
    """Read HOST or HOST:PORT; a name becomes the first of its addresses.

    Raises LocalError for a name nobody knows and for what stands for more than one host.
    """
    spec = parse_spec(text)
    port = spec.port or SMB_PORT
    if spec.block is None:
        found: Sequence[str] = resolve([spec.host], RESOLVE_TIMEOUT_S).get(spec.host, ())
        if not found:
            raise LocalError(f"no address is known for {spec.host!r}; check the name")
        return Target(found[0], port, spec.host)
    if spec.block.first != spec.block.last:
        raise LocalError(f"{text!r} is more than one host; 'nethood scan' asks many")
    number = spec.block.first
    address = IPv4Address(number) if spec.block.version == 4 else IPv6Address(number)
    return Target(f"{address}{spec.block.zone}", port)


async def pings(
    target: Target,
    *,
    count: int,
    interval_s: float,
    timeout_s: float,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> AsyncGenerator[Outcome, None]:
    """Connect *count* times, for ever if it is 0; give each outcome as it is known.

    One begins every *interval_s*, and none before the one before it has ended.
    """
    outcomes: asyncio.Queue[Outcome] = asyncio.Queue()
    probe = ConnectProbe[int](lambda _, outcome: outcomes.put_nowait(outcome), wait_s=timeout_s)
    sent = 0
    try:
        while True:
            began = time.monotonic()
            if not probe.start(sent, target.address, target.port):
                raise LocalError("this machine has no room for one more connection; try again")
            yield await outcomes.get()
            sent += 1
            if sent == count:
                return
            await sleep(max(0.0, began + interval_s - time.monotonic()))
    finally:
        probe.close()
