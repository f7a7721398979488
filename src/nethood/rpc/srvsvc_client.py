"""What a client asks the server service: shares and the server itself, [MS-SRVS] 3.1.4.

Stubs of requests out, stubs of answers in; how they travel is client.py's business.
"""

from __future__ import annotations

from typing import NamedTuple

from nethood.errors import Malformed
from nethood.rpc.enumeration import MAX_PREFERRED_LENGTH
from nethood.rpc.layout import TEXT, U32, read_container
from nethood.rpc.ndr import Reader, Writer
from nethood.rpc.pdu import Syntax
from nethood.wire import Buffer

SRVSVC_SYNTAX = Syntax.parse("4b324fc8-1670-01d3-1278-5a47bf6ee188", 3)
NETR_SHARE_ENUM = 15
NETR_SERVER_GET_INFO = 21

STYPE_MASK = 0x0000FFFF
STYPE_TEMPORARY = 0x40000000
STYPE_SPECIAL = 0x80000000
SHARE_KINDS = {0: "disk", 1: "printer", 2: "device", 3: "ipc"}
"""[MS-SRVS] 2.2.2.4, the type without its flags."""

_SHARE_INFO_1 = (TEXT, U32, TEXT)


class ShareInfo(NamedTuple):
    """SHARE_INFO_1, [MS-SRVS] 2.2.4.23."""

    name: str
    type: int
    comment: str

    @property
    def kind(self) -> str:
        """ "disk", "printer", "device" or "ipc"; a type not known as a number."""
        number = self.type & STYPE_MASK
        return SHARE_KINDS.get(number, str(number))

    @property
    def is_special(self) -> bool:
        """Whether it is one of the administrative shares, C$ for instance."""
        return bool(self.type & STYPE_SPECIAL)


class ShareEnumAnswer(NamedTuple):
    """What NetrShareEnum returned; *status* is a Win32 error code, 0 or 234 (there is more)."""

    status: int
    shares: list[ShareInfo]
    total: int
    resume: int | None


class ServerInfo(NamedTuple):
    """SERVER_INFO_101, [MS-SRVS] 2.2.4.41."""

    platform_id: int
    name: str
    version_major: int
    version_minor: int
    type: int
    comment: str


class ServerInfoAnswer(NamedTuple):
    """What NetrServerGetInfo returned; *info* is None unless the Win32 *status* is 0."""

    status: int
    info: ServerInfo | None


def encode_share_enum(server: str, resume: int = 0) -> bytes:
    """Return the stub of NetrShareEnum at level 1, all in one page, [MS-SRVS] 3.1.4.8."""
    writer = _to_server(server)
    writer.u32(1)
    writer.u32(1)
    writer.pointer(lambda: _empty_container(writer))
    writer.resolve()
    writer.u32(MAX_PREFERRED_LENGTH)
    writer.optional_u32(resume)
    return writer.getvalue()


def decode_share_enum_answer(stub: Buffer) -> ShareEnumAnswer:
    """Read what NetrShareEnum returned at level 1. Raises Malformed."""
    reader = Reader(stub)
    level, discriminant = reader.u32(), reader.u32()
    if level != 1 or discriminant != 1:
        raise Malformed("NetrShareEnum", f"answer of level {level}, {discriminant}, not 1")
    rows = read_container(reader, _SHARE_INFO_1) if reader.pointer() else []
    total, resume, status = reader.u32(), reader.optional_u32(), reader.u32()
    shares = [ShareInfo(name or "", kind, comment or "") for name, kind, comment in rows]
    return ShareEnumAnswer(status, shares, total, resume)


def encode_server_get_info(server: str) -> bytes:
    """Return the stub of NetrServerGetInfo at level 101, [MS-SRVS] 3.1.4.17."""
    writer = _to_server(server)
    writer.u32(101)
    return writer.getvalue()


def decode_server_info_answer(stub: Buffer) -> ServerInfoAnswer:
    """Read what NetrServerGetInfo returned at level 101. Raises Malformed."""
    reader = Reader(stub)
    level = reader.u32()
    if level != 101:
        raise Malformed("NetrServerGetInfo", f"answer of level {level}, not 101")
    info = _server_info(reader) if reader.pointer() else None
    status = reader.u32()
    return ServerInfoAnswer(status, info if status == 0 else None)


def _server_info(reader: Reader) -> ServerInfo:
    platform_id, has_name = reader.u32(), reader.pointer()
    major, minor, kind = reader.u32(), reader.u32(), reader.u32()
    has_comment = reader.pointer()
    name = reader.text() if has_name else ""
    comment = reader.text() if has_comment else ""
    return ServerInfo(platform_id, name, major, minor, kind, comment)


def _to_server(server: str) -> Writer:
    """Begin a stub with the ServerName every operation has first."""
    writer = Writer()
    writer.pointer(lambda: writer.text(server))
    writer.resolve()
    return writer


def _empty_container(writer: Writer) -> None:
    writer.u32(0)
    writer.pointer(None)
