"""Whom a scan asks: specifications of targets, and all of them in a random order.

A specification is an address, a CIDR block, a range, a name or `@file`, each but the last with an
optional `:PORT`. They become ranges of numbers without overlap, so that memory follows the number
of specifications and not of hosts; the order is a permutation of the index, made from a seed.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address
from itertools import accumulate

from nethood.errors import LocalError
from nethood.exposure.model import Target
from nethood.exposure.target_specs import SMB_PORT, Block, Spec, read_specs
from nethood.net.interfaces import is_private_range
from nethood.net.resolve import resolve_names

MAX_TARGETS = 1 << 32
"""What more than this would take is longer than a year at 100 hosts a second."""

RESOLVE_TIMEOUT_S = 5.0
Resolve = Callable[[Sequence[str], float], Mapping[str, Sequence[str]]]
Group = tuple[int, str, int]
"""IP version, zone of an IPv6 link-local address, SMB port."""


@dataclass(frozen=True, slots=True)
class Range:
    """Addresses *first* to *last*, both included, of one group."""

    version: int
    zone: str
    port: int
    first: int
    last: int

    def __len__(self) -> int:
        return self.last - self.first + 1


@dataclass(slots=True)
class TargetSet:
    """All targets of a scan, by index; *names* maps an address to the name it was given by."""

    ranges: list[Range]
    names: dict[str, str] = field(default_factory=dict)
    _ends: list[int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Not len(): a range may hold more than a C ssize_t on some systems.
        self._ends = list(accumulate(part.last - part.first + 1 for part in self.ranges))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __getitem__(self, index: int) -> Target:
        """Return the target of an index from 0. Raises IndexError."""
        if not 0 <= index < len(self):
            raise IndexError(index)
        place = bisect_right(self._ends, index)
        part = self.ranges[place]
        number = part.last + 1 - (self._ends[place] - index)
        address = str(IPv4Address(number) if part.version == 4 else IPv6Address(number))
        address += part.zone
        return Target(address, part.port, self.names.get(address, ""))


class Permutation:
    """The numbers below *size* in an order made from *seed*, each reached by its index alone.

    A Feistel network over the next power of two; what falls outside is sent round again.
    """

    _ROUNDS = 3

    def __init__(self, size: int, seed: int) -> None:
        bits = max(2, (size - 1).bit_length())
        self.size = size
        self._low_bits = bits - bits // 2
        self._low_mask = (1 << self._low_bits) - 1
        self._high_mask = (1 << bits // 2) - 1
        digest = hashlib.sha512(seed.to_bytes(16, "big")).digest()
        self._keys = [
            (
                int.from_bytes(digest[at : at + 4], "big"),
                int.from_bytes(digest[at + 4 : at + 8], "big"),
            )
            for at in range(0, 8 * self._ROUNDS, 8)
        ]

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> int:
        """Return the number at an index from 0. Raises IndexError."""
        if not 0 <= index < self.size:
            raise IndexError(index)
        number = self._mix(index)
        while number >= self.size:
            number = self._mix(number)
        return number

    def _mix(self, number: int) -> int:
        high, low = number >> self._low_bits, number & self._low_mask
        for one, other in self._keys:
            high ^= _scatter(low, one) & self._high_mask
            low ^= _scatter(high, other) & self._low_mask
        return high << self._low_bits | low


def _scatter(value: int, key: int) -> int:
    value = ((value ^ key) * 0x9E3779B1) & 0xFFFFFFFF
    value = ((value ^ value >> 15) * 0x85EBCA77) & 0xFFFFFFFF
    return value ^ value >> 13


def parse_targets(
    texts: Sequence[str],
    exclude: Sequence[str] = (),
    *,
    public: bool = False,
    resolve: Resolve = resolve_names,
) -> TargetSet:
    """Read specifications; each target comes once, without the excluded ones.

    An exclusion without a port holds for every port. Raises LocalError with one sentence for a
    specification that is wrong or unreadable, a name nobody knows, a public address unless
    *public*, too many targets, and for none.
    """
    wanted = list(read_specs(texts))
    unwanted = list(read_specs(exclude))
    hosts = [spec.host for spec in (*wanted, *unwanted) if spec.host]
    addresses = resolve(list(dict.fromkeys(hosts)), RESOLVE_TIMEOUT_S) if hosts else {}
    names: dict[str, str] = {}
    holes = [block for spec in unwanted for block in _blocks(spec, addresses, {})]
    blocks = []
    for spec in wanted:
        for block in _blocks(spec, addresses, names):
            _check_public(spec, block, public=public)
            blocks.append(block)
    found = TargetSet(_ranges(blocks, holes), names)
    _check_count(sum(part.last - part.first + 1 for part in found.ranges))
    return found


def _check_count(count: int) -> None:
    if not count:
        raise LocalError("no target is left; everything is excluded, or the list is empty")
    if count > MAX_TARGETS:
        raise LocalError(f"that is {count:,} targets; at most {MAX_TARGETS:,} can be scanned")


def _blocks(
    spec: Spec, addresses: Mapping[str, Sequence[str]], names: dict[str, str]
) -> Iterator[Block]:
    """Yield a specification's blocks; for a name, those of its addresses, noted in *names*."""
    if spec.block is not None:
        yield spec.block
        return
    for address in addresses.get(spec.host, ()):
        plain, percent, zone = address.partition("%")
        number = ip_address(plain)
        names.setdefault(address, spec.host)
        yield Block(number.version, percent + zone, int(number), int(number), spec.port)
    if not addresses.get(spec.host):
        raise LocalError(
            f"no address is known for {spec.host!r}; check the name, or give its address"
        )


def _check_public(spec: Spec, block: Block, *, public: bool) -> None:
    if not public and not is_private_range(block.version, block.first, block.last):
        raise LocalError(
            f"{spec.text} is public or has public addresses in it; scan only what is yours,"
            " and then with --public"
        )


def _ranges(blocks: Sequence[Block], holes: Sequence[Block]) -> list[Range]:
    groups: dict[Group, list[tuple[int, int]]] = {}
    for block in blocks:
        key = (block.version, block.zone, block.port or SMB_PORT)
        groups.setdefault(key, []).append((block.first, block.last))
    found = []
    for (version, zone, port), spans in groups.items():
        without = [
            (hole.first, hole.last)
            for hole in holes
            if (hole.version, hole.zone) == (version, zone) and hole.port in (0, port)
        ]
        found += [
            Range(version, zone, port, first, last)
            for first, last in _subtract(_merge(spans), _merge(without))
        ]
    return found


def _merge(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return merged


def _subtract(
    spans: Sequence[tuple[int, int]], holes: Sequence[tuple[int, int]]
) -> Iterator[tuple[int, int]]:
    """Yield what is left of *spans*; both are sorted and without overlap."""
    ends = [last for _, last in holes]
    for span_first, span_last in spans:
        first = span_first
        # The holes before the first that ends in or behind the span are of no concern.
        for at in range(bisect_right(ends, first - 1), len(holes)):
            hole_first, hole_last = holes[at]
            if hole_first > span_last:
                break
            if first < hole_first:
                yield first, hole_first - 1
            first = hole_last + 1
        if first <= span_last:
            yield first, span_last
