from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nethood.erref import (
    STATUS_INSUFFICIENT_RESOURCES,
    STATUS_PIPE_BROKEN,
    STATUS_PIPE_BUSY,
    STATUS_PIPE_CLOSING,
)
from nethood.errors import StatusError
from nethood.rpc.association import Associations
from nethood.rpc.interfaces import PIPES, open_pipe, pipe_name
from nethood.rpc.pdu import (
    NDR,
    Bind,
    ContextElement,
    Ptype,
    Request,
    Response,
    encode_pdu,
    fragment_request,
    split,
)
from nethood.rpc.pipe import MAX_INPUT, MAX_OUTPUT, Pipe

GET_INFO = struct.pack("<II", 0, 100)


def bind_of(pipe: str) -> bytes:
    syntax = PIPES[pipe][0].syntax
    bind = Bind(4280, 4280, 0, [ContextElement(0, syntax, (NDR,))])
    return encode_pdu(Ptype.BIND, 1, bind.encode())


def request_of(stub: bytes, opnum: int = 0) -> bytes:
    return fragment_request(2, 0, opnum, stub, 4280)[0]


@pytest.fixture
def pipe(host: Any, associations: Associations) -> Pipe:
    opened = open_pipe("WKSSVC", host, associations)
    assert opened is not None
    opened.write(bind_of("wkssvc"))
    assert opened.read(4280) is not None
    return opened


def test_pipes_are_found_in_any_case() -> None:
    assert pipe_name("\\SrvSvc") == "srvsvc"
    assert pipe_name("lsarpc") == "lsarpc"
    assert pipe_name("spoolss") is None
    assert pipe_name("") is None


def test_no_such_pipe(host: Any, associations: Associations) -> None:
    assert open_pipe("nosuch", host, associations) is None


def test_a_read_without_an_answer_is_empty(pipe: Pipe) -> None:
    assert pipe.read(4280) is None
    assert (pipe.available, pipe.message_count, pipe.message_length) == (0, 0, 0)
    pipe.write(request_of(GET_INFO)[:20])
    assert pipe.read(4280) is None


def test_a_message_is_read_in_pieces(pipe: Pipe) -> None:
    pipe.write(request_of(GET_INFO))
    whole = pipe.available
    assert (pipe.message_count, pipe.message_length) == (1, whole)
    first = pipe.read(10)
    assert first is not None
    assert (len(first[0]), first[1]) == (10, True)
    assert pipe.available == pipe.message_length == whole - 10
    rest = pipe.read(100_000)
    assert rest is not None
    assert (len(rest[0]), rest[1]) == (whole - 10, False)
    assert split(first[0] + rest[0]).header.ptype == Ptype.RESPONSE
    assert pipe.read(1) is None


def test_each_fragment_is_a_message(pipe: Pipe, host: Any) -> None:
    host.domain = "x" * 5000
    pipe.write(request_of(GET_INFO))
    assert pipe.message_count == 3
    stub = b""
    while pipe.message_count:
        piece = pipe.read(100_000)
        assert piece is not None
        assert not piece[1]
        stub += Response.decode(split(piece[0]).body).stub
    assert stub[-4:] == bytes(4)


@pytest.mark.parametrize("step", [1, 3, 16, 17, 1000])
def test_writes_need_not_match_fragments(pipe: Pipe, step: int) -> None:
    data = request_of(GET_INFO) + request_of(GET_INFO)
    for start in range(0, len(data), step):
        pipe.write(data[start : start + step])
    assert pipe.message_count == 2


def test_transceive_writes_and_reads(pipe: Pipe) -> None:
    answer = pipe.transceive(request_of(GET_INFO), 4280)
    assert answer is not None
    assert split(answer[0]).header.ptype == Ptype.RESPONSE
    pipe.write(request_of(GET_INFO))
    with pytest.raises(StatusError) as busy:
        pipe.transceive(request_of(GET_INFO), 4280)
    assert busy.value.status == STATUS_PIPE_BUSY


def test_a_broken_connection_is_read_to_its_end(pipe: Pipe) -> None:
    pipe.write(encode_pdu(99, 2, b""))
    assert not pipe.broken
    with pytest.raises(StatusError) as closing:
        pipe.write(b"x")
    assert closing.value.status == STATUS_PIPE_CLOSING
    answer = pipe.read(4280)
    assert answer is not None
    assert split(answer[0]).header.ptype == Ptype.FAULT
    assert pipe.broken
    with pytest.raises(StatusError) as broken:
        pipe.read(4280)
    assert broken.value.status == STATUS_PIPE_BROKEN


@pytest.mark.parametrize("length", [15, 5841, 0xFFFF])
def test_a_fragment_of_an_impossible_length_ends_the_connection(pipe: Pipe, length: int) -> None:
    data = request_of(GET_INFO)
    pipe.write(data[:8] + struct.pack("<H", length) + data[10:])
    assert pipe.broken


def test_answers_nobody_reads_stop_the_serving(pipe: Pipe, host: Any) -> None:
    host.domain = "x" * 20_000
    one = request_of(GET_INFO)
    count = 3 * MAX_OUTPUT // 40_000
    pipe.write(one * count)
    waiting = pipe.available
    assert waiting < 2 * MAX_OUTPUT
    answers = 0
    while pipe.message_count:
        piece = pipe.read(100_000)
        assert piece is not None
        answers += bool(split(piece[0]).header.flags & 2)
    assert answers == count


def test_a_client_that_only_writes_is_stopped(pipe: Pipe, host: Any) -> None:
    host.domain = "x" * 20_000
    one = request_of(GET_INFO) * 1000
    for _ in range(MAX_INPUT // len(one)):
        pipe.write(one)
    with pytest.raises(StatusError) as full:
        pipe.write(one + one)
    assert full.value.status == STATUS_INSUFFICIENT_RESOURCES


def test_closing_leaves_the_association(pipe: Pipe, associations: Associations) -> None:
    assert len(associations) == 1
    pipe.close()
    pipe.close()
    assert len(associations) == 0
    with pytest.raises(StatusError):
        pipe.write(b"")


def open_bound(make_host: Callable[[], Any], name: str) -> Pipe:
    pipe = open_pipe(name, make_host(), Associations())
    assert pipe is not None
    pipe.write(bind_of(name))
    pipe.read(4280)
    return pipe


def drain(pipe: Pipe) -> None:
    while pipe.message_count:
        assert pipe.read(65536) is not None


@pytest.mark.parametrize("name", sorted(PIPES))
def test_any_stub_gets_an_answer(host: Any, name: str) -> None:
    """Whatever the parameters of an operation are: a response or a fault, never an exception."""
    opnums = sorted({n for interface in PIPES[name] for n in interface.operations})

    @settings(max_examples=150, deadline=None)
    @given(st.sampled_from(opnums), st.binary(max_size=96))
    def check(opnum: int, stub: bytes) -> None:
        pipe = open_bound(lambda: host, name)
        pipe.write(encode_pdu(Ptype.REQUEST, 2, Request(0, 0, opnum, stub).encode()))
        assert pipe.message_count
        drain(pipe)
        pipe.close()

    check()


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200), st.integers(1, 60))
def test_any_bytes_are_taken_without_an_exception(data: bytes, step: int) -> None:
    pipe = Pipe("x", PIPES["srvsvc"], _NoHost(), Associations())  # type: ignore[arg-type]
    for start in range(0, len(data), step):
        if pipe.broken:
            break
        pipe.write(data[start : start + step])
        drain(pipe)


class _NoHost:
    """Nothing of the server may be asked before a call gets through."""


def test_every_truncation_of_every_request_is_answered(host: Any) -> None:
    """A stub cut anywhere faults or is served; it never raises."""
    requests = {
        "srvsvc": [
            (15, struct.pack("<8I", 0, 1, 1, 1, 0, 0, 0xFFFFFFFF, 0)),
            (12, struct.pack("<10I", 0, 0, 0, 10, 10, 1, 0, 0, 0xFFFFFFFF, 0)),
            (16, struct.pack("<4I", 0, 2, 0, 2) + b"x\0\0\0" + struct.pack("<I", 1)),
            (21, struct.pack("<2I", 0, 101)),
        ],
        "wkssvc": [(0, GET_INFO), (30, struct.pack("<IHxxI", 0, 0, 0))],
        "lsarpc": [(44, struct.pack("<8I", 0, 24, 0, 0, 0, 0, 0, 0x800))],
    }
    for name, calls in requests.items():
        for opnum, stub in calls:
            for end in range(len(stub) + 1):
                pipe = open_bound(lambda: host, name)
                answer = pipe.transceive(request_of(stub[:end], opnum), 65536)
                assert answer is not None
                expected = Ptype.RESPONSE if end == len(stub) else Ptype.FAULT
                assert split(answer[0]).header.ptype == expected, (name, opnum, end)
