"""Whatever bytes arrive, a connection answers or drops; it never raises. See fuzz/fuzz_server.py."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from fuzz.fuzz_server import (
    authenticated,
    deliver,
    feed_authenticated,
    feed_fresh,
    feed_packet,
    feed_pipe,
    file_seeds,
    fresh,
    negotiate_seeds,
    pipe_seeds,
)
from nethood import erref
from nethood.smb2.header import Header
from tests.server.files import Client
from tests.server.harness import Harness, is_dropped, transport_of

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


def test_good_requests_get_good_answers() -> None:
    """The fuzz targets get into the handlers, or they would prove nothing."""
    statuses = []
    for seed in file_seeds():
        connection = authenticated()
        written: list[bytes] = []
        connection.transport.write = lambda data, reuse=None: written.append(bytes(data))  # type: ignore[method-assign, assignment, misc]  # noqa: B023
        deliver(connection, seed)
        statuses += [Header.decode(frame, 4).status for frame in written]
    assert statuses.count(0) > len(file_seeds()) // 2
    assert erref.STATUS_ACCESS_DENIED not in statuses
    assert not fresh().transport.is_closed
    assert transport_of(Harness().connect()).is_closed is False
