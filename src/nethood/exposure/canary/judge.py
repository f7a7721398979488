"""Who is a poisoner: whoever answers for two names that do not exist.

One answer alone may be a host that happens to be called so; it is told as a suspicion.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from nethood.exposure.canary.wire import Claim, Protocol

NAMES_FOR_CERTAINTY = 2
_MAX_KEPT = 64
T = TypeVar("T")


@dataclass(slots=True)
class Poisoner:
    """One address that answered: for which names, by which protocols, and whom it named."""

    address: str
    interface: str
    names: list[str] = field(default_factory=list)
    protocols: list[Protocol] = field(default_factory=list)
    claimed: list[str] = field(default_factory=list)
    mac: str = ""

    @property
    def is_certain(self) -> bool:
        """Whether it answered for names enough that none of them can be its own."""
        return len(self.names) >= NAMES_FOR_CERTAINTY


class Witness:
    """Collects claims for the names that were asked; those for other names count for nothing."""

    def __init__(self, own_addresses: Collection[str] = ()) -> None:
        """*own_addresses* are this machine's: what it says to itself is no finding."""
        self._own = frozenset(own_addresses)
        self._names: set[str] = set()
        self._found: dict[str, Poisoner] = {}

    def expect(self, name: str) -> None:
        """Say that *name* is asked for from now on."""
        self._names.add(name)

    def hear(self, claim: Claim, interface: str) -> bool:
        """Take note of *claim*; return whether it is for a name that was asked."""
        if claim.name not in self._names or claim.source in self._own:
            return False
        poisoner = self._found.setdefault(claim.source, Poisoner(claim.source, interface))
        _add(poisoner.names, [claim.name])
        _add(poisoner.protocols, [claim.protocol])
        _add(poisoner.claimed, claim.addresses)
        return True

    @property
    def suspects(self) -> list[Poisoner]:
        """Everybody who answered, the certain ones first."""
        return sorted(self._found.values(), key=lambda one: (not one.is_certain, one.address))

    @property
    def is_undecided(self) -> bool:
        """Whether somebody answered for one name only: another name decides."""
        return any(not one.is_certain for one in self._found.values())


def _add(known: list[T], more: Iterable[T]) -> None:
    room = _MAX_KEPT - len(known)
    known.extend([value for value in more if value not in known][:room])
