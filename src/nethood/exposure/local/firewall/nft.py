"""Reads `nft -j list ruleset`: tables, sets, chains and rules of nftables as a `Ruleset`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from nethood.errors import Malformed
from nethood.exposure.local.firewall.model import (
    Act,
    Chain,
    Condition,
    Constant,
    FamilyIs,
    Opaque,
    Rule,
    Ruleset,
)
from nethood.exposure.local.firewall.nft_match import Sets, conditions_of, implied_by

_STRUCTURE = "nft ruleset"
_FAMILIES = {"ip": frozenset({4}), "ip6": frozenset({6})}
_IP_FAMILIES = ("ip", "ip6", "inet", "netdev", "bridge")
_QUOTE_LIMIT = 200
_VERDICTS = {name: Act(name) for name in ("accept", "drop", "reject", "return", "jump", "goto")}
_REDIRECTS = frozenset({"dnat", "redirect", "tproxy"})
_HARMLESS = frozenset(
    {
        "counter",
        "log",
        "comment",
        "continue",
        "last",
        "dup",
        "masquerade",
        "snat",
        "secmark",
        "flow",
    }
)
_HARMLESS_CT = frozenset({"ct helper", "ct timeout", "ct expectation"})
_LIMITS = frozenset({"limit", "ct count"})
_HARMLESS_TARGETS = frozenset({"LOG", "NFLOG", "MARK", "CONNMARK", "TCPMSS", "AUDIT", "CHECKSUM"})


@dataclass(slots=True)
class _Reading:
    """What has been read of a ruleset so far."""

    ruleset: Ruleset = field(default_factory=Ruleset)
    sets: dict[tuple[str, str], Sets] = field(default_factory=dict)
    dormant: set[tuple[str, str]] = field(default_factory=set)
    texts: Mapping[tuple[str, str, int], str] = field(default_factory=dict)


def rules_from_nft(ruleset_json: str, listing: str = "") -> Ruleset:
    """Return the rules in *ruleset_json*; *listing*, from `nft -a list ruleset`, to quote them.

    Raises Malformed where that is no ruleset. What is not understood of a rule stays in it as a
    condition that nobody can decide.
    """
    reading = _Reading(texts=_texts(listing))
    try:
        objects = json.loads(ruleset_json)["nftables"]
        for readers in ({"table": _table, "set": _set, "map": _set}, {"chain": _chain}):
            _each(objects, readers, reading)
        _each(objects, {"rule": _rule}, reading)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Malformed(_STRUCTURE, f"this is not what nft prints ({error})") from None
    return reading.ruleset


def _each(objects: list[dict[str, Any]], readers: Mapping[str, Any], reading: _Reading) -> None:
    for item in objects:
        for kind, value in item.items():
            if kind in readers:
                readers[kind](reading, value)


def _table(reading: _Reading, table: dict[str, Any]) -> None:
    if "dormant" in table.get("flags", ()):
        reading.dormant.add((table["family"], table["name"]))


def _set(reading: _Reading, item: dict[str, Any]) -> None:
    sets = reading.sets.setdefault((item["family"], item["table"]), {})
    sets[item["name"]] = item.get("elem", [])


def _chain(reading: _Reading, item: dict[str, Any]) -> None:
    family, table = item["family"], item["table"]
    if family not in _IP_FAMILIES or (family, table) in reading.dormant:
        return
    chain = Chain((family, table, item["name"]), hook=item.get("hook", ""))
    chain.families = _FAMILIES.get(family, chain.families)
    if chain.hook:
        chain.priority = int(item.get("prio", 0))
        chain.policy = Act(item.get("policy", "accept"))
        chain.device, chain.doubt = _where(family, item)
    reading.ruleset.chains[chain.key] = chain


def _where(family: str, item: dict[str, Any]) -> tuple[str, str]:
    """Return the device of a chain, and why it may not apply."""
    name = f"{item['table']} {item['name']}"
    if family == "bridge":
        return "", f"the bridge chain {name}, for packets that a bridge forwards"
    device = item.get("dev", "")
    if item["hook"] != "ingress" or (device and isinstance(device, str)):
        return device if item["hook"] == "ingress" else "", ""
    return "", f"the ingress chain {name}, whose interface nft does not tell"


def _rule(reading: _Reading, item: dict[str, Any]) -> None:
    chain = reading.ruleset.chains.get((item["family"], item["table"], item["chain"]))
    if chain is None:
        return
    where = f"{item['family']} {item['table']} {item['chain']}"
    told = reading.texts.get((item["family"], item["table"], item.get("handle", -1)))
    words = told or json.dumps(item["expr"], separators=(",", ":"))
    text = f"{where}: {words}"[:_QUOTE_LIMIT]
    sets = reading.sets.get((item["family"], item["table"]), {})
    chain.rules.extend(_rules_of(item["expr"], sets, text))


def _rules_of(statements: list[dict[str, Any]], sets: Sets, text: str) -> Iterator[Rule]:
    """Yield what one rule of nft is: one of ours, or several for a verdict map."""
    conditions: list[Condition] = []
    for statement in statements:
        [(kind, value)] = statement.items()
        if kind == "vmap":
            yield from _mapped(value, conditions, sets, text)
            return
        found, act, target = _statement(kind, value, sets, text)
        conditions += found
        if act is not Act.PASS:
            yield Rule(tuple(conditions), act, target, text)
            return
    yield Rule(tuple(conditions), Act.PASS, "", text)


def _statement(
    kind: str, value: Any, sets: Sets, text: str
) -> tuple[tuple[Condition, ...], Act, str]:
    """Return what a statement asks, and what it does."""
    if kind == "match":
        return conditions_of(value["left"], value["op"], value["right"], sets, text), Act.PASS, ""
    if kind in _VERDICTS:
        target = value["target"] if kind in ("jump", "goto") else ""
        return (), _VERDICTS[kind], target
    if kind in _REDIRECTS:
        return _redirected_family(value), Act.REDIRECT, _redirected_to(value)
    if kind in _LIMITS:
        # The first packet of a quiet host is below every limit.
        return (Constant(not value.get("inv", False)),), Act.PASS, ""
    if kind in _HARMLESS or kind in _HARMLESS_CT:
        return (), Act.PASS, ""
    return _rarer(kind, value, sets, text)


def _rarer(kind: str, value: Any, sets: Sets, text: str) -> tuple[tuple[Condition, ...], Act, str]:
    if kind in ("set", "map") and value.get("op") in ("add", "update"):
        held = value.get("stmt", ())
        return implied_by(value["elem"]) + _all_held(held, sets, text), Act.PASS, ""
    if kind == "meter":
        return implied_by(value["key"]) + _all_held([value["stmt"]], sets, text), Act.PASS, ""
    if kind == "mangle" and next(iter(value["key"])) in ("meta", "ct"):
        return (), Act.PASS, ""
    if kind == "xt" and value:
        return _extension(value, text)
    if kind == "quota":
        return (Opaque(text),), Act.PASS, ""
    return (), Act.OPAQUE, ""


def _all_held(held: Any, sets: Sets, text: str) -> tuple[Condition, ...]:
    """Return what the statements kept with a set's element ask."""
    found: list[Condition] = []
    for statement in held:
        [(kind, value)] = statement.items()
        asked, act, _ = _statement(kind, value, sets, text)
        found += asked if act is Act.PASS else (Opaque(text),)
    return tuple(found)


def _extension(value: dict[str, Any], text: str) -> tuple[tuple[Condition, ...], Act, str]:
    """Return what an extension of iptables means here; nft tells no more than its name."""
    if value.get("type") == "target":
        return (), Act.PASS if value.get("name") in _HARMLESS_TARGETS else Act.OPAQUE, ""
    return () if value.get("name") == "comment" else (Opaque(text),), Act.PASS, ""


def _redirected_family(value: Any) -> tuple[Condition, ...]:
    """Return the condition of `dnat ip to`, which leaves IPv6 alone in a table of both."""
    family = value.get("family") if isinstance(value, dict) else None
    return (FamilyIs(4 if family == "ip" else 6),) if family in _FAMILIES else ()


def _redirected_to(value: Any) -> str:
    if not isinstance(value, dict):
        return ""
    address, port = value.get("addr", ""), value.get("port", "")
    plain = isinstance(address, str) and isinstance(port, str | int)
    return f"to {address}:{port}".rstrip(":") if plain and (address or port) else ""


def _mapped(
    value: dict[str, Any], before: list[Condition], sets: Sets, text: str
) -> Iterator[Rule]:
    data = value["data"]
    known = not isinstance(data, str) or data.removeprefix("@") in sets
    pairs = sets.get(data.removeprefix("@"), []) if isinstance(data, str) else data["set"]
    if not known:
        yield Rule(tuple(before), Act.OPAQUE, "", text)
    for key, verdict in pairs:
        asked = conditions_of(value["key"], "==", key, sets, text)
        [(kind, target)] = verdict.items()
        _, act, where = _statement(kind, target, sets, text)
        yield Rule((*before, *asked), act, where, text)


_TABLE_LINE = re.compile(r"^table (\w+) (\S+) \{")
_RULE_LINE = re.compile(r"^\t\t(.*\S) # handle (\d+)$")


def _texts(listing: str) -> dict[tuple[str, str, int], str]:
    """Return family, table and handle -> the rule as a person writes it."""
    found: dict[tuple[str, str, int], str] = {}
    family = table = ""
    for line in listing.splitlines():
        if head := _TABLE_LINE.match(line):
            family, table = head.groups()
        elif rule := _RULE_LINE.match(line):
            found[family, table, int(rule[2])] = rule[1]
    return found
