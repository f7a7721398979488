"""Reads what `iptables-save` and `ip6tables-save` print, of either kind, as a `Ruleset`."""

from __future__ import annotations

import shlex

from nethood.errors import Malformed
from nethood.exposure.local.firewall.iptables_match import Clauses
from nethood.exposure.local.firewall.model import (
    Act,
    Chain,
    Rule,
    Ruleset,
)

_STRUCTURE = "iptables rules"
_QUOTE_LIMIT = 200
_HOOKS = {"INPUT": "input", "PREROUTING": "prerouting"}
_PRIORITIES = {"raw": -300, "mangle": -150, "nat": -100, "filter": 0, "security": 50}
_NAT_INPUT = 100
_VERDICTS = {
    "ACCEPT": Act.ACCEPT,
    "DROP": Act.DROP,
    "REJECT": Act.REJECT,
    "RETURN": Act.RETURN,
    "TARPIT": Act.DROP,
    "DNAT": Act.REDIRECT,
    "REDIRECT": Act.REDIRECT,
    "NETMAP": Act.REDIRECT,
    "TPROXY": Act.REDIRECT,
    "SNAT": Act.ACCEPT,
    "MASQUERADE": Act.ACCEPT,
}
_HARMLESS = frozenset(
    {
        "LOG",
        "NFLOG",
        "ULOG",
        "MARK",
        "CONNMARK",
        "CONNSECMARK",
        "SECMARK",
        "TRACE",
        "TCPMSS",
        "SET",
        "AUDIT",
        "CHECKSUM",
        "CLASSIFY",
        "DSCP",
        "TOS",
        "TTL",
        "HL",
        "ECN",
        "IDLETIMER",
        "LED",
        "RATEEST",
        "TEE",
    }
)


def rules_from_iptables(text: str, family: int = 4, program: str = "") -> Ruleset:
    """Return the rules of *text* for IPv4 (4) or IPv6 (6); *program* is named where one is quoted.

    Raises Malformed where *text* is not what iptables-save prints. What is not understood of a
    rule stays in it as a condition that nobody can decide.
    """
    name = program or ("iptables" if family == 4 else "ip6tables")
    ruleset = Ruleset()
    table = ""
    for number, line in enumerate(map(str.strip, text.splitlines()), 1):
        try:
            if line.startswith("*"):
                table = line[1:]
            elif line.startswith(":"):
                _chain(ruleset, name, table, line[1:], family)
            elif line.startswith(("-A ", "[")):
                _rule(ruleset, name, table, line)
            else:
                _other(line)
        except (ValueError, KeyError, IndexError):
            raise Malformed(
                _STRUCTURE, f"line {number} is not what iptables-save prints: {line[:80]!r}"
            ) from None
    return ruleset


def _other(line: str) -> None:
    if line and not line.startswith("#") and line != "COMMIT":
        raise ValueError(line)


def _chain(ruleset: Ruleset, program: str, table: str, line: str, family: int) -> None:
    name, policy, *_ = line.split()
    chain = Chain((program, table, name), families=frozenset({family}))
    if policy != "-" and name in _HOOKS:
        chain.hook = _HOOKS[name]
        chain.priority = _PRIORITIES[table]
        if table == "nat" and name == "INPUT":
            chain.priority = _NAT_INPUT
        chain.policy = _VERDICTS[policy]
    ruleset.chains[chain.key] = chain


def _rule(ruleset: Ruleset, program: str, table: str, line: str) -> None:
    """Add the rule of one line, `[packets:bytes] -A CHAIN ...`."""
    if line.startswith("["):
        line = line.partition("] ")[2]
    words = shlex.split(line)
    if words[0] != "-A":
        raise ValueError(line)
    chain = ruleset.chains[program, table, words[1]]
    shown = program if table == "filter" else f"{program} -t {table}"
    text = f"{shown} {line}"[:_QUOTE_LIMIT]
    chain.rules.append(_read(words[2:], text, ruleset, chain))


def _read(words: list[str], text: str, ruleset: Ruleset, chain: Chain) -> Rule:
    clauses = Clauses(text)
    act, target = Act.PASS, ""
    while words:
        if words[0] in ("-j", "-g"):
            act, target = _target(words, (ruleset, chain))
            break
        words = clauses.take(words)
    conditions = clauses.conditions()
    if act is Act.REDIRECT:
        target = _redirected_to(words)
    return Rule(conditions, act, target, text)


def _target(words: list[str], where: tuple[Ruleset, Chain]) -> tuple[Act, str]:
    """Return what the words from `-j` or `-g` on do."""
    name, options = words[1], words[2:]
    ruleset, chain = where
    if (*chain.key[:2], name) in ruleset.chains:
        return (Act.JUMP if words[0] == "-j" else Act.GOTO), name
    if name == "CT":
        return (Act.OPAQUE if "--notrack" in options else Act.PASS), ""
    if name in _HARMLESS:
        return Act.PASS, ""
    return _VERDICTS.get(name, Act.OPAQUE), ""


def _redirected_to(words: list[str]) -> str:
    for option in ("--to-destination", "--to-ports", "--on-port", "--to"):
        if option in words[:-1]:
            return f"to {words[words.index(option) + 1]}"
    return ""
