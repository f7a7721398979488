"""Rule texts in the tests, and what they are asked."""

from __future__ import annotations

from pathlib import Path

from nethood.exposure.local.firewall import (
    Packet,
    Ruleset,
    Verdict,
    judge,
    rules_from_iptables,
)

RECORDED = Path(__file__).with_name("recorded")


def recorded(name: str) -> str:
    """Return a file of real output: what a program printed, word for word."""
    return (RECORDED / name).read_text(encoding="utf-8")


def iptables(rules: str, policy: str = "ACCEPT", family: int = 4) -> Ruleset:
    """Return a filter table with *rules*; lines that begin with ":" are chains."""
    lines = rules.strip().splitlines()
    chains = [line for line in lines if line.startswith(":")]
    others = [line for line in lines if not line.startswith(":")]
    text = ["*filter", f":INPUT {policy} [0:0]", *chains, *others, "COMMIT"]
    return rules_from_iptables("\n".join(text), family)


def tcp445(ruleset: Ruleset, family: int = 4) -> Verdict:
    """Judge a new connection to TCP 445 at an address of ours on eth0."""
    address = "192.0.2.1" if family == 4 else "2001:db8::1"
    return judge(ruleset, Packet("tcp", 445, family, "eth0", address))
