"""Follows a packet through a ruleset as the kernel does, for all source addresses at once.

The hooks are ingress, prerouting and input; in each, the base chains by priority. Accepted means
"on to the next base chain", dropped is final. A rule that can't be decided lets the packet go both
ways; a source that can end both in and out is unknown, and the rules to blame are quoted. A rule
that makes no difference in the end (a log entry, a rule for a packet dropped anyway) costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from nethood.exposure.local.firewall.model import (
    NOBODY,
    Access,
    Act,
    Chain,
    ChainKey,
    Packet,
    Rule,
    Ruleset,
    Verdict,
    split_all,
)
from nethood.exposure.local.firewall.spans import Spans, everything, network_span, networks

HOOKS = ("ingress", "prerouting", "input")
MAX_STEPS = 200_000
"""Rules looked at for one packet; the kernel's own limit is of this order."""
MAX_DEPTH = 64
_QUOTED = 3
_NEVER_SOURCES = {
    4: ("0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/4", "255.255.255.255/32"),
    6: ("::/127", "ff00::/8", "::ffff:0:0/96"),
}
"""No packet of another host comes from here."""


@dataclass(frozen=True, slots=True)
class _Ending:
    """Where some sources ended: an act that is final, the rule that did it."""

    act: Act
    sources: Spans
    rule: str
    target: str = ""


@dataclass(slots=True)
class _Walk:
    """One packet's way: endings so far, the doubts met, the steps left."""

    packet: Packet
    chains: dict[ChainKey, Chain]
    endings: list[_Ending] = field(default_factory=list)
    doubts: list[tuple[str, Spans]] = field(default_factory=list)
    steps: int = MAX_STEPS

    def end(self, act: Act, sources: Spans, rule: str, target: str = "") -> None:
        if sources:
            self.endings.append(_Ending(act, sources, rule, target))

    def doubt(self, text: str, sources: Spans) -> None:
        if sources:
            self.doubts.append((text, sources))


@dataclass(frozen=True, slots=True)
class _Out:
    """Of the sources that entered a chain: who was accepted, who fell out at its end."""

    accepted: Spans = NOBODY
    returned: Spans = NOBODY


def judge(ruleset: Ruleset, packet: Packet) -> Verdict:
    """Return what becomes of *packet*, from any other host.

    Only this first packet is followed: that the rest of a connection is let in is assumed.
    """
    walk = _Walk(packet, ruleset.chains)
    everybody = possible_sources(packet.family)
    inside = everybody
    for chain in _base_chains(ruleset, packet):
        inside = _through_base(walk, chain, inside)
    return _verdict(walk, everybody, inside)


def possible_sources(family: int) -> Spans:
    """Return the addresses that a packet of another host can come from."""
    never = Spans.of(network_span(text)[1:] for text in _NEVER_SOURCES[family])
    return everything(family) - never


def _base_chains(ruleset: Ruleset, packet: Packet) -> list[Chain]:
    found = [
        chain
        for chain in ruleset.chains.values()
        if chain.hook in HOOKS
        and packet.family in chain.families
        and chain.device in ("", packet.interface or chain.device)
    ]
    return sorted(found, key=lambda chain: (HOOKS.index(chain.hook), chain.priority))


def _through_base(walk: _Walk, chain: Chain, sources: Spans) -> Spans:
    """Return the sources that are still inside after *chain*."""
    if not sources:
        return sources
    out = _through(walk, chain, sources, 0)
    accepted = out.accepted
    if chain.policy is Act.ACCEPT:
        accepted |= out.returned
    else:
        walk.end(chain.policy, out.returned, f"policy of {_name(chain)}")
    doubt = _doubt_of(walk, chain)
    if doubt and accepted != sources:
        walk.doubt(doubt, sources - accepted)
        return sources
    return accepted


def _doubt_of(walk: _Walk, chain: Chain) -> str:
    if chain.device and walk.packet.interface is None:
        return f"{_name(chain)} is for {chain.device} only"
    return chain.doubt


def _name(chain: Chain) -> str:
    return "chain " + " ".join(chain.key)


def _through(walk: _Walk, chain: Chain, sources: Spans, depth: int) -> _Out:
    """Walk *sources* through the rules of one chain."""
    accepted: list[Spans] = []
    returned: list[Spans] = []
    here = sources
    for rule in chain.rules:
        if not here:
            break
        walk.steps -= 1
        if walk.steps < 0 or depth > MAX_DEPTH:
            walk.end(Act.OPAQUE, here, "the rules are too many to follow")
            here = NOBODY
            break
        part = split_all(rule.conditions, walk.packet, here)
        sure = _apply(walk, chain, rule, part.yes, depth)
        here = (here - part.yes) | sure[1]
        accepted.append(sure[0].accepted)
        returned.append(sure[0].returned)
        if part.maybe and rule.act is not Act.PASS:
            maybe = _apply(walk, chain, rule, part.maybe, depth)
            _note_doubt(walk, rule, part.maybe, maybe)
            accepted.append(maybe[0].accepted)
            returned.append(maybe[0].returned)
    return _Out(_joined(accepted), _joined([*returned, here]))


def _joined(parts: list[Spans]) -> Spans:
    return Spans.of(pair for part in parts for pair in part.items)


def _note_doubt(walk: _Walk, rule: Rule, sources: Spans, result: tuple[_Out, Spans]) -> None:
    """Remember *rule* where being decided otherwise could have made a difference."""
    if result[1] != sources:
        walk.doubt(rule.text, sources - result[1])


def _apply(walk: _Walk, chain: Chain, rule: Rule, sources: Spans, depth: int) -> tuple[_Out, Spans]:
    """Do what *rule* does with *sources*; return who left the chain and who goes on in it."""
    if not sources or rule.act is Act.PASS:
        return _Out(), sources
    if rule.act is Act.ACCEPT:
        return _Out(accepted=sources), NOBODY
    if rule.act is Act.RETURN:
        return _Out(returned=sources), NOBODY
    if rule.act in (Act.JUMP, Act.GOTO):
        return _jump(walk, chain, rule, sources, depth)
    walk.end(rule.act, sources, rule.text, rule.target)
    return _Out(), NOBODY


def _jump(walk: _Walk, chain: Chain, rule: Rule, sources: Spans, depth: int) -> tuple[_Out, Spans]:
    target = walk.chains.get((*chain.key[:2], rule.target))
    if target is None:
        walk.end(Act.OPAQUE, sources, rule.text)
        return _Out(), NOBODY
    out = _through(walk, target, sources, depth + 1)
    if rule.act is Act.GOTO:
        return out, NOBODY
    return _Out(accepted=out.accepted), out.returned


def _verdict(walk: _Walk, everybody: Spans, inside: Spans) -> Verdict:
    """Say what is certain of all the ways the packet may have gone."""
    family = walk.packet.family
    final = (Act.DROP, Act.REJECT)
    outside = _joined([e.sources for e in walk.endings if e.act in final])
    unclear = _joined([e.sources for e in walk.endings if e.act not in final])
    unclear |= inside & outside
    open_to = inside - unclear
    blocked = everybody - inside - unclear
    if unclear:
        shown = tuple(networks(open_to, family))
        return Verdict(Access.UNKNOWN, shown, reason=_reason(walk, unclear))
    rules = _rules(walk, blocked)
    if not blocked:
        return Verdict(Access.EVERYONE)
    if not open_to:
        return Verdict(Access.NOBODY, how=_how(walk, blocked), rules=rules)
    listed, left_out = networks(open_to, family), networks(blocked, family)
    shorter = tuple(left_out) if len(left_out) < len(listed) else ()
    return Verdict(Access.SOME, tuple(listed), shorter, _how(walk, blocked), rules)


def _reason(walk: _Walk, unclear: Spans) -> str:
    redirected = [e for e in walk.endings if e.act is Act.REDIRECT and e.sources & unclear]
    if redirected:
        first = redirected[0]
        return f"it is sent on {first.target} by the rule '{first.rule}'".replace("  ", " ")
    texts = [e.rule for e in walk.endings if e.act is Act.OPAQUE and e.sources & unclear]
    texts += [text for text, sources in walk.doubts if sources & unclear]
    quoted = [f"'{text}'" for text in dict.fromkeys(texts)][:_QUOTED]
    return f"it depends on {' and '.join(quoted)}"


def _how(walk: _Walk, blocked: Spans) -> str:
    acts = {e.act for e in walk.endings if e.sources & blocked}
    if acts == {Act.REJECT}:
        return "rejected"
    return "dropped" if acts == {Act.DROP} else "dropped or rejected"


def _rules(walk: _Walk, blocked: Spans) -> tuple[str, ...]:
    texts = [e.rule for e in walk.endings if e.sources & blocked]
    return tuple(dict.fromkeys(texts))[:_QUOTED]
