"""What a browser is told about itself before it starts."""

from __future__ import annotations

from dataclasses import dataclass, field

from nethood.browse import election
from nethood.browse.frames import MAX_COMMENT, NAME_SIZE
from nethood.browse.roles import Role
from nethood.browse.server_type import SV_TYPE_NT, SV_TYPE_SERVER, SV_TYPE_WORKSTATION
from nethood.errors import LocalError

DEFAULT_SERVER_TYPE = SV_TYPE_WORKSTATION | SV_TYPE_SERVER | SV_TYPE_NT


@dataclass(frozen=True, slots=True)
class DomainMaster:
    """Where the domain master browser is: its computer name and IPv4 address."""

    name: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BrowserSettings:
    """Who announces itself, and how far it goes in an election.

    *is_browser* makes it a potential browser; *is_preferred_master* one that forces an election
    when it starts and has the better of others. Raises LocalError for names that do not fit.
    """

    host_name: str
    machine_group: str
    comment: str = ""
    server_type: int = DEFAULT_SERVER_TYPE
    os_version: tuple[int, int] = (10, 0)
    is_browser: bool = False
    is_preferred_master: bool = False
    is_domain_controller: bool = False
    is_primary_domain_controller: bool = False
    is_wins_client: bool = False
    operating_system: int = election.OS_WORKSTATION
    domain_master: DomainMaster | None = field(default=None)
    serves_lists: bool = False
    """Whether backup browsers can fetch the lists here, by NetServerEnum2 over SMB1. Without that
    nobody is promoted: a backup browser that twice can't fetch the list forces an election."""

    def __post_init__(self) -> None:
        for what, text, room in (
            ("host name", self.host_name, NAME_SIZE),
            ("machine group", self.machine_group, NAME_SIZE),
            ("comment", self.comment, MAX_COMMENT),
        ):
            _check(what, text, room)
        if not self.host_name or not self.machine_group:
            raise LocalError("a browser needs a host name and a machine group")

    @property
    def first_role(self) -> Role:
        """The role it starts in."""
        return Role.POTENTIAL if self.is_browser or self.is_preferred_master else Role.NON_BROWSER

    def criteria(self, role: Role) -> int:
        """Return its election criteria in *role*, [MS-BRWS] 2.2.3."""
        bits = (
            (self.is_preferred_master, election.PREFERRED_MASTER),
            (self.is_wins_client, election.WINS_CLIENT),
            (self.is_domain_controller, election.DOMAIN_CONTROLLER),
            # [MS-BRWS] 3.3.3: a PDC sets the preferred master bit too.
            (
                self.is_primary_domain_controller,
                election.PRIMARY_DOMAIN_CONTROLLER | election.PREFERRED_MASTER,
            ),
        )
        configured = 0
        for wanted, bit in bits:
            configured |= bit if wanted else 0
        return election.criteria(
            role, configured=configured, operating_system=self.operating_system
        )


def _check(what: str, text: str, room: int) -> None:
    try:
        size = len(text.encode("latin-1"))
    except UnicodeEncodeError:
        raise LocalError(f"the {what} {text!r} has characters NetBIOS can't carry") from None
    if size >= room or "\0" in text:
        raise LocalError(f"the {what} {text!r} is longer than {room - 1} characters")
