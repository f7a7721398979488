"""What can be expected of a host: each key of a group read into a `Check`, and said in words.

Pure: a value as the policy has it comes in, a check or a ValueError with the remedy goes out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from ipaddress import IPv4Network, IPv6Network, ip_network

from nethood.exposure.findings.grade import GRADES
from nethood.exposure.findings.model import Severity
from nethood.exposure.model import Signing

Network = IPv4Network | IPv6Network

DIALECTS = {"2.0.2": 0x0202, "2.1": 0x0210, "3.0": 0x0300, "3.0.2": 0x0302, "3.1.1": 0x0311}
PORTS = {"137": "udp/137", "138": "udp/138", "139": "tcp/139", "445": "tcp/445"}
_EXCEPT = "closed except from "
_PORT_VALUES = 'write "open", "closed" or "closed except from NETWORK"'


@dataclass(frozen=True, slots=True)
class PortCheck:
    """*port* is a key of PORTS; *except_from* is who may find it open although it is closed."""

    port: str
    open: bool
    except_from: tuple[Network, ...] = ()

    @property
    def sentence(self) -> str:
        """ "445/tcp closed except from 10.0.0.0/8"."""
        protocol, _, number = PORTS[self.port].partition("/")
        state = "open" if self.open else "closed"
        if self.except_from:
            state = _EXCEPT + ", ".join(map(str, self.except_from))
        return f"{number}/{protocol} {state}"


@dataclass(frozen=True, slots=True)
class Smb1Check:
    """SMB1 is not offered."""

    sentence: str = "SMB1 off"


@dataclass(frozen=True, slots=True)
class SigningCheck:
    """Signing is at least *least*: ENABLED is content with REQUIRED."""

    least: Signing

    @property
    def sentence(self) -> str:
        """ "signing required"."""
        return f"signing {self.least}"


@dataclass(frozen=True, slots=True)
class EncryptionCheck:
    """The host can encrypt SMB."""

    sentence: str = "encryption available"


@dataclass(frozen=True, slots=True)
class NamesCheck:
    """The host tells no NetBIOS names."""

    sentence: str = "no NetBIOS names told"


@dataclass(frozen=True, slots=True)
class LogonCheck:
    """A logon without an account is refused; *field* is "anonymous" or "guest"."""

    field: str

    @property
    def sentence(self) -> str:
        """ "anonymous logon refused"."""
        return f"{self.field} logon refused"


@dataclass(frozen=True, slots=True)
class DialectsCheck:
    """No dialect below *minimum*, a key of DIALECTS, is accepted."""

    minimum: str

    @property
    def sentence(self) -> str:
        """ "dialects SMB 3.0 or newer"."""
        return f"dialects SMB {self.minimum} or newer"


@dataclass(frozen=True, slots=True)
class GradeCheck:
    """The grade is *least* or better."""

    least: str

    @property
    def sentence(self) -> str:
        """ "grade B or better"."""
        return "grade A" if self.least == "A" else f"grade {self.least} or better"


@dataclass(frozen=True, slots=True)
class FindingsCheck:
    """There is no finding as bad as *severity* or worse."""

    severity: Severity

    @property
    def sentence(self) -> str:
        """ "no findings at or above high"."""
        return f"no findings at or above {self.severity}"


@dataclass(frozen=True, slots=True)
class HardenCheck:
    """The plan applied to this machine, at *plan*, still holds."""

    plan: str

    @property
    def sentence(self) -> str:
        """ "the plan lab.json still holds"."""
        return f"the plan {self.plan} still holds"


Check = (
    PortCheck
    | Smb1Check
    | SigningCheck
    | EncryptionCheck
    | NamesCheck
    | LogonCheck
    | DialectsCheck
    | GradeCheck
    | FindingsCheck
    | HardenCheck
)


def parse_check(key: str, value: object) -> Check:
    """Read the expectation *key* = *value*. Raises ValueError with what to write instead."""
    if not isinstance(value, str):
        raise ValueError(f"{remedy_of(key)}, in quotes")  # noqa: TRY004
    return _PARSERS[key](key, " ".join(value.split()))


def remedy_of(key: str) -> str:
    """Return what can be written for *key*: 'write "off"'."""
    return _REMEDIES[key]


def _port(key: str, value: str) -> PortCheck:
    if value in ("open", "closed"):
        return PortCheck(key, value == "open")
    if value.startswith(_EXCEPT.strip()):
        return PortCheck(key, False, _networks(value.removeprefix(_EXCEPT.strip())))
    raise ValueError(_PORT_VALUES)


def _networks(text: str) -> tuple[Network, ...]:
    """Read the networks of "closed except from", which are separated by commas."""
    parts = [part.strip() for part in text.split(",")]
    if "" in parts:
        raise ValueError('write the networks with commas, as "closed except from 10.0.0.0/8"')
    return tuple(map(parse_network, parts))


def parse_network(text: str) -> Network:
    """Read a network or an address. Raises ValueError with what to write instead."""
    try:
        return ip_network(text)
    except ValueError:
        pass
    try:
        meant = ip_network(text, strict=False)
    except ValueError:
        raise ValueError(f"{text!r} is no network; write it like 10.0.0.0/8") from None
    raise ValueError(f"{text} has bits of a host in it; write {meant}")


def _only(word: str, check: Check) -> Callable[[str, str], Check]:
    def parse(key: str, value: str) -> Check:
        if value != word:
            raise ValueError(remedy_of(key))
        return check

    return parse


def _signing(key: str, value: str) -> SigningCheck:
    if value not in ("required", "enabled"):
        raise ValueError(remedy_of(key))
    return SigningCheck(Signing(value))


def _dialects(key: str, value: str) -> DialectsCheck:
    minimum = value.removesuffix(" or newer").removeprefix("SMB ")
    if minimum not in DIALECTS:
        raise ValueError(remedy_of(key))
    return DialectsCheck(minimum)


def _grade(key: str, value: str) -> GradeCheck:
    letter = value.removesuffix(" or better")
    if len(letter) != 1 or letter not in GRADES:
        raise ValueError(remedy_of(key))
    return GradeCheck(letter)


def _findings(key: str, value: str) -> FindingsCheck:
    word = value.removeprefix("none at or above ")
    if word == value or word not in tuple(Severity):
        close = get_close_matches(word, tuple(Severity), n=1)
        hint = f'; did you mean "none at or above {close[0]}"?' if close and word != value else ""
        raise ValueError(remedy_of(key) + hint)
    return FindingsCheck(Severity(word))


def _harden(key: str, value: str) -> HardenCheck:
    if not value:
        raise ValueError(remedy_of(key))
    return HardenCheck(value)


_PARSERS: dict[str, Callable[[str, str], Check]] = {
    **dict.fromkeys(PORTS, _port),
    "smb1": _only("off", Smb1Check()),
    "signing": _signing,
    "encryption": _only("available", EncryptionCheck()),
    "names": _only("none", NamesCheck()),
    "anonymous": _only("refused", LogonCheck("anonymous")),
    "guest": _only("refused", LogonCheck("guest")),
    "dialects": _dialects,
    "grade": _grade,
    "findings": _findings,
    "harden": _harden,
}
KEYS = tuple(_PARSERS)
"""The keys of a group that are expectations, in the order they are shown."""

_REMEDIES = {
    **dict.fromkeys(PORTS, _PORT_VALUES),
    "smb1": 'write "off"',
    "signing": 'write "required" or "enabled"',
    "encryption": 'write "available"',
    "names": 'write "none"',
    "anonymous": 'write "refused"',
    "guest": 'write "refused"',
    "dialects": f'write "3.0 or newer"; there are {", ".join(DIALECTS)}',
    "grade": f'write "B or better"; the grades are {", ".join(GRADES)}',
    "findings": f'write "none at or above high"; there are {", ".join(Severity)}',
    "harden": "write the path of the plan that was applied",
}
