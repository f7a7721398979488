"""Session packets and direct TCP frames, byte by byte."""

from __future__ import annotations

import contextlib
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nethood.errors import LocalError, Malformed
from nethood.nbt import session
from nethood.nbt.name import NetbiosName

CALLED = b"\x20CKFDENECFDEFFCFGEFFCCACACACACACA\0"
CALLING = b"\x20EGFCEFEECACACACACACACACACACACAAA\0"
REQUEST = b"\x81\0\0\x44" + CALLED + CALLING


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("00000000", (session.SESSION_MESSAGE, 0)),
        ("0001ffff", (session.SESSION_MESSAGE, 0x1FFFF)),
        ("81000044", (session.SESSION_REQUEST, 68)),
        ("82000000", (session.POSITIVE_SESSION_RESPONSE, 0)),
        ("83000001", (session.NEGATIVE_SESSION_RESPONSE, 1)),
        ("84000006", (session.RETARGET_SESSION_RESPONSE, 6)),
        ("85000000", (session.SESSION_KEEP_ALIVE, 0)),
    ],
)
def test_session_headers(raw: str, expected: tuple[int, int]) -> None:
    assert session.decode_session_header(bytes.fromhex(raw)) == expected
    assert session.encode_session_header(*expected).hex() == raw


@pytest.mark.parametrize("raw", ["", "000000", "01000000", "80000000", "86000000", "00020000"])
def test_what_is_no_session_header_is_malformed(raw: str) -> None:
    with pytest.raises(Malformed):
        session.decode_session_header(bytes.fromhex(raw))


def test_17_bits_are_the_most_of_a_session_packet() -> None:
    with pytest.raises(LocalError):
        session.encode_session_header(0, 0x20000)


def test_direct_tcp_has_24_bits() -> None:
    assert session.decode_direct_tcp_header(b"\0\xff\xff\xff") == 0xFFFFFF
    assert session.encode_direct_tcp_header(0xFFFFFF) == b"\0\xff\xff\xff"
    assert session.decode_direct_tcp_header(b"x\0\1\2\3", 1) == 0x010203
    with pytest.raises(LocalError):
        session.encode_direct_tcp_header(0x1000000)


@pytest.mark.parametrize("raw", [b"", b"\0\0\0", b"\x81\0\0\x44", b"GET "])
def test_what_is_no_direct_tcp_header_is_malformed(raw: bytes) -> None:
    with pytest.raises(Malformed):
        session.decode_direct_tcp_header(raw)


def test_session_request() -> None:
    request = session.SessionRequest(NetbiosName("*SMBSERVER", 0x20), NetbiosName("FRED"))
    assert request.encode() == REQUEST
    assert session.SessionRequest.decode(memoryview(REQUEST)[4:]) == request


@pytest.mark.parametrize("size", range(68))
def test_every_truncated_session_request_is_malformed(size: int) -> None:
    with pytest.raises(Malformed):
        session.SessionRequest.decode(REQUEST[4 : 4 + size])


def test_a_session_request_with_more_behind_it_is_malformed() -> None:
    with pytest.raises(Malformed):
        session.SessionRequest.decode(REQUEST[4:] + b"\0")


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        (session.NOT_LISTENING_ON_CALLED_NAME, "not listening on called name"),
        (session.NOT_LISTENING_FOR_CALLING_NAME, "not listening for calling name"),
        (session.CALLED_NAME_NOT_PRESENT, "called name not present"),
        (session.INSUFFICIENT_RESOURCES, "called name present, but insufficient resources"),
        (session.UNSPECIFIED_ERROR, "unspecified error"),
        (0x77, "error 0x77"),
    ],
)
def test_negative_response(code: int, sentence: str) -> None:
    response = session.NegativeSessionResponse(code)
    assert response.encode() == b"\x83\0\0\1" + bytes([code])
    assert session.NegativeSessionResponse.decode(bytes([code])) == response
    assert str(response) == sentence


def test_retarget_response() -> None:
    response = session.RetargetSessionResponse(IPv4Address("192.0.2.7"), 1139)
    assert response.encode() == bytes.fromhex("84000006 c0000207 0473")
    assert session.RetargetSessionResponse.decode(bytes.fromhex("c0000207 0473")) == response


def test_packets_without_a_trailer() -> None:
    assert session.decode_session_header(session.KEEP_ALIVE) == (session.SESSION_KEEP_ALIVE, 0)
    positive = session.decode_session_header(session.POSITIVE_RESPONSE)
    assert positive == (session.POSITIVE_SESSION_RESPONSE, 0)


@given(st.binary(max_size=100))
def test_any_bytes_decode_or_are_malformed(data: bytes) -> None:
    for decode in (
        session.decode_session_header,
        session.decode_direct_tcp_header,
        session.SessionRequest.decode,
        session.NegativeSessionResponse.decode,
        session.RetargetSessionResponse.decode,
    ):
        with contextlib.suppress(Malformed):
            decode(data)
