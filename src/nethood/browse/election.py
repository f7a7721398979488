"""Elections of a local master browser, [MS-BRWS] 2.2.3, 3.3.5.8 and 3.3.6.

The stronger of two candidates is told by criteria, then uptime, then name. An Election is the
state of one candidate in one election: how often it has spoken and when it speaks next.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from nethood.browse.roles import Role

OS_WORKSTATION = 0x10000000
OS_SERVER = 0x20000000
BROWSER_VERSION = 0x00010F00

PRIMARY_DOMAIN_CONTROLLER = 0x80
WINS_CLIENT = 0x20
PREFERRED_MASTER = 0x08
RUNNING_MASTER = 0x04
DOMAIN_CONTROLLER = 0x02
RUNNING_BACKUP = 0x01

WINNING_TRANSMISSIONS = 4
MAX_TRANSMISSIONS = 30
RESEND_DELAY_S = 1.0

_ROLE_BITS = {
    Role.LOCAL_MASTER: RUNNING_MASTER,
    Role.DOMAIN_MASTER: RUNNING_MASTER,
    Role.BACKUP: RUNNING_BACKUP,
}
_DELAYS_S = {
    Role.LOCAL_MASTER: (0.1, 0.1),
    Role.DOMAIN_MASTER: (0.1, 0.1),
    Role.BACKUP: (0.2, 0.6),
    Role.POTENTIAL: (0.8, 3.0),
}


@dataclass(frozen=True, slots=True)
class Candidate:
    """What one host says of itself in an election."""

    criteria: int
    uptime_s: int
    name: str

    def beats(self, other: Candidate) -> bool:
        """Tell whether this candidate is the stronger one ([MS-BRWS] 3.3.5.8)."""
        if self.criteria != other.criteria:
            return self.criteria > other.criteria
        if self.uptime_s != other.uptime_s:
            return self.uptime_s > other.uptime_s
        return self.name.upper() < other.name.upper()


def criteria(role: Role, *, configured: int = 0, operating_system: int = OS_WORKSTATION) -> int:
    """Return the criteria of a browser in *role*, [MS-BRWS] 2.2.3.

    *configured* holds the bits that do not depend on the role: PREFERRED_MASTER, WINS_CLIENT,
    DOMAIN_CONTROLLER, PRIMARY_DOMAIN_CONTROLLER.
    """
    return operating_system | BROWSER_VERSION | configured | _ROLE_BITS.get(role, 0)


def election_delay_s(role: Role, chance: float) -> float:
    """Return how long a browser waits before it speaks up; *chance* lies in [0, 1).

    The stronger a role, the sooner it speaks: those that would lose hear of it and stay silent.
    """
    least, most = _DELAYS_S[role]
    return least + (most - least) * chance


class Outcome(Enum):
    """What comes of an election timer that has run out."""

    GOES_ON = "goes on"
    WON = "won"
    LOST = "lost"


class Election:
    """One candidate's part in an election.

    Two counts are kept. Four transmissions that no weaker candidate interrupts win; more than 30
    in one election lose it, so that two hosts which both believe in their victory come to an end.
    """

    __slots__ = ("deadline", "transmissions", "unanswered")

    def __init__(self) -> None:
        self.deadline: float | None = None
        self.transmissions = 0
        self.unanswered = 0

    @property
    def is_running(self) -> bool:
        """Whether this candidate still means to win."""
        return self.deadline is not None

    def challenge(self, now: float, delay_s: float) -> None:
        """Note a weaker candidate: speak up after *delay_s*, or say it all again if speaking."""
        self.unanswered = 0
        if self.deadline is None:
            self.transmissions = 0
            self.deadline = now + delay_s

    def expire(self, now: float) -> Outcome:
        """Count one transmission, which the caller sends; LOST is not to be sent."""
        self.transmissions += 1
        self.unanswered += 1
        if self.transmissions > MAX_TRANSMISSIONS:
            self.stop()
            return Outcome.LOST
        if self.unanswered >= WINNING_TRANSMISSIONS:
            self.stop()
            return Outcome.WON
        self.deadline = now + RESEND_DELAY_S
        return Outcome.GOES_ON

    def stop(self) -> None:
        """Take no further part: somebody stronger spoke, or the end was reached."""
        self.deadline = None
