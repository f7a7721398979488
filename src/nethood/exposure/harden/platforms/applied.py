"""What the platforms that are applied here know beyond their steps: what is there before and now.

`capture` says how to take a step's commands back, from what is there before it; `observe` gives
the part of the running rules that is ours, to be compared later with what it was.
"""

from __future__ import annotations

from collections.abc import Callable

from nethood.exposure.harden.journal import Undo
from nethood.exposure.harden.model import Platform, Step
from nethood.exposure.harden.platforms import firewalld, iptables, nftables, samba, ufw
from nethood.exposure.harden.runner import Machine

_CAPTURE: dict[Platform, Callable[[Step, Machine], list[Undo]]] = {
    Platform.NFTABLES: nftables.capture,
    Platform.IPTABLES: iptables.capture,
    Platform.UFW: ufw.capture,
    Platform.FIREWALLD: firewalld.capture,
    Platform.SAMBA: samba.capture,
}
_OBSERVE: dict[Platform, Callable[[Step, Machine], str]] = {
    Platform.NFTABLES: nftables.observe,
    Platform.IPTABLES: iptables.observe,
    Platform.UFW: ufw.observe,
    Platform.FIREWALLD: firewalld.observe,
    Platform.SAMBA: samba.observe,
}


def capture(step: Step, machine: Machine) -> list[Undo]:
    """Return the undos of the commands *step* runs; those of files it writes are not among them."""
    return _CAPTURE[step.platform](step, machine)


def observe(step: Step, machine: Machine) -> str:
    """Return the rules that *step* made, in the platform's own words, counters left out."""
    return _OBSERVE[step.platform](step, machine)
