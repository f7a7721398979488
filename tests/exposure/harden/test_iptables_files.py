"""Our rules in the files iptables-save wrote: first of the filter table, and out again."""

from __future__ import annotations

import pytest

from nethood.exposure.harden.platforms.iptables import insert_rules

BLOCK = ":NETHOOD - [0:0]\n-A INPUT -j NETHOOD\n-A NETHOOD -j DROP\n"
NAT = "*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -j ACCEPT\nCOMMIT\n"
FILTER = "*filter\n:INPUT DROP [1:2]\n# mine\n:OWN - [0:0]\n"
RULES = "-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\nCOMMIT\n"


def test_they_come_after_the_chains_and_before_the_rules() -> None:
    text, inserted = insert_rules(NAT + FILTER + RULES, BLOCK)
    assert text == NAT + FILTER + BLOCK + RULES
    assert inserted == BLOCK


@pytest.mark.parametrize("text", ["", NAT, NAT.rstrip("\n"), FILTER + RULES, FILTER + "COMMIT\n"])
def test_taken_out_the_file_is_what_it_was(text: str) -> None:
    changed, inserted = insert_rules(text, BLOCK)
    assert changed.count("*filter\n") == 1
    assert changed.endswith("COMMIT\n")
    assert changed.replace(inserted, "", 1) == text


def test_put_in_twice_they_are_there_once() -> None:
    text, _ = insert_rules(FILTER + RULES, BLOCK)
    assert insert_rules(text, BLOCK) == (text, BLOCK)
