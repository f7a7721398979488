"""Rules of nftables as nft prints them in JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nethood.errors import Malformed
from nethood.exposure.local.firewall import Access, Packet, judge, rules_from_nft
from tests.exposure.local.rules import recorded, tcp445

IN = {"type": "filter", "hook": "input", "prio": 0}


def ruleset(
    *expressions: list[dict[str, Any]], policy: str = "accept", family: str = "inet", **more: Any
) -> str:
    """Return the JSON of one table with one input chain."""
    head = {"family": family, "table": "t"}
    items: list[dict[str, Any]] = [{"table": {"family": family, "name": "t", **more}}]
    items.append({"chain": {**head, "name": "c", **IN, "policy": policy}})
    items += [
        {"rule": {**head, "chain": "c", "handle": n, "expr": expression}}
        for n, expression in enumerate(expressions, 1)
    ]
    return json.dumps({"nftables": items})


def match(left: dict[str, Any], right: Any, op: str = "==") -> dict[str, Any]:
    return {"match": {"op": op, "left": left, "right": right}}


def payload(protocol: str, field: str) -> dict[str, Any]:
    return {"payload": {"protocol": protocol, "field": field}}


DPORT = payload("tcp", "dport")
CT = {"ct": {"key": "state"}}

HOLDS: list[dict[str, Any]] = [
    match(DPORT, 445),
    match(DPORT, 139, "!="),
    match(DPORT, {"set": [139, {"range": [440, 450]}]}),
    match(DPORT, 444, ">"),
    match(DPORT, 445, "<="),
    match(payload("th", "dport"), {"range": [1, 1023]}),
    match({"meta": {"key": "l4proto"}}, {"set": ["tcp", "udp"]}),
    match({"meta": {"key": "l4proto"}}, 6),
    match({"meta": {"key": "nfproto"}}, "ipv4"),
    match({"meta": {"key": "protocol"}}, "ip"),
    match({"meta": {"key": "iifname"}}, "lo", "!="),
    match({"meta": {"key": "iifname"}}, {"set": ["wlan0", "eth*"]}),
    match({"meta": {"key": "pkttype"}}, "unicast"),
    match(CT, ["new", "related"], "in"),
    match(CT, "invalid", "!="),
    match({"ct": {"key": "status"}}, "dnat", "!="),
    match({"fib": {"result": "type", "flags": ["daddr"]}}, "local"),
    match({"fib": {"result": "oif", "flags": ["saddr", "iif"]}}, True),
    match(payload("ip", "protocol"), "tcp"),
    match(payload("ip", "daddr"), {"prefix": {"addr": "192.0.2.0", "len": 24}}),
    match({"&": [payload("tcp", "flags"), ["syn", "ack"]]}, "syn"),
    match({"&": [payload("tcp", "flags"), {"|": ["fin", "syn"]}]}, "syn"),
    match(payload("tcp", "flags"), "syn"),
    {"limit": {"rate": 10, "per": "second"}},
    {"ct count": {"val": 3}},
    {"counter": {"packets": 0, "bytes": 0}},
    {"xt": {"type": "match", "name": "comment"}},
    {"set": {"op": "update", "elem": payload("ip", "saddr"), "set": "@s"}},
    {"mangle": {"key": {"meta": {"key": "mark"}}, "value": 1}},
    {"log": None},
]

FAILS: list[dict[str, Any]] = [
    match(DPORT, 139),
    match(DPORT, 445, "!="),
    match(payload("udp", "dport"), 137, "!="),
    match(payload("icmp", "type"), "echo-request", "!="),
    match(payload("icmpv6", "type"), "nd-neighbor-solicit"),
    match(payload("ip6", "saddr"), "fe80::1", "!="),
    match(payload("arp", "operation"), 1),
    match({"meta": {"key": "nfproto"}}, "ipv6"),
    match({"meta": {"key": "iif"}}, "lo"),
    match({"meta": {"key": "pkttype"}}, {"set": ["broadcast", "multicast"]}),
    match(CT, {"set": ["established", "related"]}),
    match({"fib": {"result": "oif", "flags": ["saddr", "mark", "iif"]}}, False),
    match(payload("ip", "daddr"), "224.0.0.251"),
    match({"&": [payload("tcp", "flags"), ["syn", "ack"]]}, ["syn", "ack"]),
    {"limit": {"rate": 10, "per": "second", "inv": True}},
    {"ct count": {"val": 3, "inv": True}},
    {
        "set": {
            "op": "add",
            "elem": payload("ip", "saddr"),
            "set": "@s",
            "stmt": [{"limit": {"rate": 5, "per": "minute", "inv": True}}],
        }
    },
    {"meter": {"key": payload("ip", "saddr"), "stmt": {"ct count": {"val": 3, "inv": True}}}},
]

UNCLEAR: list[dict[str, Any]] = [
    match({"meta": {"key": "mark"}}, 1),
    match({"meta": {"key": "hour"}}, "10:00"),
    match(payload("tcp", "sport"), 53),
    match(payload("ether", "saddr"), "00:11:22:33:44:55"),
    match(payload("ip", "dscp"), 1),
    match(DPORT, "@missing"),
    match(DPORT, {"set": ["*"]}),
    match(DPORT, 445, "almost"),
    match({"socket": {"key": "transparent"}}, 1),
    match({"numgen": {"mode": "random", "mod": 2}}, 0),
    {"quota": {"val": 10, "val_unit": "mbytes", "inv": True}},
    {"xt": {"type": "match", "name": "multiport"}},
]


@pytest.mark.parametrize("statement", HOLDS)
def test_what_holds_for_a_new_connection(statement: dict[str, Any]) -> None:
    drop = rules_from_nft(ruleset([statement, {"drop": None}]))
    assert str(tcp445(drop)) == "blocked (dropped)"


@pytest.mark.parametrize("statement", FAILS)
def test_what_does_not_hold_for_it(statement: dict[str, Any]) -> None:
    accept = rules_from_nft(ruleset([statement, {"accept": None}], policy="drop"))
    assert str(tcp445(accept)) == "blocked (dropped)"


@pytest.mark.parametrize("statement", UNCLEAR)
def test_what_nobody_can_know_is_quoted(statement: dict[str, Any]) -> None:
    verdict = tcp445(rules_from_nft(ruleset([statement, {"accept": None}], policy="drop")))
    assert verdict.access is Access.UNKNOWN
    assert "inet t c: [" in verdict.reason


@pytest.mark.parametrize(
    "statement",
    [{"queue": {"num": 1}}, {"synproxy": None}, {"unheard of": 1}, {"xt": None}, {"notrack": None}],
)
def test_a_statement_that_is_not_understood_is_unknown(statement: dict[str, Any]) -> None:
    assert tcp445(rules_from_nft(ruleset([statement]))).access is Access.UNKNOWN


def test_a_rule_is_quoted_as_a_person_writes_it() -> None:
    listing = (
        "table inet t { # handle 1\n\tchain c { # handle 1\n\t\tmeta mark 1 accept # handle 1\n"
    )
    mark = match({"meta": {"key": "mark"}}, 1)
    text = ruleset([mark, {"accept": None}], policy="drop")
    assert str(tcp445(rules_from_nft(text, listing))) == (
        "unknown: it depends on 'inet t c: meta mark 1 accept'"
    )


def test_a_table_that_sleeps_does_nothing() -> None:
    text = ruleset([{"drop": None}], flags=["dormant"])
    assert str(tcp445(rules_from_nft(text))) == "open to everyone"


def test_a_bridge_may_or_may_not_see_the_packet() -> None:
    text = ruleset([match(DPORT, 445), {"drop": None}], family="bridge")
    assert str(tcp445(rules_from_nft(text))).startswith(
        "unknown: it depends on 'the bridge chain t c"
    )
    accepting = ruleset([match(DPORT, 139), {"drop": None}], family="bridge")
    assert str(tcp445(rules_from_nft(accepting))) == "open to everyone"


def test_dnat_for_ipv4_leaves_ipv6_alone() -> None:
    text = ruleset([{"dnat": {"family": "ip", "addr": "10.0.0.9", "port": 44}}])
    assert "sent on to 10.0.0.9:44" in str(tcp445(rules_from_nft(text)))
    assert str(tcp445(rules_from_nft(text), 6)) == "open to everyone"


@pytest.mark.parametrize(
    ("packet", "expected"),
    [
        (Packet("tcp", 445, 4, "eth0", "10.77.0.1"), "open to everyone except 10.78.0.0/24"),
        (Packet("tcp", 445, 6, "eth0", "fe80::1"), "open to everyone"),
        (Packet("udp", 137, 4, "eth0", "10.77.0.1"), "open to everyone"),
        (Packet("udp", 5353, 4, "eth0", "224.0.0.251"), "open to 10.78.0.0/24"),
        (Packet("udp", 3702, 4, "eth0", "10.77.0.1"), "blocked (rejected)"),
        (Packet("tcp", 42, 6, "eth0", "fe80::1"), "blocked (rejected)"),
    ],
)
def test_the_rules_firewalld_makes(packet: Packet, expected: str) -> None:
    assert str(judge(rules_from_nft(recorded("firewalld.json")), packet)) == expected


@pytest.mark.parametrize(
    ("port", "expected"),
    [(4, "unknown"), (80, "open to everyone"), (445, "unknown: it is sent on to 10.0.0.1:44")],
)
def test_a_real_ruleset_of_every_kind(port: int, expected: str) -> None:
    ruleset = rules_from_nft(recorded("every_kind.json"))
    assert str(judge(ruleset, Packet("tcp", port, 4, "eth0", "192.0.2.1"))).startswith(expected)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"nftables": [1]}',
        '{"nftables": {"a": 1}}',
        '{"nftables": [{"chain": {"family": "ip"}}]}',
        '{"nftables": [{"rule": {"family": "ip"}}]}',
        "[" * 100_000,
    ],
)
def test_what_is_no_ruleset_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        rules_from_nft(text)


WORDS = (
    "match left right op payload protocol field set concat & vmap key data elem val range prefix"
    " ct meta jump xt"
)
LEAVES = st.none() | st.booleans() | st.integers() | st.sampled_from(["tcp", "@s", "dport", "*"])
JSON = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(WORDS.split()), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.lists(st.dictionaries(st.sampled_from(["match", "vmap", "set", "xt"]), JSON, max_size=2)))
def test_any_rule_is_read_or_refused(expression: list[dict[str, Any]]) -> None:
    try:
        rules = rules_from_nft(ruleset(expression))
    except Malformed:
        return
    judge(rules, Packet("tcp", 445))
