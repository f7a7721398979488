"""What a match expression of nftables asks of a packet.

An expression brings conditions of its own along: `tcp dport` holds for TCP only, `ip saddr` for
IPv4 only, also where the comparison is negated.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nethood.exposure.local.firewall.model import (
    AnyOf,
    Condition,
    Constant,
    FamilyIs,
    NumberIs,
    Opaque,
    WordIs,
)
from nethood.exposure.local.firewall.spans import Spans, address_number, network_span

Sets = dict[str, list[Any]]
"""The named sets of a table and their elements."""

_FAMILY_WORDS = {"ipv4": 4, "ip": 4, "2": 4, "ipv6": 6, "ip6": 6, "10": 6}
_FAMILY_OF = {"ip": 4, "ip6": 6}
_TRANSPORTS = {"icmpv6": "ipv6-icmp"}
_PROTOCOL_NUMBERS = {"1": "icmp", "6": "tcp", "17": "udp", "58": "ipv6-icmp", "icmpv6": "ipv6-icmp"}
_NO_TRANSPORT = frozenset({"ether", "vlan", "ip", "ip6", "th", "nh", "ll", "ih"})
_META_WORDS = {
    "l4proto": "protocol",
    "iifname": "interface",
    "iif": "interface",
    "pkttype": "pkttype",
}
_SYN = frozenset({"syn"})
_TOP = {"port": 65535}


def conditions_of(
    left: Any, operator: str, right: Any, sets: Sets, text: str
) -> tuple[Condition, ...]:
    """Return the conditions of `left operator right`; *text* is quoted where one is unclear."""
    implied = implied_by(left)
    if operator not in ("==", "in", "!=", "<", ">", "<=", ">="):
        return (*implied, Opaque(text))
    if isinstance(left, dict) and "concat" in left:
        return (*implied, _concatenated(left["concat"], operator, right, sets, text))
    try:
        return (*implied, _single(left, operator, right, sets, text))
    except (ValueError, KeyError, TypeError, AttributeError):
        return (*implied, Opaque(text))


def implied_by(expression: Any) -> tuple[Condition, ...]:
    """Return what must hold for an expression to have a value at all."""
    if not isinstance(expression, dict):
        return ()
    if "concat" in expression:
        return tuple(c for part in expression["concat"] for c in implied_by(part))
    if "&" in expression:
        return implied_by(expression["&"][0])
    payload = expression.get("payload")
    if not isinstance(payload, dict) or "protocol" not in payload:
        return ()
    protocol = str(payload["protocol"])
    if protocol == "arp":
        return (Constant(False),)
    if protocol in _FAMILY_OF:
        return (FamilyIs(_FAMILY_OF[protocol]),)
    if protocol in _NO_TRANSPORT:
        return ()
    return (WordIs("protocol", frozenset({_TRANSPORTS.get(protocol, protocol)})),)


def _concatenated(parts: list[Any], operator: str, right: Any, sets: Sets, text: str) -> Condition:
    elements = list(_elements(right, sets))
    if operator not in ("==", "in", "!=") or any("concat" not in e for e in elements):
        return Opaque(text)
    alternatives = tuple(
        tuple(
            condition
            for part, value in zip(parts, element["concat"], strict=False)
            for condition in conditions_of(part, "==", value, sets, text)
        )
        for element in elements
    )
    return AnyOf(alternatives, operator == "!=")


def _single(left: dict[str, Any], operator: str, right: Any, sets: Sets, text: str) -> Condition:
    [(kind, value)] = left.items()
    negated = operator == "!="
    if kind == "&":
        return _masked(value, operator, right, text)
    if kind == "fib":
        return _routed(value, negated, right, sets, text)
    field = _number_field(kind, value)
    if field:
        return NumberIs(field, _spans(field, operator, right, sets), negated)
    if operator not in ("==", "in", "!="):
        return Opaque(text)
    if kind == "payload" and value.get("protocol") == "tcp" and value.get("field") == "flags":
        return _flags(_SYN, operator, right)
    words = frozenset(_word(element) for element in _elements(right, sets))
    return _worded(kind, value, words, negated) or Opaque(text)


def _number_field(kind: str, value: Any) -> str:
    """Return our name of a field that is a number."""
    if kind != "payload" or "field" not in value:
        return ""
    field = str(value["field"])
    if value["protocol"] in ("ip", "ip6"):
        return field if field in ("saddr", "daddr") else ""
    return field if field in ("sport", "dport") else ""


def _worded(kind: str, value: Any, words: frozenset[str], negated: bool) -> Condition | None:
    if kind == "meta":
        return _meta(str(value["key"]), words, negated)
    if kind == "ct" and value.get("key") in ("state", "status") and "dir" not in value:
        return WordIs(f"ct{value['key']}", words, negated)
    if kind == "payload" and value.get("field") in ("protocol", "nexthdr"):
        return WordIs("protocol", _protocols(words), negated)
    return None


def _meta(key: str, words: frozenset[str], negated: bool) -> Condition | None:
    if key in ("nfproto", "protocol"):
        families = [FamilyIs(_FAMILY_WORDS[w]) for w in words if w in _FAMILY_WORDS]
        return AnyOf(tuple((family,) for family in families), negated)
    if key not in _META_WORDS:
        return None
    name = _META_WORDS[key]
    return WordIs(name, _protocols(words) if name == "protocol" else words, negated)


def _protocols(words: frozenset[str]) -> frozenset[str]:
    return frozenset(_PROTOCOL_NUMBERS.get(word, word) for word in words)


def _routed(value: dict[str, Any], negated: bool, right: Any, sets: Sets, text: str) -> Condition:
    """Return what a route look-up asks: the packet is for us, its sender can be answered."""
    flags = value.get("flags", ())
    if value.get("result") == "type" and ("daddr" in flags or "saddr" in flags):
        words = frozenset(_word(element) for element in _elements(right, sets))
        return WordIs("daddrtype" if "daddr" in flags else "saddrtype", words, negated)
    if "saddr" in flags and isinstance(right, bool):
        return Constant(right is not negated)
    return Opaque(text)


def _masked(value: list[Any], operator: str, right: Any, text: str) -> Condition:
    """Return what `tcp flags & mask` asks of the first packet, a SYN; others are unclear."""
    payload = value[0].get("payload", {}) if isinstance(value[0], dict) else {}
    if payload.get("protocol") != "tcp" or payload.get("field") != "flags":
        return Opaque(text)
    mask = frozenset(_flag_words(value[1]))
    wanted = frozenset(_flag_words(right)) if right not in (0, "0x0") else frozenset[str]()
    if operator == "in":
        return Constant(bool(_SYN & mask & wanted))
    return Constant((_SYN & mask == wanted) != (operator == "!="))


def _flags(ours: frozenset[str], operator: str, right: Any) -> Condition:
    if operator == "in":
        return Constant(bool(ours & frozenset(_flag_words(right))))
    if isinstance(right, dict) and "set" in right:
        found = any(ours == frozenset(_flag_words(one)) for one in right["set"])
    else:
        found = ours == frozenset(_flag_words(right))
    return Constant(found != (operator == "!="))


def _flag_words(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for one in value:
            yield from _flag_words(one)
    elif isinstance(value, dict) and "|" in value:
        yield from _flag_words(value["|"])
    else:
        raise ValueError(value)


def _elements(right: Any, sets: Sets) -> Iterator[Any]:
    """Yield the single values, ranges and prefixes on the right side of a comparison."""
    if isinstance(right, str) and right.startswith("@"):
        right = sets[right[1:]]
    if isinstance(right, list):
        for one in right:
            yield from _elements(one, sets)
    elif isinstance(right, dict) and "set" in right:
        yield from _elements(right["set"], sets)
    elif isinstance(right, dict) and "elem" in right:
        yield from _elements(right["elem"]["val"], sets)
    elif right == "*":
        raise ValueError("a catch-all element")
    else:
        yield right


def _word(element: Any) -> str:
    if isinstance(element, str | int) and not isinstance(element, bool):
        return str(element)
    raise ValueError(element)


def _spans(field: str, operator: str, right: Any, sets: Sets) -> Spans:
    pairs = [_pair(field, element) for element in _elements(right, sets)]
    if operator in ("==", "in", "!="):
        return Spans.of(pairs)
    [(number, _)] = pairs
    if field.endswith("addr"):
        raise ValueError("an order of addresses")
    bounds: Mapping[str, tuple[int, int]] = {
        "<": (0, number - 1),
        "<=": (0, number),
        ">": (number + 1, _TOP["port"]),
        ">=": (number, _TOP["port"]),
    }
    return Spans.of([bounds[operator]])


def _pair(field: str, element: Any) -> tuple[int, int]:
    """Return first and last number of an element."""
    if isinstance(element, dict) and "range" in element:
        low, high = element["range"]
        return _pair(field, low)[0], _pair(field, high)[1]
    if field in ("sport", "dport"):
        return int(element), int(element)
    if isinstance(element, dict):
        prefix = element["prefix"]
        return network_span(f"{prefix['addr']}/{prefix['len']}")[1:]
    number = address_number(str(element))[1]
    return number, number
