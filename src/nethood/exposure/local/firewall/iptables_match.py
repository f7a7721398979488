"""What the words of an iptables rule ask of a packet, option by option.

An option that is not in the tables makes the whole rule one that can't be decided: nothing is
skipped silently.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from nethood.exposure.local.firewall.model import (
    AnyOf,
    Condition,
    Constant,
    NumberIs,
    Opaque,
    WordIs,
)
from nethood.exposure.local.firewall.spans import Spans, address_number, network_span

_PROTOCOLS = {"1": "icmp", "6": "tcp", "17": "udp", "58": "ipv6-icmp", "icmpv6": "ipv6-icmp"}
_FLAGS = frozenset({"FIN", "SYN", "RST", "PSH", "ACK", "URG"})
_SERVICES = {
    "domain": 53,
    "ssh": 22,
    "http": 80,
    "https": 443,
    "nameserver": 42,
    "netbios-ns": 137,
    "netbios-dgm": 138,
    "netbios-ssn": 139,
    "microsoft-ds": 445,
    "mdns": 5353,
    "hostmon": 5355,
    "llmnr": 5355,
}


def _ports(text: str) -> Spans:
    """Return the ports of "445", "139,445", "1:1023" or ":1023". Raises ValueError."""
    return Spans.of(_port_pair(part) for part in text.split(","))


def _port_pair(part: str) -> tuple[int, int]:
    low, colon, high = part.partition(":")
    first = _port(low) if low else 0
    return first, (_port(high) if high else 65535) if colon else first


def _port(text: str) -> int:
    return _SERVICES[text] if text in _SERVICES else int(text)


def _networks(text: str) -> Spans:
    return Spans.of(network_span(part)[1:] for part in text.split(","))


def _address_range(text: str) -> Spans:
    low, _, high = text.partition("-")
    first = address_number(low)[1]
    return Spans.of([(first, address_number(high)[1] if high else first)])


def _words(name: str) -> Callable[[str, bool], Condition]:
    def make(text: str, negated: bool) -> Condition:
        return WordIs(name, frozenset(text.lower().split(",")), negated)

    return make


def _numbers(name: str, read: Callable[[str], Spans]) -> Callable[[str, bool], Condition]:
    def make(text: str, negated: bool) -> Condition:
        return NumberIs(name, read(text), negated)

    return make


def _constant(holds: bool) -> Callable[[str, bool], Condition]:
    def make(_: str, negated: bool) -> Condition:
        return Constant(holds != negated)

    return make


def _protocol(text: str, negated: bool) -> Condition:
    if text in ("all", "0"):
        return Constant(not negated)
    return WordIs("protocol", frozenset({_PROTOCOLS.get(text, text)}), negated)


def _interface(text: str, negated: bool) -> Condition:
    """`+` at the end stands for the rest of a name."""
    pattern = f"{text[:-1]}*" if text.endswith("+") else text
    return WordIs("interface", frozenset({pattern}), negated)


def _either_port(text: str, negated: bool) -> Condition:
    spans = _ports(text)
    either = tuple((NumberIs(name, spans),) for name in ("sport", "dport"))
    return AnyOf(either, negated)


def _nothing(_: str, negated: bool) -> Condition | None:
    return None


Maker = Callable[[str, bool], Condition | None]

_WITH_VALUE: dict[str, Maker] = {
    "-p": _protocol,
    "-s": _numbers("saddr", _networks),
    "-d": _numbers("daddr", _networks),
    "-i": _interface,
    "--sport": _numbers("sport", _ports),
    "--dport": _numbers("dport", _ports),
    "--sports": _numbers("sport", _ports),
    "--dports": _numbers("dport", _ports),
    "--ports": _either_port,
    "--src-range": _numbers("saddr", _address_range),
    "--dst-range": _numbers("daddr", _address_range),
    "--ctstate": _words("ctstate"),
    "--state": _words("ctstate"),
    "--ctstatus": _words("ctstatus"),
    "--src-type": _words("saddrtype"),
    "--dst-type": _words("daddrtype"),
    "--pkt-type": _words("pkttype"),
    # The first packet of a quiet host is below every limit.
    "--limit": _constant(True),
    "--hashlimit-upto": _constant(True),
    "--hashlimit-above": _constant(False),
    "--connlimit-upto": _constant(True),
    "--connlimit-above": _constant(False),
    "--ctdir": lambda text, negated: Constant((text.upper() == "ORIGINAL") != negated),
    # What goes with another option, or with none.
    **dict.fromkeys(
        (
            "-m",
            "--comment",
            "--limit-burst",
            "--hashlimit-burst",
            "--hashlimit-mode",
            "--hashlimit-name",
            "--hashlimit-srcmask",
            "--hashlimit-dstmask",
            "--hashlimit-htable-size",
            "--hashlimit-htable-max",
            "--hashlimit-htable-expire",
            "--hashlimit-htable-gcinterval",
            "--connlimit-mask",
            "--name",
            "--mask",
            "--seconds",
        ),
        _nothing,
    ),
}
_ALONE: dict[str, Maker] = {
    "--rsource": _nothing,
    "--rdest": _nothing,
    "--connlimit-saddr": _nothing,
    "--connlimit-daddr": _nothing,
    "--reap": _nothing,
    "--rttl": _nothing,
    "--syn": _constant(True),
    "-f": _constant(False),
    "--loose": _nothing,
    "--validmark": _nothing,
    "--accept-local": _nothing,
}
_NEVER = frozenset({"--icmp-type", "--icmpv6-type", "--rt-type"})
"""For other protocols than those asked about here, or for headers that a plain packet has not."""


class Clauses:
    """The conditions of one rule while its words are read."""

    def __init__(self, text: str) -> None:
        """*text* is the whole rule, to quote where it is not understood."""
        self._text = text
        self._found: list[Condition] = []
        self._understood = True
        self._modules: set[str] = set()
        self._recent: set[str] = set()
        self._invert = False

    def take(self, words: list[str]) -> list[str]:
        """Read one option from the front of *words*; return the rest."""
        negated = words[0] == "!"
        rest = words[1:] if negated else words
        if not rest:
            self._understood = False
            return []
        option = rest[0]
        try:
            return rest[1 + self._option(option, rest[1:], negated) :]
        except (ValueError, IndexError):
            self._understood = False
            return rest[1:]

    def conditions(self) -> tuple[Condition, ...]:
        """Return what the rule asks, with what stays unclear of it."""
        found = self._found + self._of_recent()
        if "rpfilter" in self._modules:
            # The sender can be answered, so the reverse path is there.
            found.append(Constant(not self._invert))
        if not self._understood:
            found.append(Opaque(self._text))
        return tuple(found)

    def _option(self, option: str, values: Sequence[str], negated: bool) -> int:
        """Take one option; return how many values it had. Raises ValueError, IndexError."""
        if option == "-m":
            self._modules.add(values[0])
            return 1
        if option == "--tcp-flags":
            return self._flags(values[0], values[1], negated)
        if option in ("--set", "--rcheck", "--update", "--remove", "--hitcount"):
            return self._note_recent(option, negated)
        if option == "--invert":
            self._invert = True
            return 0
        if option in _NEVER:
            self._found.append(Constant(False))
            return 1
        if option in _ALONE:
            return self._add(_ALONE[option]("", negated), 0)
        if option in _WITH_VALUE:
            return self._add(_WITH_VALUE[option](values[0], negated), 1)
        raise ValueError(option)

    def _add(self, condition: Condition | None, taken: int) -> int:
        if condition is not None:
            self._found.append(condition)
        return taken

    def _flags(self, mask: str, wanted: str, negated: bool) -> int:
        asked = _flag_set(mask)
        self._found.append(Constant(((asked & {"SYN"}) == _flag_set(wanted)) != negated))
        return 2

    def _note_recent(self, option: str, negated: bool) -> int:
        if negated:
            raise ValueError(option)
        self._recent.add(option)
        return 1 if option == "--hitcount" else 0

    def _of_recent(self) -> list[Condition]:
        """A quiet host has not been seen often; whether it was seen at all can't be known."""
        if "--hitcount" in self._recent:
            return [Constant(False)]
        if self._recent & {"--rcheck", "--update", "--remove"}:
            return [Opaque(self._text)]
        return []


def _flag_set(text: str) -> frozenset[str]:
    if text == "ALL":
        return _FLAGS
    return frozenset() if text == "NONE" else frozenset(text.split(","))
