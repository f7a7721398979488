"""Every message in both directions, against what a real server and a real client sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from nethood.errors import LocalError, Malformed
from nethood.smb1 import constants as c
from nethood.smb1.header import HEADER_SIZE, Header
from nethood.smb1.negotiate import NegotiateRequest, NegotiateResponse
from nethood.smb1.session_setup import (
    PasswordSessionSetupRequest,
    SessionSetupRequest,
    SessionSetupResponse,
)
from nethood.smb1.transaction import (
    PeekNamedPipe,
    TransactionRequest,
    TransactionResponse,
    peek_named_pipe,
)
from nethood.smb1.tree_connect import TreeConnectRequest, TreeConnectResponse
from tests.smb1 import samples

BOTH_WAYS = [
    (samples.NEGOTIATE_REQUEST, NegotiateRequest),
    (samples.EXTENDED_NEGOTIATE_RESPONSE, NegotiateResponse),
    (samples.NEGOTIATE_RESPONSE, NegotiateResponse),
    (samples.BLOB_SETUP_REQUEST, SessionSetupRequest),
    (samples.BLOB_SETUP_RESPONSE, SessionSetupResponse),
    (samples.PASSWORD_SETUP_REQUEST, PasswordSessionSetupRequest),
    (samples.SETUP_RESPONSE, SessionSetupResponse),
    (samples.TREE_CONNECT_REQUEST, TreeConnectRequest),
    (samples.TREE_CONNECT_RESPONSE, TreeConnectResponse),
    (samples.PEEK_REQUEST, TransactionRequest),
]


@pytest.mark.parametrize(("message", "cls"), BOTH_WAYS)
def test_what_is_read_is_written_again(message: bytes, cls: Any) -> None:
    again = cls.decode(cls.decode(message).encode(), 0)
    assert again.encode() == cls.decode(message).encode()


@pytest.mark.parametrize(("message", "cls"), BOTH_WAYS)
def test_a_message_cut_off_anywhere_is_malformed_or_shorter(message: bytes, cls: Any) -> None:
    with pytest.raises(Malformed):
        cls.decode(message[: HEADER_SIZE + 1])
    for end in range(HEADER_SIZE, len(message)):
        with pytest.raises(Malformed):
            cls.decode(message[:end])


def test_the_header() -> None:
    header = Header.decode(samples.BLOB_SETUP_RESPONSE)
    assert header.command == c.SMB_COM_SESSION_SETUP_ANDX
    assert header.status == 0xC0000016
    assert header.is_reply
    assert header.has_unicode
    assert header.has_nt_status
    assert header.pid_low == 0x4E48
    assert header.mid == 2
    assert header.encode() == samples.BLOB_SETUP_RESPONSE[:HEADER_SIZE]
    assert not Header.decode(samples.NEGOTIATE_REQUEST).is_reply
    with pytest.raises(Malformed):
        Header.decode(b"\xfeSMB" + bytes(28))


def test_negotiate_offers_nt_lan_manager() -> None:
    assert NegotiateRequest().encode() == b"\0\x0c\0\x02NT LM 0.12\0"
    assert NegotiateRequest.decode(samples.NEGOTIATE_REQUEST).dialects == ["NT LM 0.12"]


@pytest.mark.parametrize("body", [b"\1\0\0\0\0", b"\0\3\0\1A\0", b"\0\x02\x01" + b"\2\0" * 129])
def test_what_is_no_list_of_dialects_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        NegotiateRequest.decode(body, 0)


def test_a_negotiate_response_with_extended_security() -> None:
    response = NegotiateResponse.decode(samples.EXTENDED_NEGOTIATE_RESPONSE)
    assert response.dialect_index == 0
    assert response.has_extended_security
    assert response.security_mode == 0x03
    assert response.max_mpx_count == 50
    assert response.server_guid.startswith(b"oldsmbd")
    assert response.security_blob.startswith(b"\x60\x48")
    assert response.encode() == samples.EXTENDED_NEGOTIATE_RESPONSE[HEADER_SIZE:]


def test_a_negotiate_response_with_a_challenge() -> None:
    response = NegotiateResponse.decode(samples.NEGOTIATE_RESPONSE)
    assert not response.has_extended_security
    assert len(response.challenge) == 8
    assert (response.domain_name, response.server_name) == ("WORKGROUP", "OLDSMBD")
    assert response.encode() == samples.NEGOTIATE_RESPONSE[HEADER_SIZE:]


def test_no_dialect_is_an_index_and_nothing_else() -> None:
    assert NegotiateResponse().encode() == b"\1\xff\xff\0\0"
    assert NegotiateResponse.decode(b"\1\xff\xff\0\0", 0).dialect_index == c.NO_DIALECT


def test_session_setup_responses() -> None:
    blob = SessionSetupResponse.decode(samples.BLOB_SETUP_RESPONSE)
    assert blob.security_blob is not None
    assert blob.security_blob.startswith(b"\xa1\x81\xa2")
    assert not blob.is_guest
    plain = SessionSetupResponse.decode(samples.SETUP_RESPONSE)
    assert plain.security_blob is None
    for response in (blob, plain):
        assert response.native_os == "Windows 6.1"
        assert response.native_lan_man == "Samba 4.17.12-Debian"
        assert response.primary_domain == "WORKGROUP"


@pytest.mark.parametrize("unicode", [True, False])
def test_session_setup_keeps_its_strings_in_either_code(unicode: bool) -> None:
    for request in (
        SessionSetupRequest(b"odd", native_os="a", native_lan_man="b"),
        SessionSetupRequest(b"even", native_os="a", native_lan_man="b"),
    ):
        whole = bytes(HEADER_SIZE) + request.encode(unicode=unicode)
        assert SessionSetupRequest.decode(whole, unicode=unicode) == request
    named = PasswordSessionSetupRequest(b"1", b"22", "user", "dom", "os", "lan", session_key=7)
    whole = bytes(HEADER_SIZE) + named.encode(unicode=unicode)
    assert PasswordSessionSetupRequest.decode(whole, unicode=unicode) == named
    answer = SessionSetupResponse(c.SMB_SETUP_GUEST, "os", "lan", "dom", b"\1\2\3")
    whole = bytes(HEADER_SIZE) + answer.encode(unicode=unicode)
    assert SessionSetupResponse.decode(whole, unicode=unicode) == answer
    assert answer.is_guest


def test_a_name_that_is_not_sent_is_empty() -> None:
    """Windows leaves PrimaryDomain out, and the last string's zero may be missing."""
    names = "W\0L".encode("utf-16-le")
    words = b"\xff\0\0\0\0\0\0\0"
    block = b"\4" + words + (len(names) + 1).to_bytes(2, "little") + b"\0" + names
    response = SessionSetupResponse.decode(bytes(HEADER_SIZE) + block)
    assert (response.native_os, response.native_lan_man) == ("W", "L")
    assert response.primary_domain == ""


def test_tree_connect() -> None:
    request = TreeConnectRequest.decode(samples.TREE_CONNECT_REQUEST)
    assert request == TreeConnectRequest(r"\\127.0.0.1\IPC$")
    response = TreeConnectResponse.decode(samples.TREE_CONNECT_RESPONSE)
    assert response == TreeConnectResponse(1, "IPC", "")
    longer = b"\7\xff\0\0\0\1\0" + bytes(8) + b"\5\0IPC\0\0"
    assert TreeConnectResponse.decode(longer, 0).service == "IPC"


def test_peeking_is_a_transaction_on_no_file() -> None:
    request = TransactionRequest.decode(samples.PEEK_REQUEST)
    assert request == peek_named_pipe(0)
    assert request.setup == (0x0023, 0)
    assert request.name == "\\PIPE\\"
    assert (request.max_parameter_count, request.max_data_count) == (0xFFFF, 0xFFFF)
    assert samples.PEEK_REQUEST[HEADER_SIZE] == 16


def test_a_transaction_keeps_its_parts() -> None:
    request = TransactionRequest((0x26, 0x4001), "\\PIPE\\", b"abc", b"defgh", 1, 2, 3, 4, 5)
    whole = bytes(HEADER_SIZE) + request.encode()
    assert TransactionRequest.decode(whole) == request
    assert whole.index(b"abc") % 4 == whole.index(b"defgh") % 4 == 0
    response = TransactionResponse((), PeekNamedPipe(1, 2, 3).encode(), b"data")
    whole = bytes(HEADER_SIZE) + response.encode()
    assert TransactionResponse.decode(whole) == response
    assert PeekNamedPipe.decode(response.parameters) == PeekNamedPipe(1, 2, 3)


def _patched(message: bytes, at: int, value: int) -> bytes:
    return message[:at] + value.to_bytes(2, "little") + message[at + 2 :]


@pytest.mark.parametrize("at", [19, 23])
def test_parts_outside_the_message_are_malformed(at: int) -> None:
    """The words of the request: ParameterCount is at byte 18, DataCount at 22."""
    whole = bytes(HEADER_SIZE) + TransactionRequest((1,), parameters=b"abc", data=b"de").encode()
    for value in (0xFFFF, 0x0FFF):
        with pytest.raises(Malformed):
            TransactionRequest.decode(_patched(whole, HEADER_SIZE + at, value))


def test_a_response_in_pieces_is_not_read() -> None:
    whole = bytes(HEADER_SIZE) + TransactionResponse(data=b"data").encode()
    with pytest.raises(Malformed, match="goes on"):
        TransactionResponse.decode(_patched(whole, HEADER_SIZE + 3, 9))


@pytest.mark.parametrize(
    "encode",
    [
        lambda: NegotiateResponse(0, challenge=bytes(256)).encode(),
        lambda: TransactionRequest(data=bytes(65536)).encode(),
        lambda: SessionSetupRequest(bytes(65535)).encode(),
    ],
)
def test_what_fits_no_message_is_refused(encode: Callable[[], bytes]) -> None:
    with pytest.raises(LocalError):
        encode()
