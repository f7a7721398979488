"""What a finding is: its severity, the entry of the catalogue that explains it, and its fixes."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Severity(StrEnum):
    """How bad a finding is, worst first."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 for the worst, 4 for the mildest."""
        return _ORDER.index(self)

    def at_least(self, other: Severity) -> bool:
        """Whether this is as bad as *other*, or worse."""
        return self.rank <= other.rank


_ORDER = tuple(Severity)


class Platform(StrEnum):
    """Whose settings a fix changes."""

    WINDOWS = "Windows"
    SAMBA = "Samba"
    APPLIANCE = "appliances"
    NETHOOD = "nethood"


@dataclass(frozen=True, slots=True)
class Step:
    """One way to mend it: *how* is "PowerShell", "smb.conf" ...; *text* is what to type or do."""

    how: str
    text: str

    @property
    def is_code(self) -> bool:
        """Whether the text is to be typed as it stands."""
        return self.how not in ("In words", "Group Policy", "Menu")


@dataclass(frozen=True, slots=True)
class Reference:
    """A document to read."""

    title: str
    url: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One kind of finding, explained: *fixes* has the steps of every platform it can occur on.

    *severity_reason* completes "high because ..."; *breaks* says what stops working when it is
    fixed; *needs* names the fields of a HostReport it is judged by.
    """

    id: str
    title: str
    severity: Severity
    severity_reason: str
    meaning: str
    fixes: dict[Platform, tuple[Step, ...]]
    breaks: str
    references: tuple[Reference, ...]
    needs: tuple[str, ...]


@dataclass(slots=True)
class Finding:
    """An entry of the catalogue that is true of a host, and what showed it.

    The *evidence* is one line a fact, cleaned of everything that is not plainly visible.
    *platform* is what the fix is for, None where the software was not recognised: then *fix*
    has the steps of every platform.
    """

    id: str
    severity: Severity
    title: str
    evidence: list[str] = field(default_factory=list)
    platform: Platform | None = None
    fix: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Unknown:
    """What could not be known, why, and which findings it could have shown."""

    topic: str
    reason: str
    findings: tuple[str, ...] = ()
