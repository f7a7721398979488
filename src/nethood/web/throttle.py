"""How often something may be tried: log-ins, and looks at hosts. Pure: time is passed in."""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address


def source_of(address: str) -> str:
    """Return what stands for one client: an IPv4 address, or the /64 of an IPv6 address."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return f"{IPv6Address(int(parsed) >> 64 << 64)}/64"
    return str(parsed)


@dataclass(slots=True)
class _Tries:
    """Failed attempts of one source; the next may come at *not_before*."""

    count: int = 0
    not_before: float = 0.0


class LoginThrottle:
    """After a few free attempts each one doubles the wait of its source.

    All sources together have *overall* failures a minute; one that logged in before is not held
    up by the failures of others. At most *most_sources* are remembered, the least recent go.
    """

    _WINDOW_S = 60.0

    def __init__(
        self,
        *,
        free: int = 5,
        first_wait_s: float = 2.0,
        longest_wait_s: float = 900.0,
        overall: int = 30,
        most_sources: int = 10_000,
    ) -> None:
        self._free = free
        self._first_wait_s = first_wait_s
        self._longest_wait_s = longest_wait_s
        self._overall = overall
        self._most_sources = most_sources
        self._tries: OrderedDict[str, _Tries] = OrderedDict()
        self._trusted: OrderedDict[str, None] = OrderedDict()
        self._failures: deque[float] = deque()

    def begin(self, address: str, now_s: float) -> float:
        """Count an attempt as failed until `succeeded`; return 0, or the seconds to wait first.

        An attempt that has to wait isn't counted.
        """
        source = source_of(address)
        wait_s = self._wait_s(source, now_s)
        if wait_s > 0:
            return wait_s
        tries = self._tries.setdefault(source, _Tries())
        self._tries.move_to_end(source)
        tries.count += 1
        if tries.count >= self._free:
            doubled = self._first_wait_s * 2.0 ** min(tries.count - self._free, 30)
            tries.not_before = now_s + min(doubled, self._longest_wait_s)
        self._failures.append(now_s)
        while len(self._tries) > self._most_sources:
            self._tries.popitem(last=False)
        return 0.0

    def succeeded(self, address: str) -> None:
        """Forget the failures of a source and trust it."""
        source = source_of(address)
        self._tries.pop(source, None)
        self._trusted[source] = None
        if self._failures:
            self._failures.pop()
        while len(self._trusted) > self._most_sources:
            self._trusted.popitem(last=False)

    def _wait_s(self, source: str, now_s: float) -> float:
        while self._failures and self._failures[0] <= now_s - self._WINDOW_S:
            self._failures.popleft()
        own = self._tries[source].not_before - now_s if source in self._tries else 0.0
        if source in self._trusted or len(self._failures) < self._overall:
            return max(own, 0.0)
        return max(own, self._failures[0] + self._WINDOW_S - now_s)


class Rate:
    """At most *most* in any *window_s* seconds."""

    def __init__(self, most: int, window_s: float) -> None:
        self._most = most
        self._window_s = window_s
        self._taken: deque[float] = deque()

    def wait_s(self, now_s: float) -> float:
        """Return how long until the next may come, 0 for now."""
        while self._taken and self._taken[0] <= now_s - self._window_s:
            self._taken.popleft()
        if len(self._taken) < self._most:
            return 0.0
        return self._taken[0] + self._window_s - now_s

    def take(self, now_s: float) -> None:
        """Count one."""
        self._taken.append(now_s)
