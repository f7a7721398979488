"""What a daemon hands to `nethood browse`: its rows, there and back, and nothing else is read."""

from __future__ import annotations

import json
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest
from hypothesis import given, strategies

from nethood.browse.lists import ServerEntry
from nethood.browse.roles import Role
from nethood.browse.settings import BrowserSettings
from nethood.errors import Malformed
from nethood.nbt.node_model import Interface
from nethood.neighborhood.browse_offer import MASTER, Offer, Row, decode, encode, rows_of
from nethood.neighborhood.browser import BrowseView

LAN = Interface(IPv4Address("10.0.0.1"), IPv4Network("10.0.0.0/24"))
OWN = BrowserSettings(host_name="attic", machine_group="house", comment="ours")
ROW = Row("HOUSE", "ATTIC", "10.0.0.1", "10.0", "ours", OWN.server_type, "")
OFFER = Offer([ROW], ["HOUSE"])
PEER = ServerEntry("PEER", 3, "theirs", 6, 1, "10.0.0.2")
GROUPS = [ServerEntry("HOUSE", 1, "PEER"), ServerEntry("CORP", 1, "BOSS", 4, 0, "10.0.0.7")]


def test_a_host_that_is_no_master_lists_itself_all_the_same() -> None:
    view = BrowseView("HOUSE", Role.NON_BROWSER, "peer", [PEER], GROUPS)
    assert rows_of(view, OWN, LAN) == [
        Row("CORP", "BOSS", "10.0.0.7", "", "", 0x40000, MASTER),
        ROW,
        Row("HOUSE", "PEER", "10.0.0.2", "6.1", "theirs", 3, MASTER),
    ]


def test_a_master_lists_itself_once() -> None:
    own = ServerEntry("ATTIC", 0x40003, "ours", 10, 0)
    view = BrowseView("HOUSE", Role.LOCAL_MASTER, "ATTIC", [own, PEER], [])
    rows = rows_of(view, OWN, LAN)
    assert [(row.name, row.address, row.part) for row in rows] == [
        ("ATTIC", "10.0.0.1", MASTER),
        ("PEER", "10.0.0.2", ""),
    ]


def test_there_and_back() -> None:
    line = encode(OFFER)
    assert b"\n" not in line
    assert decode(line) == OFFER


WHOLE: dict[str, Any] = json.loads(encode(OFFER))


@pytest.mark.parametrize(
    "raw",
    [
        [],
        {**WHOLE, "version": 2},
        {**WHOLE, "hosts": 5},
        {**WHOLE, "hosts": [{}]},
        {**WHOLE, "hosts": [{**WHOLE["hosts"][0], "server_type": "1"}]},
        {**WHOLE, "hosts": [{**WHOLE["hosts"][0], "name": None}]},
        {**WHOLE, "groups": [1]},
        {**WHOLE, "hosts": WHOLE["hosts"] * 20_001},
    ],
)
def test_another_shape_is_refused(raw: Any) -> None:
    with pytest.raises(Malformed, match="restart the daemon"):
        decode(json.dumps(raw).encode())


@given(strategies.binary(max_size=60))
def test_any_bytes_are_refused(line: bytes) -> None:
    with pytest.raises(Malformed):
        decode(line)


ANYTHING = strategies.recursive(
    strategies.none() | strategies.booleans() | strategies.integers() | strategies.text(max_size=4),
    lambda inner: (
        strategies.lists(inner, max_size=2)
        | strategies.dictionaries(strategies.sampled_from(["name", "group"]), inner)
    ),
    max_leaves=5,
)


@given(ANYTHING, ANYTHING, ANYTHING)
def test_nothing_is_raised_but_malformed(version: Any, groups: Any, hosts: Any) -> None:
    raw = {"version": version, "groups": groups, "hosts": hosts}
    try:
        offer = decode(json.dumps(raw).encode())
    except Malformed:
        return
    assert (version, offer.rows) == (1, [])
