"""Challenges: before a name goes to another owner, its holder is asked for it (RFC 1002 5.1.4.1).

The requester waits on a WACK meanwhile; a replica from another name server just waits. A challenge
is bounded in time and in number, and asks only addresses the data base already holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Address
from math import ceil

from nethood.nbt.name import NetbiosName
from nethood.nbt.wins_records import Record, RecordKind

TRIES = 3
RETRY_S = 0.5
WACK_TTL_S = ceil(TRIES * RETRY_S) + 1
"""What the requester is asked to wait: the longest challenge, and the way back."""
MAX_CHALLENGES = 1024


@dataclass(frozen=True, slots=True)
class Registration:
    """A name somebody wants: what the answer to the request needs to know."""

    trn_id: int
    source: tuple[str, int]
    name: NetbiosName
    kind: RecordKind
    address: IPv4Address
    node_type: int = 0


class Verdict(Enum):
    """How a challenge ended."""

    HELD = "held"
    """The holder answered: the name is still its own."""
    SHARED = "shared"
    """The holder answered, and the new address is one of its own."""
    GIVEN_UP = "given up"
    """Every holder denied the name or kept silent."""


@dataclass(slots=True)
class Challenge:
    """One challenge on its way: who is still to answer, and when to ask again."""

    trn_id: int
    claim: Registration | Record
    """Who wants the name: a host, or a replica ([MS-WINSRA] 3.2.5.5)."""
    waiting: set[IPv4Address]
    due_s: float
    tries: int = 1

    def answered(
        self, source: IPv4Address, addresses: tuple[IPv4Address, ...] | None
    ) -> Verdict | None:
        """Take an answer: the holder's addresses, None if it denies the name.

        Return the verdict, None while others are still to answer.
        """
        if source not in self.waiting:
            return None
        if addresses is not None:
            claimed = (
                self.claim.addresses if isinstance(self.claim, Record) else (self.claim.address,)
            )
            shared = bool(claimed) and set(claimed) <= set(addresses)
            return Verdict.SHARED if shared else Verdict.HELD
        self.waiting.discard(source)
        return None if self.waiting else Verdict.GIVEN_UP


class Challenges:
    """The challenges on their way, found by name and by transaction id."""

    def __init__(self, next_trn_id: Callable[[], int]) -> None:
        self._next_trn_id = next_trn_id
        self._by_name: dict[NetbiosName, Challenge] = {}
        self._by_trn_id: dict[int, Challenge] = {}

    def __len__(self) -> int:
        return len(self._by_name)

    def of(self, name: NetbiosName) -> Challenge | None:
        """Return the challenge of *name*, if one is on its way."""
        return self._by_name.get(name)

    def answering(self, trn_id: int, name: NetbiosName) -> Challenge | None:
        """Return the challenge that an answer with *trn_id* about *name* belongs to."""
        challenge = self._by_trn_id.get(trn_id)
        return challenge if challenge and challenge.claim.name == name else None

    def start(
        self, claim: Registration | Record, holders: tuple[IPv4Address, ...], now_s: float
    ) -> Challenge | None:
        """Begin to ask *holders*; None when too many challenges are on their way."""
        trn_id = self._next_trn_id()
        if len(self._by_name) >= MAX_CHALLENGES or trn_id in self._by_trn_id:
            return None
        challenge = Challenge(trn_id, claim, set(holders), now_s + RETRY_S)
        self._by_name[claim.name] = self._by_trn_id[trn_id] = challenge
        return challenge

    def end(self, challenge: Challenge) -> None:
        """Forget a challenge."""
        del self._by_name[challenge.claim.name]
        del self._by_trn_id[challenge.trn_id]

    def next_due_s(self) -> float | None:
        """Return when the next challenge is due; None without any."""
        return min((each.due_s for each in self._by_name.values()), default=None)

    def due(self, now_s: float) -> Iterator[Challenge]:
        """Give each challenge whose holders had their time; end it or call ``again``."""
        yield from [each for each in self._by_name.values() if now_s >= each.due_s]

    @staticmethod
    def again(challenge: Challenge, now_s: float) -> bool:
        """Count another try; False when all of them are used up."""
        if challenge.tries >= TRIES:
            return False
        challenge.tries += 1
        challenge.due_s = now_s + RETRY_S
        return True
