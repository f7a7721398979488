"""Sets of whole numbers as sorted spans: addresses and ports without counting them one by one."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
    summarize_address_range,
)
from operator import itemgetter

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_MUCH_MORE = 8
"""By how many times a set must be larger for looking up to be quicker than walking through both."""


@dataclass(frozen=True, slots=True)
class Spans:
    """Disjoint closed spans (low, high), sorted, never touching each other."""

    items: tuple[tuple[int, int], ...] = ()

    @classmethod
    def of(cls, pairs: Iterable[tuple[int, int]]) -> Spans:
        """Return the set of all numbers in *pairs*, which may overlap; empty pairs are left out."""
        merged: list[tuple[int, int]] = []
        for low, high in sorted(pair for pair in pairs if pair[0] <= pair[1]):
            if merged and low <= merged[-1][1] + 1:
                merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
            else:
                merged.append((low, high))
        return cls(tuple(merged))

    def __bool__(self) -> bool:
        return bool(self.items)

    def __contains__(self, number: int) -> bool:
        return any(low <= number <= high for low, high in self.items)

    def __or__(self, other: Spans) -> Spans:
        if not other.items:
            return self
        return Spans.of((*self.items, *other.items)) if self.items else other

    def __and__(self, other: Spans) -> Spans:
        small, big = sorted((self, other), key=lambda spans: len(spans.items))
        if len(small.items) * _MUCH_MORE < len(big.items):
            return big._cut_out(small)
        found: list[tuple[int, int]] = []
        mine, theirs = 0, 0
        while mine < len(self.items) and theirs < len(other.items):
            low = max(self.items[mine][0], other.items[theirs][0])
            high = min(self.items[mine][1], other.items[theirs][1])
            if low <= high:
                found.append((low, high))
            if self.items[mine][1] < other.items[theirs][1]:
                mine += 1
            else:
                theirs += 1
        return Spans(tuple(found))

    def __sub__(self, other: Spans) -> Spans:
        if not self.items or not other.items:
            return self
        if len(other.items) * _MUCH_MORE < len(self.items):
            return self._without_few(other)
        return self & other.complement(self.items[0][0], self.items[-1][1])

    def _near(self, low: int, high: int) -> slice:
        """Return which items have a number in common with *low* to *high*."""
        first = bisect_left(self.items, low, key=itemgetter(1))
        return slice(first, bisect_right(self.items, high, key=itemgetter(0)))

    def _cut_out(self, few: Spans) -> Spans:
        """Return what both have, by looking up each of *few*."""
        return Spans(
            tuple(
                (max(low, first), min(high, last))
                for low, high in few.items
                for first, last in self.items[self._near(low, high)]
            )
        )

    def _without_few(self, few: Spans) -> Spans:
        """Return what *few* leaves, by looking up each of them."""
        left = self
        for low, high in few.items:
            place = left._near(low, high)
            touched = left.items[place]
            if touched:
                ends = ((touched[0][0], low - 1), (high + 1, touched[-1][1]))
                kept = tuple(pair for pair in ends if pair[0] <= pair[1])
                left = Spans(left.items[: place.start] + kept + left.items[place.stop :])
        return left

    def complement(self, low: int, high: int) -> Spans:
        """Return the numbers of *low* to *high* that are not in the set."""
        gaps: list[tuple[int, int]] = []
        start = low
        for first, last in self.items:
            gaps.append((start, min(first - 1, high)))
            start = max(start, last + 1)
        gaps.append((start, high))
        return Spans(tuple(gap for gap in gaps if gap[0] <= gap[1]))


def everything(family: int) -> Spans:
    """Return every address of *family*, 4 or 6."""
    return Spans(((0, (1 << (32 if family == 4 else 128)) - 1),))


def network_span(text: str) -> tuple[int, int, int]:
    """Return family, first and last address of "10.0.0.0/8" or "fe80::1".

    A mask may stand in dots. Raises ValueError.
    """
    network = ip_network(text, strict=False)
    return network.version, int(network.network_address), int(network.broadcast_address)


def address_number(text: str) -> tuple[int, int]:
    """Return family and number of one address. Raises ValueError."""
    address = ip_address(text.partition("%")[0])
    return address.version, int(address)


def networks(spans: Spans, family: int) -> list[str]:
    """Return *spans* of addresses as networks, single addresses without their length."""
    found: list[str] = []
    for low, high in spans.items:
        for network in _summary(low, high, family):
            single = network.prefixlen == network.max_prefixlen
            found.append(str(network.network_address) if single else str(network))
    return found


def _summary(low: int, high: int, family: int) -> Iterable[Network]:
    if family == 4:
        return summarize_address_range(IPv4Address(low), IPv4Address(high))
    return summarize_address_range(IPv6Address(low), IPv6Address(high))
