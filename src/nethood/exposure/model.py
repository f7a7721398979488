"""What is known of a host: answers with their evidence, or "unknown" with its reason.

A `HostReport` has one field for each probe. A probe gives an `Answer`: its value where the host
said it, otherwise one sentence why it is unknown. Nothing here is ever guessed; what can be wrong
although the host said so carries its doubt as a field (`may_be_stale`, `confidence`).
The JSON form of these classes is the documented schema, version `SCHEMA_VERSION`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, TypeVar

SCHEMA_VERSION = 1

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Target:
    """One host to look at: its address, the SMB port asked for, the name it was given by."""

    address: str
    port: int = 445
    name: str = ""

    def __str__(self) -> str:
        host = f"[{self.address}]" if ":" in self.address else self.address
        return host if self.port == 445 else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One exchange in words: what was sent, what came back, and the bytes that say so in hex."""

    sent: str
    got: str
    data_hex: str = ""


@dataclass(slots=True)
class Answer(Generic[T]):
    """A value the host gave, or None and the reason why it is unknown."""

    value: T | None = None
    unknown: str = "not asked"
    evidence: list[Evidence] = field(default_factory=list)
    elapsed_s: float = 0.0


def known(value: T, *evidence: Evidence) -> Answer[T]:
    """Return the answer *value*."""
    return Answer(value, "", list(evidence))


def unknown(reason: str, *evidence: Evidence) -> Answer[T]:
    """Return the answer that is none, for *reason*: a clause a person understands."""
    return Answer(None, reason, list(evidence))


class PortState(StrEnum):
    """What a port does when something is sent to it."""

    OPEN = "open"
    CLOSED = "closed"
    FILTERED = "filtered"


class Signing(StrEnum):
    """What a server says of signing in its SecurityMode, [MS-SMB2] 2.2.4."""

    REQUIRED = "required"
    ENABLED = "enabled"
    OFF = "off"


@dataclass(slots=True)
class PortFacts:
    """One port: "tcp/445"; *connect_ms* for an open TCP port."""

    state: PortState
    connect_ms: float | None = None


@dataclass(slots=True)
class NetbiosName:
    """A row of a node's name table."""

    name: str
    suffix: int
    service: str
    is_group: bool
    is_active: bool = True
    in_conflict: bool = False


@dataclass(slots=True)
class NetbiosFacts:
    """A node status answer, [RFC 1002] 4.2.18."""

    names: list[NetbiosName]
    computer: str
    workgroup: str
    mac: str
    users: list[str]
    roles: list[str]
    request_bytes: int
    response_bytes: int

    @property
    def amplification(self) -> float:
        """How many bytes of payload come back for one that is sent."""
        return self.response_bytes / self.request_bytes


@dataclass(slots=True)
class SessionServiceFacts:
    """What TCP 139 says to a session request, [RFC 1002] 4.3."""

    accepted: bool
    called_name: str
    error_code: int | None = None


@dataclass(slots=True)
class Smb1Facts:
    """Whether SMB1 is on, and what it says of itself, [MS-CIFS] 2.2.4.52, 2.2.4.53."""

    enabled: bool
    dialect: str = ""
    signing: Signing | None = None
    user_level_security: bool | None = None
    plaintext_passwords: bool | None = None
    native_os: str = ""
    native_lan_manager: str = ""
    primary_domain: str = ""
    server_name: str = ""
    system_time_unix: float | None = None
    time_zone_min: int | None = None
    """Minutes west of UTC, as SMB1 counts them."""
    extended_security: bool | None = None


@dataclass(slots=True)
class DialectFacts:
    """One dialect asked for by itself; the rest is None or empty where it is not supported.

    *supported* is None where that one question had no answer, *problem* says why.
    """

    dialect: int
    name: str
    supported: bool | None
    signing: Signing | None = None
    security_mode: int | None = None
    capabilities: list[str] = field(default_factory=list)
    max_read_size: int | None = None
    max_write_size: int | None = None
    problem: str = ""


@dataclass(slots=True)
class AlgorithmFacts:
    """What 3.1.1 can do, each asked for alone: name -> yes, no, or None where unknown."""

    ciphers: dict[str, bool | None]
    signing: dict[str, bool | None]
    compression: dict[str, bool | None]


@dataclass(slots=True)
class ServerFacts:
    """What the NEGOTIATE answer tells: [MS-SMB2] 2.2.4. Times are seconds since 1970 (UTC)."""

    preferred_dialect: int
    signing: Signing
    server_guid: str
    system_time_unix: float | None
    skew_s: float | None
    boot_time_unix: float | None
    capabilities: list[str]
    mechanisms: list[str]


@dataclass(slots=True)
class NtlmFacts:
    """The target information of an NTLM CHALLENGE_MESSAGE, [MS-NLMP] 2.2.1.2, 2.2.2.1.

    *os_version* is major.minor.build of the VERSION structure; an update may leave it behind.
    """

    netbios_computer: str
    netbios_domain: str
    dns_computer: str
    dns_domain: str
    dns_forest: str
    os_version: str
    os_build: int | None
    timestamp_unix: float | None
    may_be_stale: bool = True


class Confidence(StrEnum):
    """How sure a conclusion is."""

    CERTAIN = "certain"
    LIKELY = "likely"
    GUESS = "possible"


@dataclass(slots=True)
class SoftwareFacts:
    """What answers: "Windows Server 2019 (1809)", "Samba", ...; by what it was told, how sure."""

    name: str
    version: str
    confidence: Confidence
    told_by: list[str]


@dataclass(slots=True)
class LogonFacts:
    """What became of a logon without an account."""

    allowed: bool
    status: str
    is_guest: bool = False
    is_null: bool = False


@dataclass(slots=True)
class ShareFacts:
    """A share the null session was told of; *maximal_access* where it could be connected."""

    name: str
    kind: str
    comment: str = ""
    maximal_access: str = ""


@dataclass(slots=True)
class PipeFacts:
    """Whether a named pipe opens for an anonymous caller; *status* is its NTSTATUS by name."""

    name: str
    opens: bool
    status: str


@dataclass(slots=True)
class Ms17010Facts:
    """What PeekNamedPipe said: [MS-CIFS] 2.2.5.5; *missing* is whether the update is missing."""

    missing: bool
    status: str


@dataclass(slots=True)
class SmbGhostFacts:
    """CVE-2020-0796: *exposed* None means the patch level cannot be seen from outside."""

    exposed: bool | None
    why: str


@dataclass(slots=True)
class HostReport:
    """Everything known of one host. *ports* maps "tcp/445" to its answer."""

    target: Target
    started_unix: float = 0.0
    ended_unix: float = 0.0
    ports: dict[str, Answer[PortFacts]] = field(default_factory=dict)
    netbios: Answer[NetbiosFacts] = field(default_factory=Answer)
    session_service: Answer[SessionServiceFacts] = field(default_factory=Answer)
    server: Answer[ServerFacts] = field(default_factory=Answer)
    ntlm: Answer[NtlmFacts] = field(default_factory=Answer)
    smb1: Answer[Smb1Facts] = field(default_factory=Answer)
    dialects: Answer[list[DialectFacts]] = field(default_factory=Answer)
    algorithms: Answer[AlgorithmFacts] = field(default_factory=Answer)
    anonymous: Answer[LogonFacts] = field(default_factory=Answer)
    guest: Answer[LogonFacts] = field(default_factory=Answer)
    shares: Answer[list[ShareFacts]] = field(default_factory=Answer)
    pipes: Answer[list[PipeFacts]] = field(default_factory=Answer)
    ms17_010: Answer[Ms17010Facts] = field(default_factory=Answer)
    smbghost: Answer[SmbGhostFacts] = field(default_factory=Answer)
    software: Answer[SoftwareFacts] = field(default_factory=Answer)

    @property
    def is_alive(self) -> bool:
        """Whether anything at all came back from the host."""
        return self.netbios.value is not None or any(
            answer.value is not None and answer.value.state is not PortState.FILTERED
            for answer in self.ports.values()
        )

    def port_is_open(self, port: str) -> bool:
        """Whether *port* ("tcp/445") was seen open."""
        answer = self.ports.get(port)
        return (
            answer is not None and answer.value is not None and answer.value.state is PortState.OPEN
        )
