"""Whatever bytes arrive, a connection answers or drops, and never raises (fuzz/fuzz_server.py)."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from hypothesis import given, settings
from hypothesis import strategies as st

from fuzz.fuzz_server import (
    Sink,
    authenticated,
    deliver,
    feed_authenticated,
    feed_fresh,
    feed_packet,
    feed_pipe,
    file_seeds,
    negotiate_seeds,
    pipe_seeds,
)
from nethood import erref
from nethood.smb2.header import Header
from tests.server.files import Client
from tests.server.harness import Harness, is_dropped

if TYPE_CHECKING:
    from nethood.net.tcp import FramedTcp

thorough = settings(max_examples=150, deadline=None)
MAGICS = st.sampled_from([b"", b"\xfeSMB\x40\0", b"\xfdSMB", b"\xffSMB\x72", b"\xfcSMB"])


@st.composite
def spoiled(draw: st.DrawFn, seeds: tuple[bytes, ...]) -> bytes:
    """Return good messages with some bytes changed, and perhaps cut."""
    data = bytearray(draw(st.sampled_from(seeds)))
    for at, value in draw(st.lists(st.tuples(st.integers(0, 4095), st.integers(0, 255)))):
        data[at % len(data)] = value
    return bytes(data[: draw(st.integers(1, len(data)))] if draw(st.booleans()) else data)


@thorough
@given(MAGICS, st.binary(max_size=300))
def test_any_bytes_to_a_fresh_connection(magic: bytes, data: bytes) -> None:
    feed_fresh(magic + data)


@thorough
@given(spoiled(negotiate_seeds()))
def test_spoiled_openings(data: bytes) -> None:
    feed_fresh(data)


@thorough
@given(st.binary(max_size=80))
def test_any_session_packets(data: bytes) -> None:
    feed_packet(data)


@thorough
@given(MAGICS, st.binary(max_size=300))
def test_any_bytes_to_an_authenticated_connection(magic: bytes, data: bytes) -> None:
    feed_authenticated(magic + data)


@settings(max_examples=400, deadline=None)
@given(spoiled(file_seeds()))
def test_spoiled_requests(data: bytes) -> None:
    feed_authenticated(data)


@thorough
@given(spoiled(pipe_seeds()))
def test_spoiled_pipe_requests(data: bytes) -> None:
    feed_pipe(data)


@thorough
@given(st.binary(max_size=400))
def test_any_encrypted_content(data: bytes) -> None:
    """What is inside an encrypted frame is no better than what comes without."""
    client: Client = Harness().login()
    session = client.session
    assert session is not None
    assert session.client_to_server is not None
    for content in (data, b"\xfeSMB\x40\0" + data):
        if content and not is_dropped(client):
            sealed = session.client_to_server.seal(content, session.session_id, len(content))
            client.link.send(len(sealed).to_bytes(4, "big") + bytes(sealed))


class Notes(Sink):
    """A transport that keeps the status of what is written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.statuses: list[int] = []

    def write(self, data: bytes | bytearray | memoryview, reuse: bytearray | None = None) -> None:
        self.statuses.append(Header.decode(bytes(data), 4).status)


def test_good_requests_get_good_answers() -> None:
    """The fuzz targets get into the handlers, or they would prove nothing."""
    notes = Notes()
    for seed in file_seeds():
        connection = authenticated()
        notes.connection = connection
        connection.transport = cast("FramedTcp", notes)
        deliver(connection, seed)
    assert notes.statuses.count(0) > len(file_seeds()) * 2 // 3
    assert erref.STATUS_ACCESS_DENIED not in notes.statuses
    assert not notes.is_closed
