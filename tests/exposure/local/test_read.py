"""Which tools are asked for the rules, and what is said where one of them can't tell."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from nethood.exposure.local.commands import Ran
from nethood.exposure.local.firewall import Packet, judge
from nethood.exposure.local.firewall.read import read_linux
from tests.exposure.local.rules import recorded

EMPTY = '{"nftables": [{"metainfo": {"version": "1.0.6"}}]}'
UFW_IN_NFT = (
    '{"nftables": [{"table": {"family": "ip", "name": "filter", "handle": 1}},'
    '{"chain": {"family": "ip", "table": "filter", "name": "INPUT", "type": "filter",'
    '"hook": "input", "prio": 0, "policy": "drop"}},'
    '{"rule": {"family": "ip", "table": "filter", "chain": "INPUT", "handle": 2, "expr":'
    '[{"xt": {"type": "match", "name": "conntrack"}}, {"accept": null}]}}]}'
)
LEGACY = "*filter\n:INPUT DROP [0:0]\nCOMMIT\n"


class Machine:
    """Programs and what they print; one that is not given is not installed."""

    def __init__(self, programs: dict[str, Ran], legacy: str = "") -> None:
        self.programs, self._legacy = programs, legacy

    def run(self, words: Sequence[str]) -> Ran | None:
        return self.programs.get(words[0])

    def legacy(self, family: int) -> str:
        return self._legacy if family == 4 else ""

    def verdict(self) -> str:
        state = read_linux(self.run, self.legacy)
        if state.ruleset is None:
            return state.unknown
        return str(judge(state.ruleset, Packet("tcp", 445, 4, "eth0", "10.77.0.1")))


DENIED = Ran(1, "", "Operation not permitted (you must be root)\nnetlink: Error: ...")


@pytest.mark.parametrize(
    ("machine", "expected"),
    [
        (Machine({"nft": Ran(0, EMPTY)}), "open to everyone"),
        (Machine({}), "nft is not installed, so its rules can't be read"),
        (Machine({"nft": DENIED}), "reading the firewall's rules needs root"),
        (Machine({"nft": Ran(1, "", "out of memory\nx")}), "nft failed: out of memory"),
        (
            Machine({"nft": Ran(0, "what")}),
            "nft ruleset: this is not what nft prints"
            " (Expecting value: line 1 column 1 (char 0)) (at byte 0)",
        ),
        (
            Machine({"nft": Ran(0, UFW_IN_NFT), "iptables-nft-save": Ran(0, recorded("ufw.txt"))}),
            "open to 10.77.0.0/24",
        ),
        (
            Machine({"nft": Ran(0, EMPTY), "iptables-legacy-save": Ran(0, LEGACY)}, "filter\n"),
            "blocked (dropped)",
        ),
        (
            Machine({"nft": Ran(0, EMPTY), "iptables-save": Ran(0, LEGACY)}, "filter\n"),
            "blocked (dropped)",
        ),
        (
            Machine({"nft": Ran(0, EMPTY)}, "filter\n"),
            "iptables-save is not installed, so its rules can't be read",
        ),
    ],
)
def test_what_is_read(machine: Machine, expected: str) -> None:
    assert machine.verdict() == expected


def test_extensions_that_nft_cannot_show_are_unknown_without_iptables() -> None:
    verdict = Machine({"nft": Ran(0, UFW_IN_NFT)}).verdict()
    assert verdict.startswith('unknown: it depends on \'ip filter INPUT: [{"xt"')


@pytest.mark.parametrize(
    ("nft", "iptables", "expected"),
    [(UFW_IN_NFT, "ufw.txt", ["ufw"]), (recorded("firewalld.json"), "", ["firewalld"])],
)
def test_whose_rules_they_are(nft: str, iptables: str, expected: list[str]) -> None:
    programs = {"nft": Ran(0, nft)}
    if iptables:
        programs["iptables-nft-save"] = Ran(0, recorded(iptables))
    machine = Machine(programs)
    assert read_linux(machine.run, machine.legacy).managers == expected
