"""The test client's file operations: a Client opens Handles, and everything asserts its status."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from nethood import erref
from nethood.dtyp.access_mask import FILE_ALL_ACCESS
from nethood.fscc.dir_info import decode_entries
from nethood.fscc.file_info import FileDispositionInformation
from nethood.fscc.name_info import FileRenameInformation
from nethood.fscc.notify import decode_changes
from nethood.smb2 import constants as c
from nethood.smb2.change_notify import ChangeNotifyRequest
from nethood.smb2.close import CloseRequest
from nethood.smb2.create import CreateRequest
from nethood.smb2.ioctl import IoctlRequest
from nethood.smb2.lock import LockElement, LockRequest
from nethood.smb2.query_directory import QueryDirectoryRequest
from nethood.smb2.query_info import QueryInfoRequest
from nethood.smb2.read import ReadRequest
from nethood.smb2.set_info import SetInfoRequest
from nethood.smb2.simple import CancelRequest, EchoRequest, FlushRequest, LogoffRequest
from nethood.smb2.write import WriteRequest
from nethood.text import encode_utf16
from nethood.wire import Buffer
from tests.server.client import Connection, Element, Reply

SHARE_ALL = c.FILE_SHARE_READ | c.FILE_SHARE_WRITE | c.FILE_SHARE_DELETE
FULL_DIRECTORY = 0x02
END_OF_FILE, DISPOSITION, RENAME, STANDARD, BASIC = 20, 13, 10, 5, 4
NO_FILE = 0xFFFFFFFFFFFFFFFF


@dataclass(frozen=True, slots=True)
class Handle:
    """A FileId."""

    persistent: int
    volatile: int

    @property
    def ids(self) -> dict[str, Any]:
        return {"persistent": self.persistent, "volatile": self.volatile}


RELATED = Handle(c.RELATED_FILE_ID, c.RELATED_FILE_ID)
"""The file of the element before, in a related one."""


def create_request(
    name: str,
    *,
    access: int = FILE_ALL_ACCESS,
    share: int = SHARE_ALL,
    disposition: int = c.FILE_OPEN_IF,
    options: int = 0,
    attributes: int = 0,
    contexts: bytes = b"",
) -> CreateRequest:
    """Return a CREATE for *name*, with everything allowed unless said otherwise."""
    return CreateRequest(
        desired_access=access,
        share_access=share,
        create_disposition=disposition,
        create_options=options,
        file_attributes=attributes,
        name=encode_utf16(name),
        create_contexts=contexts,
    )


def read_request(handle: Handle, length: int = 65536, offset: int = 0) -> ReadRequest:
    """Return a READ."""
    return ReadRequest(length=length, offset=offset, **handle.ids)


def write_request(handle: Handle, data: bytes, offset: int = 0, flags: int = 0) -> WriteRequest:
    """Return a WRITE."""
    return WriteRequest(data=data, offset=offset, flags=flags, **handle.ids)


def ioctl_request(
    code: int, data: bytes = b"", handle: Handle | None = None, room: int = 65536
) -> IoctlRequest:
    """Return an FSCTL, on no file where *handle* is None."""
    ids = (handle or Handle(NO_FILE, NO_FILE)).ids
    return IoctlRequest(
        ctl_code=code,
        input=data,
        max_output_response=room,
        flags=c.SMB2_0_IOCTL_IS_FSCTL,
        **ids,
    )


def set_request(handle: Handle, info_class: int, data: bytes) -> SetInfoRequest:
    """Return a SET_INFO of a FILE class."""
    return SetInfoRequest(
        info_type=c.SMB2_0_INFO_FILE, file_info_class=info_class, buffer=data, **handle.ids
    )


def charge_of(size: int) -> int:
    """Return the CreditCharge of *size* bytes ([MS-SMB2] 3.1.5.2)."""
    return max(1, -(-size // 65536))


class Client(Connection):
    """A connection that works with files."""

    def create(self, name: str, *, status: int = 0, **how: Any) -> Handle:
        """Open or make *name*; a nothing-handle where *status* is a failure."""
        reply = self.call(c.SMB2_CREATE, create_request(name, **how), status=status)
        return handle_of(reply) if not status else Handle(0, 0)

    def mkdir(self, name: str) -> Handle:
        """Make a directory."""
        return self.create(name, options=c.FILE_DIRECTORY_FILE, disposition=c.FILE_CREATE)

    def open(self, name: str, **how: Any) -> Handle:
        """Open what exists."""
        return self.create(name, disposition=c.FILE_OPEN, **how)

    def close(self, handle: Handle, *, status: int = 0, flags: int = 0) -> Reply:
        """Close a handle."""
        return self.call(c.SMB2_CLOSE, CloseRequest(flags=flags, **handle.ids), status=status)

    def read(
        self, handle: Handle, length: int = 65536, offset: int = 0, *, status: int = 0
    ) -> bytes:
        """Read; empty where *status* is a failure."""
        request = read_request(handle, length, offset)
        reply = self.call(c.SMB2_READ, request, status=status, charge=charge_of(length))
        return b"" if status else bytes(reply.body.data)

    def write(
        self, handle: Handle, data: bytes, offset: int = 0, *, status: int = 0, flags: int = 0
    ) -> None:
        """Write all of *data*."""
        request = write_request(handle, data, offset, flags)
        reply = self.call(c.SMB2_WRITE, request, status=status, charge=charge_of(len(data)))
        assert status or reply.body.count == len(data)

    def put(self, name: str, data: bytes) -> None:
        """Make a file that holds *data*."""
        handle = self.create(name, disposition=c.FILE_OVERWRITE_IF)
        self.write(handle, data)
        self.close(handle)

    def get(self, name: str) -> bytes:
        """Return what a file holds, up to 64 KiB."""
        handle = self.open(name)
        data = self.read(handle)
        self.close(handle)
        return data

    def flush(self, handle: Handle, *, status: int = 0) -> Reply:
        """Flush a file."""
        return self.call(c.SMB2_FLUSH, FlushRequest(**handle.ids), status=status)

    def echo(self, *, status: int = 0, **how: Any) -> Reply:
        """Ask whether somebody is there."""
        return self.call(c.SMB2_ECHO, EchoRequest(), status=status, **how)

    def logoff(self, *, status: int = 0) -> Reply:
        """End the session."""
        return self.call(c.SMB2_LOGOFF, LogoffRequest(), status=status)

    def query(
        self, handle: Handle, info_class: int, *, status: int = 0, info_type: int = 1
    ) -> bytes:
        """Return an information class."""
        request = QueryInfoRequest(
            info_type=info_type,
            file_info_class=info_class,
            output_buffer_length=65536,
            **handle.ids,
        )
        reply = self.call(c.SMB2_QUERY_INFO, request, status=status)
        return b"" if status else bytes(reply.body.output_buffer)

    def set(self, handle: Handle, info_class: int, data: bytes, *, status: int = 0) -> None:
        """Set a FILE information class."""
        self.call(c.SMB2_SET_INFO, set_request(handle, info_class, data), status=status)

    def rename(self, handle: Handle, name: str, *, replace: bool = False, status: int = 0) -> None:
        """Rename an open file."""
        data = FileRenameInformation(name, replace).encode()
        self.set(handle, RENAME, data, status=status)

    def delete(self, handle: Handle, *, pending: bool = True, status: int = 0) -> None:
        """Have a file removed at its last close, or not after all."""
        data = FileDispositionInformation(delete_pending=int(pending)).encode()
        self.set(handle, DISPOSITION, data, status=status)

    def names(self, folder: str = "", pattern: str = "*") -> list[str]:
        """Return the names in a folder, all pages of them, without "." and ".."."""
        handle = self.open(folder, options=c.FILE_DIRECTORY_FILE)
        found: list[str] = []
        while (page := self.page(handle, pattern)) is not None:
            found += page
        self.close(handle)
        return [name for name in found if name not in (".", "..")]

    def page(self, handle: Handle, pattern: str = "*", *, room: int = 65536) -> list[str] | None:
        """Return the next page of a listing, None after the last."""
        request = QueryDirectoryRequest(
            file_information_class=FULL_DIRECTORY,
            output_buffer_length=room,
            file_name=encode_utf16(pattern),
            **handle.ids,
        )
        reply = self.call(c.SMB2_QUERY_DIRECTORY, request, status=None)
        if reply.status in (erref.STATUS_NO_MORE_FILES, erref.STATUS_NO_SUCH_FILE):
            return None
        assert reply.status == 0, erref.status_name(reply.status)
        return [e.file_name for e in decode_entries(FULL_DIRECTORY, reply.body.output_buffer)]

    def lock_request(self, handle: Handle, *ranges: tuple[int, int, int]) -> LockRequest:
        """Return a LOCK of (offset, length, flags) ranges."""
        return LockRequest([LockElement(*r) for r in ranges], handle.persistent, handle.volatile)

    def lock(self, handle: Handle, *ranges: tuple[int, int, int], status: int = 0) -> None:
        """Lock or unlock ranges."""
        self.call(c.SMB2_LOCK, self.lock_request(handle, *ranges), status=status)

    def watch(self, handle: Handle, *, filter_: int = 0xFFF, flags: int = 0) -> int:
        """Ask for changes in a directory; return the message id of the answer to come."""
        request = ChangeNotifyRequest(
            flags=flags, output_buffer_length=65536, completion_filter=filter_, **handle.ids
        )
        return self.send(c.SMB2_CHANGE_NOTIFY, request)

    def changes(self, message_id: int) -> list[tuple[int, str]]:
        """Return what a watch has to say."""
        reply = self.wait(message_id)
        listed: Iterable[Any] = decode_changes(reply.body.output_buffer)
        return [(change.action, change.name) for change in listed]

    def ioctl(
        self,
        code: int,
        data: bytes = b"",
        handle: Handle | None = None,
        *,
        status: int = 0,
        room: int = 65536,
    ) -> bytes:
        """Send an FSCTL; return its output."""
        request = ioctl_request(code, data, handle, room)
        reply = self.call(c.SMB2_IOCTL, request, status=status)
        return b"" if status else bytes(reply.body.output)

    def cancel(self, message_id: int, async_id: int = 0, *, sign: bool | None = None) -> None:
        """Cancel by AsyncId where one is given, else by MessageId."""
        element = Element(c.SMB2_CANCEL, CancelRequest())
        header = self.encode(element, message_id, credits_wanted=0, charge=0)
        if async_id:
            header.message_id = 0
            header.async_id = async_id
        self.send_message(self.protect(header, element.body.encode(), sign))

    def last_interim(self, message_id: int) -> Reply:
        """Return the STATUS_PENDING that told of a message's wait."""
        while not any(r.header.message_id == message_id for r in self.pending):
            assert self.receive(), "no interim answer"
        return next(r for r in self.pending if r.header.message_id == message_id)


def handle_of(reply: Reply) -> Handle:
    """Return the handle a CREATE made."""
    return Handle(reply.body.persistent, reply.body.volatile)


def related(command: int, body: Any) -> Element:
    """Return a related element of a compound."""
    return Element(command, body, related=True)


def data_of(data: Buffer) -> bytes:
    """Return a buffer as bytes."""
    return bytes(data)
