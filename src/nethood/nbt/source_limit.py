"""Who a name server or node answers: its own networks, and each address only so often.

A server that answers anybody is an amplifier for whoever forges addresses; one that answers a
network's own addresses at a bounded rate is none. Time is passed in, in seconds of a clock that
never runs backwards.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network

MAX_SOURCES = 4096


class SourceLimit:
    """Lets addresses of *networks* through, each *rate_per_s* times a second.

    *burst* requests may come at once. A rate of 0 means no limit. At most MAX_SOURCES addresses
    are remembered; the one heard of longest ago is forgotten first.
    """

    def __init__(
        self, networks: Iterable[IPv4Network], rate_per_s: float = 50.0, burst: int = 200
    ) -> None:
        self.networks = tuple(networks)
        self.rate_per_s = rate_per_s
        self.burst = float(burst)
        self.foreign = 0
        self.limited = 0
        self._buckets: dict[int, tuple[float, float]] = {}

    def is_own(self, address: IPv4Address) -> bool:
        """Tell whether *address* lies in one of the networks."""
        return any(address in network for network in self.networks)

    def allows(self, address: IPv4Address, now_s: float) -> bool:
        """Tell whether a request from *address* may be answered now, and count it."""
        # Asked for every datagram (smbtorture nbt.bench.namequery in benchmarks/): a source with a
        # bucket is known to be own, and a number is found faster than an address.
        source = int(address)
        bucket = self._buckets.pop(source, None)
        if bucket is None:
            if not self.is_own(address):
                self.foreign += 1
                return False
            if not self.rate_per_s:
                return True
            bucket = (self.burst, now_s)
        tokens, then_s = bucket
        tokens = min(self.burst, tokens + (now_s - then_s) * self.rate_per_s)
        allowed = tokens >= 1
        self._remember(source, tokens - 1 if allowed else tokens, now_s)
        self.limited += not allowed
        return allowed

    def _remember(self, source: int, tokens: float, now_s: float) -> None:
        if len(self._buckets) >= MAX_SOURCES:
            del self._buckets[next(iter(self._buckets))]
        self._buckets[source] = (tokens, now_s)
