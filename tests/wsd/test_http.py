"""The HTTP of metadata: one POST of known length."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nethood.errors import Malformed
from nethood.wsd.http import decode_head, encode_response

PATH = "/95ce917d"


def head(line: str = f"POST {PATH} HTTP/1.1", *lines: str) -> bytes:
    return "\r\n".join([line, "Host: x", *lines, "", ""]).encode()


def test_reads_method_path_and_length() -> None:
    read = decode_head(head(f"POST {PATH} HTTP/1.1", "CONTENT-LENGTH:  12 "))
    assert (read.method, read.path, read.content_length) == ("POST", PATH, 12)
    assert read.refusal(PATH) == 0


@pytest.mark.parametrize(
    ("line", "length", "status"),
    [
        (f"GET {PATH} HTTP/1.1", 0, 405),
        ("POST / HTTP/1.1", 9, 404),
        (f"POST {PATH} HTTP/1.1", 32768, 413),
        (f"POST {PATH} HTTP/1.1", 32767, 0),
        (f"POST {PATH.upper()}?a HTTP/1.0", 9, 0),
    ],
)
def test_refuses_what_is_not_served(line: str, length: int, status: int) -> None:
    assert decode_head(head(line, f"Content-Length: {length}")).refusal(PATH) == status


@pytest.mark.parametrize(
    "data",
    [
        b"",
        head("POST /"),
        head("POST / SPDY/1"),
        head("POST / HTTP/1.1", "Content-Length: -1"),
        head("POST / HTTP/1.1", "Content-Length: 9999999999"),
        head("POST / HTTP/1.1", "Content-Length: \u0663".encode().decode("latin-1")),
        head("POST / HTTP/1.1", "Transfer-Encoding: chunked"),
    ],
)
def test_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        decode_head(data)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_malformed(data: bytes) -> None:
    try:
        assert decode_head(data).content_length >= 0
    except Malformed:
        return


def test_a_response_ends_the_connection() -> None:
    data = encode_response(200, b"<a/>")
    assert data.startswith(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n")
    assert data.endswith(b"Content-Type: application/soap+xml\r\n\r\n<a/>")
    assert encode_response(405).startswith(b"HTTP/1.1 405 Method Not Allowed\r\n")
