"""The roles of a browser and how one becomes another, [MS-BRWS] 3.3.

One flat table after the figure in [MS-BRWS] 3.3; what it does not name changes nothing. A backup
browser that loses an election stays one, as the figure has it; 3.3.5.8 reads as if it did not.
A role is a master's only when its election is over, not after the first round: until then it
must neither claim the master's name nor speak with a master's criteria.
"""

from __future__ import annotations

from enum import Enum

from nethood.browse.server_type import (
    SV_TYPE_BACKUP_BROWSER,
    SV_TYPE_DOMAIN_MASTER,
    SV_TYPE_MASTER_BROWSER,
    SV_TYPE_POTENTIAL_BROWSER,
)


class Role(Enum):
    """Current Role, [MS-BRWS] 3.3.1, with the two ends of the scale."""

    NON_BROWSER = "non-browser"
    POTENTIAL = "potential browser"
    BACKUP = "backup browser"
    LOCAL_MASTER = "local master browser"
    DOMAIN_MASTER = "domain master browser"

    @property
    def is_master(self) -> bool:
        """Whether this role holds the list of the group."""
        return self in (Role.LOCAL_MASTER, Role.DOMAIN_MASTER)


class Event(Enum):
    """What can change a role."""

    WON = "won an election"
    WON_AS_PRIMARY = "won an election as primary domain controller"
    LOST = "lost an election"
    LOST_AS_CONTROLLER = "lost an election as domain controller"
    BECOME_BACKUP = "was promoted by the master"
    CONTROLLER_IS_MASTER = "heard a domain controller announce itself as master"
    NAME_REFUSED = "could not register the master's name"
    RESET_STOP_MASTER = "was told to stop being master"
    RESET_CLEAR_ALL = "was told to stop all browsing"
    SHUTDOWN = "is shutting down"


TRANSITIONS: dict[tuple[Role, Event], Role] = {
    (Role.POTENTIAL, Event.WON): Role.LOCAL_MASTER,
    (Role.POTENTIAL, Event.WON_AS_PRIMARY): Role.DOMAIN_MASTER,
    (Role.POTENTIAL, Event.BECOME_BACKUP): Role.BACKUP,
    (Role.POTENTIAL, Event.SHUTDOWN): Role.NON_BROWSER,
    (Role.BACKUP, Event.WON): Role.LOCAL_MASTER,
    (Role.BACKUP, Event.WON_AS_PRIMARY): Role.DOMAIN_MASTER,
    (Role.BACKUP, Event.RESET_CLEAR_ALL): Role.POTENTIAL,
    (Role.BACKUP, Event.SHUTDOWN): Role.NON_BROWSER,
    (Role.LOCAL_MASTER, Event.LOST): Role.POTENTIAL,
    (Role.LOCAL_MASTER, Event.LOST_AS_CONTROLLER): Role.BACKUP,
    (Role.LOCAL_MASTER, Event.CONTROLLER_IS_MASTER): Role.POTENTIAL,
    (Role.LOCAL_MASTER, Event.NAME_REFUSED): Role.POTENTIAL,
    (Role.LOCAL_MASTER, Event.RESET_STOP_MASTER): Role.POTENTIAL,
    (Role.LOCAL_MASTER, Event.RESET_CLEAR_ALL): Role.POTENTIAL,
    (Role.LOCAL_MASTER, Event.SHUTDOWN): Role.NON_BROWSER,
    (Role.DOMAIN_MASTER, Event.LOST): Role.POTENTIAL,
    (Role.DOMAIN_MASTER, Event.LOST_AS_CONTROLLER): Role.BACKUP,
    (Role.DOMAIN_MASTER, Event.NAME_REFUSED): Role.POTENTIAL,
    (Role.DOMAIN_MASTER, Event.RESET_STOP_MASTER): Role.POTENTIAL,
    (Role.DOMAIN_MASTER, Event.RESET_CLEAR_ALL): Role.POTENTIAL,
    (Role.DOMAIN_MASTER, Event.SHUTDOWN): Role.NON_BROWSER,
}

_FLAGS = {
    Role.NON_BROWSER: 0,
    Role.POTENTIAL: SV_TYPE_POTENTIAL_BROWSER,
    Role.BACKUP: SV_TYPE_POTENTIAL_BROWSER | SV_TYPE_BACKUP_BROWSER,
    Role.LOCAL_MASTER: SV_TYPE_POTENTIAL_BROWSER | SV_TYPE_MASTER_BROWSER,
    Role.DOMAIN_MASTER: SV_TYPE_POTENTIAL_BROWSER | SV_TYPE_MASTER_BROWSER | SV_TYPE_DOMAIN_MASTER,
}


def next_role(role: Role, event: Event) -> Role:
    """Return what becomes of *role*; the same role where *event* changes nothing."""
    return TRANSITIONS.get((role, event), role)


def server_type_flags(role: Role) -> int:
    """Return the ServerType bits a browser in *role* announces."""
    return _FLAGS[role]
