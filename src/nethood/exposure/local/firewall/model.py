"""Firewall rules in one form, whatever tool they came from, and what is asked of them.

The packet is the first one of a new connection or exchange, sent by another host to an address of
this machine, genuine (its sender can be answered), from a host that was quiet until now. Its
source address is not one value but the set of all of them: a condition divides that set in three,
those it holds for, those it may hold for, and the rest.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from nethood.exposure.local.firewall.spans import Spans, address_number


@dataclass(frozen=True, slots=True)
class Packet:
    """A new packet from outside: *protocol* "tcp" or "udp", *port* its destination port.

    *interface* is where it comes in and *destination* which address of ours it is for; None
    where that is open, and then a rule about it can't be decided.
    """

    protocol: str
    port: int
    family: int = 4
    interface: str | None = None
    destination: str | None = None

    def number(self, name: str) -> int | None:
        """Return a field that is a number: "dport", "daddr"; None where it is not known."""
        if name == "dport":
            return self.port
        if name == "daddr" and self.destination is not None:
            return address_number(self.destination)[1]
        return None

    def words(self, name: str) -> frozenset[str] | None:
        """Return all that is true of a field that is a word; None where it is not known."""
        if name == "interface":
            return None if self.interface is None else frozenset((self.interface,))
        return {**_ALWAYS, "protocol": frozenset((self.protocol,))}.get(name)


_ALWAYS = {
    "ctstate": frozenset({"new"}),
    "ctstatus": frozenset[str](),
    "daddrtype": frozenset({"local"}),
    "saddrtype": frozenset({"unicast"}),
    "pkttype": frozenset({"host", "unicast"}),
    "protocol": frozenset[str](),
}


NOBODY = Spans()


@dataclass(frozen=True, slots=True)
class Split:
    """For which sources something holds for certain, and for which it may hold."""

    yes: Spans
    maybe: Spans = NOBODY


class Condition(Protocol):
    """One clause of a rule."""

    def split(self, packet: Packet, sources: Spans) -> Split:
        """Divide *sources*; those in neither part are the ones it does not hold for."""


@dataclass(frozen=True, slots=True)
class NumberIs:
    """The field *name* is in *spans*, or is not where *negated*; of no other family."""

    name: str
    spans: Spans
    negated: bool = False

    def split(self, packet: Packet, sources: Spans) -> Split:
        if self.name == "saddr":
            return Split(sources - self.spans if self.negated else sources & self.spans)
        number = packet.number(self.name)
        if number is None:
            return Split(NOBODY, sources)
        return _all_or_none(sources, (number in self.spans) != self.negated)


@dataclass(frozen=True, slots=True)
class WordIs:
    """The field *name* is one of *words*, which may end in "*", or is not where *negated*."""

    name: str
    words: frozenset[str]
    negated: bool = False

    def split(self, packet: Packet, sources: Spans) -> Split:
        facts = packet.words(self.name)
        if facts is None and self.name == "interface" and self.words == {"lo"}:
            return _all_or_none(sources, self.negated)  # it comes from another host
        if facts is None:
            return Split(NOBODY, sources)
        found = any(_is_like(fact, word) for fact in facts for word in self.words)
        return _all_or_none(sources, found != self.negated)


@dataclass(frozen=True, slots=True)
class FamilyIs:
    """The packet is of IPv4 (4) or IPv6 (6)."""

    family: int
    negated: bool = False

    def split(self, packet: Packet, sources: Spans) -> Split:
        return _all_or_none(sources, (packet.family == self.family) != self.negated)


@dataclass(frozen=True, slots=True)
class Constant:
    """Something that is decided already, such as a rate limit that a quiet host is below of."""

    holds: bool

    def split(self, packet: Packet, sources: Spans) -> Split:
        return _all_or_none(sources, self.holds)


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One of several combinations, each a list of conditions that hold together."""

    alternatives: tuple[tuple[Condition, ...], ...]
    negated: bool = False

    def split(self, packet: Packet, sources: Spans) -> Split:
        yes, possible = NOBODY, NOBODY
        for conditions in self.alternatives:
            part = split_all(conditions, packet, sources)
            yes |= part.yes
            possible |= part.yes | part.maybe
        if self.negated:
            return Split(sources - possible, possible - yes)
        return Split(yes, possible - yes)


@dataclass(frozen=True, slots=True)
class Opaque:
    """A condition that is not understood, or is about what nobody can know beforehand."""

    text: str

    def split(self, packet: Packet, sources: Spans) -> Split:
        return Split(NOBODY, sources)


def _all_or_none(sources: Spans, holds: bool) -> Split:
    return Split(sources if holds else NOBODY)


def _is_like(fact: str, word: str) -> bool:
    if word.endswith("*"):
        return fact.startswith(word[:-1])
    return fact == word


def split_all(conditions: Iterable[Condition], packet: Packet, sources: Spans) -> Split:
    """Divide *sources* by all *conditions* together."""
    yes, possible = sources, sources
    for condition in conditions:
        if not possible:
            break
        part = condition.split(packet, possible)
        yes &= part.yes
        possible = part.yes | part.maybe
    return Split(yes, possible - yes)


class Act(StrEnum):
    """What a rule does with a packet it matches."""

    ACCEPT = "accept"
    DROP = "drop"
    REJECT = "reject"
    RETURN = "return"
    JUMP = "jump"
    GOTO = "goto"
    PASS = "pass"
    REDIRECT = "redirect"
    OPAQUE = "opaque"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: *target* is the chain of a jump, or where a redirection leads."""

    conditions: tuple[Condition, ...]
    act: Act
    target: str = ""
    text: str = ""


ChainKey = tuple[str, str, str]
"""Which program made it or the family, its table, its name."""


@dataclass(slots=True)
class Chain:
    """Rules in order. With *hook* the kernel begins here, at *priority*; else it is jumped to.

    *families* are the IP versions that come by; *device* is set for a netdev chain.
    """

    key: ChainKey
    rules: list[Rule] = field(default_factory=list)
    hook: str = ""
    priority: int = 0
    policy: Act = Act.ACCEPT
    families: frozenset[int] = frozenset({4, 6})
    device: str = ""
    doubt: str = ""
    """Why it may not apply at all."""


@dataclass(slots=True)
class Ruleset:
    """All rules of a machine; `+` joins what different tools told."""

    chains: dict[ChainKey, Chain] = field(default_factory=dict)

    def __add__(self, other: Ruleset) -> Ruleset:
        return Ruleset({**self.chains, **other.chains})

    @property
    def rule_count(self) -> int:
        """How many rules there are altogether."""
        return sum(len(chain.rules) for chain in self.chains.values())

    def without(self, program: str, tables: Iterable[str]) -> Ruleset:
        """Return the rules without those of *program*'s *tables*."""
        gone = set(tables)
        kept = {k: c for k, c in self.chains.items() if not (k[0] == program and k[1] in gone)}
        return Ruleset(kept)


class Access(StrEnum):
    """Whom a firewall lets in."""

    EVERYONE = "everyone"
    SOME = "some"
    NOBODY = "nobody"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a packet. *networks* are those certainly let in where not everyone is.

    *how* is "dropped" or "rejected" for a packet that is kept out, *rules* quote what decided,
    *reason* says why it is unknown for those not in *networks*.
    """

    access: Access
    networks: tuple[str, ...] = ()
    except_for: tuple[str, ...] = ()
    how: str = ""
    rules: tuple[str, ...] = ()
    reason: str = ""

    def __str__(self) -> str:
        if self.access is Access.EVERYONE:
            return "open to everyone"
        if self.access is Access.NOBODY:
            return f"blocked ({self.how})"
        listed = short_list(self.networks)
        if self.access is Access.UNKNOWN:
            return f"open to {listed}; others {self._unknown}" if listed else self._unknown
        if self.except_for:
            return f"open to everyone except {short_list(self.except_for)}"
        return f"open to {listed}"

    @property
    def _unknown(self) -> str:
        return f"unknown: {self.reason}"


def short_list(items: tuple[str, ...], limit: int = 6) -> str:
    """Return *items* with commas, cut after *limit*."""
    more = len(items) - limit
    return ", ".join(items[:limit]) + (f" and {more} more" if more > 0 else "")
