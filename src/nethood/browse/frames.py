"""The browser's frames, [MS-BRWS] 2.2: what stands in the data of a mailslot write.

Names and comments are bytes in the sender's OEM code page; text here is their Latin-1 reading,
which loses nothing. Which mailslot and which NetBIOS name a frame goes to is not known here.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import ClassVar, TypeVar

from nethood.errors import LocalError, Malformed

HOST_ANNOUNCEMENT = 0x01
ANNOUNCEMENT_REQUEST = 0x02
REQUEST_ELECTION = 0x08
GET_BACKUP_LIST_REQUEST = 0x09
GET_BACKUP_LIST_RESPONSE = 0x0A
BECOME_BACKUP = 0x0B
DOMAIN_ANNOUNCEMENT = 0x0C
MASTER_ANNOUNCEMENT = 0x0D
RESET_STATE_REQUEST = 0x0E
LOCAL_MASTER_ANNOUNCEMENT = 0x0F

RESET_STATE_STOP_MASTER = 0x01
RESET_STATE_CLEAR_ALL = 0x02
RESET_STATE_STOP = 0x04

SIGNATURE = 0xAA55
BROWSER_VERSION_MAJOR = 0x0F
BROWSER_VERSION_MINOR = 0x01
ELECTION_VERSION = 1
NAME_SIZE = 16
MAX_COMMENT = 43
"""The size of a comment as it is sent, its closing zero included."""
_MAX_RECEIVED_COMMENT = 256  # peers exceed the 43 bytes; nothing is gained by refusing them

_ANNOUNCEMENT = struct.Struct("<BBI16sBBIBBH")
_ELECTION = struct.Struct("<BBIII")
_TOKEN = struct.Struct("<BBI")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Announcement:
    """What host and local master announcements have in common."""

    OPCODE: ClassVar[int]

    server_name: str
    periodicity_ms: int
    server_type: int
    comment: str = ""
    os_version_major: int = 10
    os_version_minor: int = 0
    browser_version_major: int = BROWSER_VERSION_MAJOR
    browser_version_minor: int = BROWSER_VERSION_MINOR

    def encode(self) -> bytes:
        """Return the frame. Raises LocalError when name or comment do not fit."""
        fixed = _ANNOUNCEMENT.pack(
            self.OPCODE,
            0,
            self.periodicity_ms,
            _padded(self.server_name),
            self.os_version_major,
            self.os_version_minor,
            self.server_type,
            self.browser_version_major,
            self.browser_version_minor,
            SIGNATURE,
        )
        return fixed + _terminated(self.comment, MAX_COMMENT)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostAnnouncement(_Announcement):
    """A server says that it is there and what it is, [MS-BRWS] 2.2.1."""

    OPCODE: ClassVar[int] = HOST_ANNOUNCEMENT


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalMasterAnnouncement(_Announcement):
    """The local master says so to the browsers of its group, [MS-BRWS] 2.2.10."""

    OPCODE: ClassVar[int] = LOCAL_MASTER_ANNOUNCEMENT


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainAnnouncement:
    """A local master tells other groups' masters of its own, [MS-BRWS] 2.2.7."""

    machine_group: str
    periodicity_ms: int
    server_type: int
    local_master_browser_name: str
    browser_config_version_major: int = 3
    browser_config_version_minor: int = 10
    browser_version_major: int = BROWSER_VERSION_MAJOR
    browser_version_minor: int = BROWSER_VERSION_MINOR

    def encode(self) -> bytes:
        """Return the frame. Raises LocalError when a name does not fit."""
        fixed = _ANNOUNCEMENT.pack(
            DOMAIN_ANNOUNCEMENT,
            0,
            self.periodicity_ms,
            _padded(self.machine_group),
            self.browser_config_version_major,
            self.browser_config_version_minor,
            self.server_type,
            self.browser_version_major,
            self.browser_version_minor,
            SIGNATURE,
        )
        return fixed + _terminated(self.local_master_browser_name, NAME_SIZE)


@dataclass(frozen=True, slots=True)
class AnnouncementRequest:
    """Everybody in the group, or its master, is asked to announce itself, [MS-BRWS] 2.2.2."""

    response_name: str

    def encode(self) -> bytes:
        """Return the frame. Raises LocalError when the name does not fit."""
        return bytes((ANNOUNCEMENT_REQUEST, 0)) + _terminated(self.response_name, NAME_SIZE)


@dataclass(frozen=True, slots=True)
class RequestElection:
    """An election is asked for, or taken part in, [MS-BRWS] 2.2.3."""

    criteria: int
    uptime_s: int
    server_name: str
    version: int = ELECTION_VERSION

    def encode(self) -> bytes:
        """Return the frame. Raises LocalError when the name does not fit."""
        fixed = _ELECTION.pack(
            REQUEST_ELECTION, self.version, self.criteria, self.uptime_s & 0xFFFFFFFF, 0
        )
        return fixed + _terminated(self.server_name, NAME_SIZE)


@dataclass(frozen=True, slots=True)
class GetBackupListRequest:
    """A client asks the master which backup browsers there are, [MS-BRWS] 2.2.4."""

    requested_count: int
    token: int

    def encode(self) -> bytes:
        """Return the frame."""
        return _TOKEN.pack(GET_BACKUP_LIST_REQUEST, self.requested_count, self.token)


@dataclass(frozen=True, slots=True)
class GetBackupListResponse:
    """The master names the backup browsers, [MS-BRWS] 2.2.5."""

    token: int
    backup_servers: tuple[str, ...]

    def encode(self) -> bytes:
        """Return the frame. Raises LocalError for more than 255 names or one that is too long."""
        if len(self.backup_servers) > 255:
            raise LocalError("a backup list has room for 255 names")
        head = _TOKEN.pack(GET_BACKUP_LIST_RESPONSE, len(self.backup_servers), self.token)
        return head + b"".join(_terminated(name, NAME_SIZE) for name in self.backup_servers)


@dataclass(frozen=True, slots=True)
class BecomeBackup:
    """The master makes a potential browser a backup browser, [MS-BRWS] 2.2.6."""

    browser_to_promote: str

    def encode(self) -> bytes:
        """Return the frame. Raises LocalError when the name does not fit."""
        return bytes((BECOME_BACKUP,)) + _terminated(self.browser_to_promote, NAME_SIZE)


@dataclass(frozen=True, slots=True)
class MasterAnnouncement:
    """A local master makes itself known to the domain master, [MS-BRWS] 2.2.8."""

    master_browser_server_name: str

    def encode(self) -> bytes:
        """Return the frame. Raises LocalError when the name does not fit."""
        name = _terminated(self.master_browser_server_name, NAME_SIZE)
        return bytes((MASTER_ANNOUNCEMENT,)) + name


@dataclass(frozen=True, slots=True)
class ResetStateRequest:
    """A browser is told to give up its role, [MS-BRWS] 2.2.9."""

    reset_type: int

    def encode(self) -> bytes:
        """Return the frame."""
        return bytes((RESET_STATE_REQUEST, self.reset_type))


Frame = (
    HostAnnouncement
    | LocalMasterAnnouncement
    | DomainAnnouncement
    | AnnouncementRequest
    | RequestElection
    | GetBackupListRequest
    | GetBackupListResponse
    | BecomeBackup
    | MasterAnnouncement
    | ResetStateRequest
)

_A = TypeVar("_A", HostAnnouncement, LocalMasterAnnouncement)


def decode_frame(data: bytes) -> Frame:
    """Read one browser frame. Raises Malformed, for opcodes [MS-BRWS] does not know too."""
    if not data:
        raise Malformed("browser frame", "is empty")
    decoder = _DECODERS.get(data[0])
    if decoder is None:
        raise Malformed("browser frame", f"has the unknown opcode 0x{data[0]:02X}")
    try:
        return decoder(data)
    except struct.error:
        raise Malformed("browser frame", f"is cut off: {len(data)} bytes", len(data)) from None


def describe(frame: Frame) -> dict[str, object]:
    """Return the frame's fields by name, for display."""
    return {field.name: getattr(frame, field.name) for field in fields(frame)}


def _encoded(text: str, room: int) -> bytes:
    try:
        raw = text.encode("latin-1")
    except UnicodeEncodeError:
        raise LocalError(f"{text!r} leaves Latin-1: browser frames can't carry it") from None
    if len(raw) >= room or b"\0" in raw:
        raise LocalError(f"{text!r} is longer than the {room - 1} characters there is room for")
    return raw


def _terminated(text: str, room: int) -> bytes:
    return _encoded(text, room) + b"\0"


def _padded(name: str) -> bytes:
    return _encoded(name, NAME_SIZE).ljust(NAME_SIZE, b"\0")


def _name(data: bytes, at: int) -> str:
    """Read a name of up to 15 bytes and its zero; a name that ends with the frame counts too."""
    raw, _, _ = data[at : at + NAME_SIZE].partition(b"\0")
    if len(raw) >= NAME_SIZE:
        raise Malformed("browser frame", "has a name of more than 15 characters", at)
    return raw.decode("latin-1").rstrip(" ")


def _comment(data: bytes) -> str:
    raw = data[_ANNOUNCEMENT.size : _ANNOUNCEMENT.size + _MAX_RECEIVED_COMMENT]
    return raw.partition(b"\0")[0].decode("latin-1")


def _announcement(kind: type[_A], data: bytes) -> _A:
    (_, _, periodicity, _, os_major, os_minor, server_type, major, minor, signature) = (
        _ANNOUNCEMENT.unpack_from(data)
    )
    # A LAN Manager announcement shares the opcode and nothing else.
    if signature != SIGNATURE:
        raise Malformed("browser frame", f"has the signature 0x{signature:04X}", 30)
    return kind(
        server_name=_required_name(data, 6),
        periodicity_ms=periodicity,
        server_type=server_type,
        comment=_comment(data),
        os_version_major=os_major,
        os_version_minor=os_minor,
        browser_version_major=major,
        browser_version_minor=minor,
    )


def _required_name(data: bytes, at: int) -> str:
    name = _name(data, at)
    if not name:
        raise Malformed("browser frame", "names nobody", at)
    return name


def _host_announcement(data: bytes) -> HostAnnouncement:
    return _announcement(HostAnnouncement, data)


def _local_master_announcement(data: bytes) -> LocalMasterAnnouncement:
    return _announcement(LocalMasterAnnouncement, data)


def _domain_announcement(data: bytes) -> DomainAnnouncement:
    # Versions and signature are left uninitialised by some senders ([MS-BRWS] notes 19 to 21).
    (_, _, periodicity, _, config_major, config_minor, server_type, major, minor, _) = (
        _ANNOUNCEMENT.unpack_from(data)
    )
    return DomainAnnouncement(
        machine_group=_required_name(data, 6),
        periodicity_ms=periodicity,
        server_type=server_type,
        local_master_browser_name=_name(data, _ANNOUNCEMENT.size),
        browser_config_version_major=config_major,
        browser_config_version_minor=config_minor,
        browser_version_major=major,
        browser_version_minor=minor,
    )


def _announcement_request(data: bytes) -> AnnouncementRequest:
    return AnnouncementRequest(_name(data, 2))


def _request_election(data: bytes) -> RequestElection:
    _, version, criteria, uptime_s, _ = _ELECTION.unpack_from(data)
    return RequestElection(criteria, uptime_s, _name(data, _ELECTION.size), version)


def _backup_list_request(data: bytes) -> GetBackupListRequest:
    _, requested_count, token = _TOKEN.unpack_from(data)
    return GetBackupListRequest(requested_count, token)


def _backup_list_response(data: bytes) -> GetBackupListResponse:
    _, count, token = _TOKEN.unpack_from(data)
    at = _TOKEN.size
    names: list[str] = []
    for _ in range(count):
        if at >= len(data):
            raise Malformed("browser frame", f"promises {count} names, has {len(names)}", at)
        names.append(_name(data, at))
        at = data.find(b"\0", at) + 1 or len(data)
    return GetBackupListResponse(token, tuple(names))


def _become_backup(data: bytes) -> BecomeBackup:
    return BecomeBackup(_required_name(data, 1))


def _master_announcement(data: bytes) -> MasterAnnouncement:
    return MasterAnnouncement(_required_name(data, 1))


def _reset_state_request(data: bytes) -> ResetStateRequest:
    if len(data) < 2:
        raise Malformed("browser frame", "is cut off: no reset type", 1)
    return ResetStateRequest(data[1])


_DECODERS: dict[int, Callable[[bytes], Frame]] = {
    HOST_ANNOUNCEMENT: _host_announcement,
    ANNOUNCEMENT_REQUEST: _announcement_request,
    REQUEST_ELECTION: _request_election,
    GET_BACKUP_LIST_REQUEST: _backup_list_request,
    GET_BACKUP_LIST_RESPONSE: _backup_list_response,
    BECOME_BACKUP: _become_backup,
    DOMAIN_ANNOUNCEMENT: _domain_announcement,
    MASTER_ANNOUNCEMENT: _master_announcement,
    RESET_STATE_REQUEST: _reset_state_request,
    LOCAL_MASTER_ANNOUNCEMENT: _local_master_announcement,
}
