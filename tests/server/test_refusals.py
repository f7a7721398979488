"""What is refused, and with which status: the cases Windows and Samba's own tests look at."""

from __future__ import annotations

import pytest

from nethood import erref
from nethood.dtyp.access_mask import FILE_READ_DATA, SYNCHRONIZE
from nethood.dtyp.security_descriptor import SecurityDescriptor
from nethood.fscc.attributes import FILE_ATTRIBUTE_ENCRYPTED
from nethood.fscc.file_info import FileEndOfFileInformation
from nethood.smb2 import constants as c
from nethood.smb2.change_notify import ChangeNotifyRequest
from nethood.smb2.close import CloseRequest
from nethood.smb2.query_info import QueryInfoRequest
from nethood.smb2.simple import EchoRequest, LogoffRequest
from tests.server.client import Element
from tests.server.files import (
    END_OF_FILE,
    RELATED,
    Client,
    create_request,
    read_request,
    related,
)
from tests.server.harness import Harness

INVALID = erref.STATUS_INVALID_PARAMETER
NO_SESSION = erref.STATUS_USER_SESSION_DELETED
LARGEST = 0xFFF_FFFF_0000


def statuses(client: Client, *elements: Element) -> list[int]:
    """Return how each element of a chain ended."""
    return [reply.status for reply in client.chain(*elements)]


def test_a_lost_session_is_told_with_the_flag_the_request_had(client: Client) -> None:
    client.logoff()
    assert client.call(c.SMB2_LOGOFF, LogoffRequest(), status=NO_SESSION).is_signed
    assert not client.call(c.SMB2_LOGOFF, LogoffRequest(), status=NO_SESSION, sign=False).is_signed


def test_a_session_id_has_32_bits(client: Client) -> None:
    assert client.session is not None
    assert 0 < client.session.session_id < 0xFFFFFFFF


def test_what_follows_an_element_without_a_session(client: Client) -> None:
    lost = Element(c.SMB2_CREATE, create_request("x"), session_id=0x123456, sign=False)
    close = related(c.SMB2_CLOSE, CloseRequest(**RELATED.ids))
    assert statuses(client, lost, close) == [NO_SESSION, INVALID]


def test_what_follows_a_related_first_element(client: Client) -> None:
    first = related(c.SMB2_CREATE, create_request("x"))
    close = related(c.SMB2_CLOSE, CloseRequest(**RELATED.ids))
    assert statuses(client, first, close) == [INVALID, INVALID]
    client.open("x", status=erref.STATUS_OBJECT_NAME_NOT_FOUND)


def test_a_command_that_does_not_exist(client: Client) -> None:
    body = EchoRequest()
    assert client.wait(client.send(0xFF, body), None).status == INVALID
    assert statuses(client, Element(c.SMB2_ECHO, body), related(0xFF, body)) == [0, INVALID]


def test_a_wait_in_the_middle_of_a_chain(client: Client) -> None:
    client.mkdir("folder")
    opened = Element(c.SMB2_CREATE, create_request("folder", options=c.FILE_DIRECTORY_FILE))
    watch = related(
        c.SMB2_CHANGE_NOTIFY,
        ChangeNotifyRequest(output_buffer_length=1000, completion_filter=1, **RELATED.ids),
    )
    close = related(c.SMB2_CLOSE, CloseRequest(**RELATED.ids))
    assert statuses(client, opened, watch, close) == [0, erref.STATUS_INTERNAL_ERROR, 0]


@pytest.mark.parametrize(
    ("offset", "data", "status"),
    [
        (0xFFFF_FFFF_FFFF_FFFF, b"x", INVALID),
        (0x8000_0000_0000_0000, b"", INVALID),
        (0x7FFF_FFFF_FFFF_FFFF, b"", erref.STATUS_SUCCESS),
        (LARGEST, b"x", INVALID),
        (LARGEST - 1, b"xx", INVALID),
        (LARGEST, b"", erref.STATUS_SUCCESS),
    ],
)
def test_writing_where_no_file_reaches(
    client: Client, offset: int, data: bytes, status: int
) -> None:
    handle = client.create("file")
    client.write(handle, data, offset, status=status)
    client.read(handle, status=erref.STATUS_END_OF_FILE)


def test_an_end_of_file_no_file_has(client: Client) -> None:
    handle = client.create("file")
    data = FileEndOfFileInformation(LARGEST + 1).encode()
    client.set(handle, END_OF_FILE, data, status=INVALID)


def security(
    client: Client, access: int, wanted: int, status: int = 0
) -> SecurityDescriptor | None:
    """Ask for parts of the security descriptor of a file opened with *access*."""
    handle = client.create("file", access=access)
    asked = QueryInfoRequest(
        info_type=c.SMB2_0_INFO_SECURITY,
        output_buffer_length=1000,
        additional_information=wanted,
        persistent=handle.persistent,
        volatile=handle.volatile,
    )
    reply = client.call(c.SMB2_QUERY_INFO, asked, status=status)
    return None if status else SecurityDescriptor.decode(bytes(reply.body.output_buffer))


def test_no_part_of_a_security_descriptor_takes_no_right(client: Client) -> None:
    descriptor = security(client, FILE_READ_DATA, 0)
    assert descriptor is not None
    assert (descriptor.owner, descriptor.group, descriptor.dacl) == (None, None, None)


@pytest.mark.parametrize("part", [1, 2, 4, 8])
def test_each_part_of_a_security_descriptor_takes_a_right(client: Client, part: int) -> None:
    security(client, FILE_READ_DATA, part, erref.STATUS_ACCESS_DENIED)


def test_encrypted_files_are_not_made(client: Client) -> None:
    client.create("x", attributes=FILE_ATTRIBUTE_ENCRYPTED, status=erref.STATUS_ACCESS_DENIED)
    client.open("x", status=erref.STATUS_OBJECT_NAME_NOT_FOUND)


def test_synchronize_alone_opens_but_allows_nothing(client: Client) -> None:
    client.put("file", b"data")
    handle = client.open("file", access=SYNCHRONIZE)
    client.call(c.SMB2_READ, read_request(handle), status=erref.STATUS_ACCESS_DENIED)


def test_file_system_control_information_names_no_quota(client: Client) -> None:
    data = client.query(client.open(""), 6, info_type=c.SMB2_0_INFO_FILESYSTEM)
    assert data == bytes(24) + b"\xff" * 16 + bytes(8)


def test_interfaces_need_room(harness: Harness, client: Client) -> None:
    harness.core.listening.append(("127.0.0.1", 445))
    status = erref.STATUS_BUFFER_TOO_SMALL
    client.ioctl(c.FSCTL_QUERY_NETWORK_INTERFACE_INFO, room=151, status=status)
    assert len(client.ioctl(c.FSCTL_QUERY_NETWORK_INTERFACE_INFO, room=152)) == 152


def test_compression_is_not_offered(client: Client) -> None:
    handle = client.create("file")
    lznt1 = (2).to_bytes(2, "little")
    client.ioctl(c.FSCTL_SET_COMPRESSION, lznt1, handle, status=erref.STATUS_NOT_SUPPORTED)
    client.ioctl(c.FSCTL_SET_COMPRESSION, bytes(2), handle)
