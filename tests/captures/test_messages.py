"""Every SMB2 message in captured traffic decodes, and re-encodes to the same bytes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from nethood.errors import Malformed
from nethood.fscc.notify import decode_changes, encode_changes
from nethood.nbt import session
from nethood.smb2 import constants as c
from nethood.smb2 import create_contexts as cc
from nethood.smb2 import ioctl_payloads
from nethood.smb2.change_notify import (
    ChangeNotifyResponse,
)
from nethood.smb2.create import CreateRequest, CreateResponse
from nethood.smb2.error import ErrorResponse, decode_error_contexts, encode_error_contexts
from nethood.smb2.header import Header, split_compound
from nethood.smb2.ioctl import IoctlRequest, IoctlResponse
from nethood.smb2.messages import Message, decode_request, decode_response
from nethood.smb2.transform import TRANSFORM_HEADER_SIZE, TransformHeader
from nethood.wire import Buffer, Wire
from tests.captures.padding import without_padding
from tests.captures.reader import Conversation, conversations, files

MADE_BY_A_FUZZER = {"smb2_fscontrol.pcap"}
CAPTURES = [pytest.param(path, id=path.name) for path in files()] or [
    pytest.param(None, marks=pytest.mark.skip(reason="no captures: set NETHOOD_CAPTURES"))
]


def smb2_messages(path: Path) -> Iterator[memoryview]:
    """Yield every plain SMB2 message in a capture, compounds taken apart."""
    for talk in conversations(path):
        for frame in talk.frames:
            if frame.type == session.SESSION_MESSAGE and frame.payload[:4] == b"\xfeSMB":
                yield from split_compound(memoryview(frame.payload))


def decoded(path: Path) -> Iterator[tuple[Header, Message, memoryview]]:
    """Yield header, body and bytes of every plain SMB2 message in a capture."""
    if path.name in MADE_BY_A_FUZZER:
        return
    for message in smb2_messages(path):
        header = Header.decode(message)
        if header.flags & c.SMB2_FLAGS_SERVER_TO_REDIR:
            yield header, decode_response(header, message), message
        else:
            yield header, decode_request(header.command, message), message


@pytest.mark.parametrize("path", CAPTURES)
def test_messages_come_out_as_they_went_in(path: Path) -> None:
    for header, body, message in decoded(path):
        is_error = isinstance(body, ErrorResponse)
        again = without_padding(header.encode() + body.encode(), is_error=is_error)
        assert again == without_padding(bytes(message), is_error=is_error)


@pytest.mark.parametrize("path", CAPTURES)
def test_every_message_is_framed(path: Path) -> None:
    """What the frames hold is SMB1, SMB2, encrypted SMB2, or a session packet that decodes."""
    for frame in (frame for talk in conversations(path) for frame in talk.frames):
        if frame.type == session.SESSION_REQUEST:
            assert session.SessionRequest.decode(frame.payload).encode()[4:] == frame.payload
        elif frame.type == session.SESSION_MESSAGE:
            assert frame.payload[:4] in (b"\xffSMB", b"\xfeSMB", b"\xfdSMB")
        else:
            assert frame.type in (0x82, 0x83, 0x84, 0x85)


@pytest.mark.parametrize("path", CAPTURES)
def test_encrypted_messages_have_a_transform_header(path: Path) -> None:
    for frame in (frame for talk in conversations(path) for frame in talk.frames):
        if frame.payload[:4] == b"\xfdSMB":
            header = TransformHeader.decode(frame.payload)
            assert header.encode() == frame.payload[:TRANSFORM_HEADER_SIZE]
            assert header.original_message_size == len(frame.payload) - TRANSFORM_HEADER_SIZE
            assert header.flags == c.TRANSFORM_FLAG_ENCRYPTED


_REQUEST_CONTEXTS: dict[bytes, type[Wire]] = {
    c.SMB2_CREATE_DURABLE_HANDLE_REQUEST: cc.DurableHandleRequest,
    c.SMB2_CREATE_DURABLE_HANDLE_RECONNECT: cc.DurableHandleReconnect,
    c.SMB2_CREATE_QUERY_MAXIMAL_ACCESS_REQUEST: cc.QueryMaximalAccessRequest,
    c.SMB2_CREATE_ALLOCATION_SIZE: cc.AllocationSize,
    c.SMB2_CREATE_TIMEWARP_TOKEN: cc.TimewarpToken,
    c.SMB2_CREATE_DURABLE_HANDLE_REQUEST_V2: cc.DurableHandleRequestV2,
    c.SMB2_CREATE_DURABLE_HANDLE_RECONNECT_V2: cc.DurableHandleReconnectV2,
    c.SMB2_CREATE_APP_INSTANCE_ID: cc.AppInstanceId,
    c.SMB2_CREATE_APP_INSTANCE_VERSION: cc.AppInstanceVersion,
}
_RESPONSE_CONTEXTS: dict[bytes, type[Wire]] = {
    c.SMB2_CREATE_DURABLE_HANDLE_REQUEST: cc.DurableHandleResponse,
    c.SMB2_CREATE_QUERY_MAXIMAL_ACCESS_REQUEST: cc.QueryMaximalAccessResponse,
    c.SMB2_CREATE_QUERY_ON_DISK_ID: cc.QueryOnDiskIdResponse,
    c.SMB2_CREATE_DURABLE_HANDLE_REQUEST_V2: cc.DurableHandleResponseV2,
}


@pytest.mark.parametrize("path", CAPTURES)
def test_create_contexts_come_out_as_they_went_in(path: Path) -> None:
    for _, body, _ in decoded(path):
        if isinstance(body, CreateRequest):
            check_contexts(body.create_contexts, _REQUEST_CONTEXTS)
        elif isinstance(body, CreateResponse):
            check_contexts(body.create_contexts, _RESPONSE_CONTEXTS)


def check_contexts(chain: Buffer, classes: dict[bytes, type[Wire]]) -> None:
    """The chain decodes, encodes to itself up to its last padding, and so does every payload."""
    contexts = cc.decode_contexts(chain)
    again = cc.encode_contexts(contexts)
    assert cc.decode_contexts(again) == contexts
    assert abs(len(chain) - len(again)) < 8
    for name, data in contexts:
        if name == c.SMB2_CREATE_REQUEST_LEASE:
            assert cc.decode_lease(data).encode() == data
        elif len(data) and name in classes:
            assert classes[name].decode(data).encode() == data


@pytest.mark.parametrize("path", CAPTURES)
def test_ioctl_payloads_come_out_as_they_went_in(path: Path) -> None:
    for _, body, _ in decoded(path):
        if isinstance(body, IoctlRequest) and body.input_count:
            if body.ctl_code == c.FSCTL_VALIDATE_NEGOTIATE_INFO:
                request = ioctl_payloads.ValidateNegotiateInfoRequest.decode(body.input)
                assert request.encode() == body.input
        elif isinstance(body, IoctlResponse) and body.output_count:
            if body.ctl_code == c.FSCTL_VALIDATE_NEGOTIATE_INFO:
                response = ioctl_payloads.ValidateNegotiateInfoResponse.decode(body.output)
                assert response.encode() == body.output
            elif body.ctl_code == c.FSCTL_QUERY_NETWORK_INTERFACE_INFO:
                interfaces = ioctl_payloads.decode_network_interfaces(body.output)
                assert ioctl_payloads.encode_network_interfaces(interfaces) == body.output


@pytest.mark.parametrize("path", CAPTURES)
def test_lists_come_out_as_they_went_in(path: Path) -> None:
    for _, body, _ in decoded(path):
        if isinstance(body, ChangeNotifyResponse):
            changes = decode_changes(body.output_buffer)
            again = encode_changes(changes, 1 << 20)
            assert bytes(body.output_buffer).rstrip(b"\0") == again.rstrip(b"\0")
        elif isinstance(body, ErrorResponse) and body.error_context_count:
            contexts = decode_error_contexts(body.error_data, body.error_context_count)
            assert encode_error_contexts(contexts) == body.error_data


@pytest.mark.skipif(not files(), reason="no captures: set NETHOOD_CAPTURES")
def test_the_captures_hold_what_they_are_known_to_hold() -> None:
    """A reader that finds nothing would make every test above pass."""
    commands: Counter[str] = Counter()
    for path in files():
        for header, _, _ in decoded(path):
            commands[c.command_name(header.command)] += 1
    seen = {name for name, count in commands.items() if count}
    nobody_sent = {"ECHO", "FLUSH", "SERVER_TO_CLIENT_NOTIFICATION"}
    assert seen == {command.name for command in c.Command} - nobody_sent
    assert sum(commands.values()) > 2500


@pytest.mark.skipif(not files(), reason="no captures: set NETHOOD_CAPTURES")
def test_a_fuzzed_message_is_refused() -> None:
    (path,) = (path for path in files() if path.name in MADE_BY_A_FUZZER)
    (message,) = smb2_messages(path)
    with pytest.raises(Malformed):
        Header.decode(message)


@pytest.mark.skipif(not files(), reason="no captures: set NETHOOD_CAPTURES")
def test_split_and_truncated_session_messages() -> None:
    talks: dict[str, Conversation] = {}
    for path in files():
        if path.name.startswith("netbios-"):
            (talks[path.name],) = conversations(path)
    split = talks["netbios-split-session-msg.pcap"].frames
    assert [frame.payload for frame in split] == [b"\xffSMB" + b"A" * 28, b"\xffSMB"]
    assert not talks["netbios-truncated-session-msg.pcap"].frames
