from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nethood.errors import LocalError, Malformed, ProtocolViolation
from nethood.rpc.association import Associations
from nethood.rpc.client import MAX_STUB, BindRefused, RpcClient, RpcFault
from nethood.rpc.host import ShareFacts
from nethood.rpc.interfaces import open_pipe
from nethood.rpc.pdu import (
    ABSTRACT_SYNTAX_NOT_SUPPORTED,
    BindAck,
    BindNak,
    ContextResult,
    Fault,
    Pfc,
    Ptype,
    Response,
    Syntax,
    encode_pdu,
)
from nethood.rpc.pipe import Pipe
from nethood.rpc.srvsvc_client import (
    NETR_SERVER_GET_INFO,
    NETR_SHARE_ENUM,
    SRVSVC_SYNTAX,
    ServerInfo,
    ShareInfo,
    decode_server_info_answer,
    decode_share_enum_answer,
    encode_server_get_info,
    encode_share_enum,
)

SAMR = Syntax.parse("12345778-1234-abcd-ef00-0123456789ac", 1)


def pipe(host: Any) -> Pipe:
    found = open_pipe("srvsvc", host, Associations())
    assert found is not None
    return found


def converse(pipe: Pipe, client: RpcClient, fragments: list[bytes], size: int = 4280) -> bytes:
    """Write *fragments* and read, *size* bytes at a time, until the answer is whole."""
    for fragment in fragments:
        pipe.write(fragment)
    while True:
        piece = pipe.read(size)
        assert piece is not None, "no answer"
        answer = client.feed(piece[0])
        if answer is not None:
            return answer


def bound(pipe: Pipe) -> RpcClient:
    client = RpcClient(SRVSVC_SYNTAX)
    assert converse(pipe, client, [client.bind()]) == b""
    assert client.is_bound
    return client


def call(host: Any, opnum: int, stub: bytes, size: int = 4280) -> bytes:
    opened = pipe(host)
    client = bound(opened)
    return converse(opened, client, client.request(opnum, stub), size)


def test_shares(host: Any) -> None:
    found = decode_share_enum_answer(call(host, NETR_SHARE_ENUM, encode_share_enum(r"\\BIRCH")))
    assert found.status == 0
    assert found.total == 2
    public, ipc = found.shares
    assert public == ShareInfo("public", 0, "Public files")
    assert (public.kind, public.is_special) == ("disk", False)
    assert (ipc.name, ipc.kind, ipc.is_special) == ("IPC$", "ipc", True)
    assert ShareInfo("x", 99, "").kind == "99"


@pytest.mark.parametrize("size", [1, 16, 1000, 4280])
def test_answers_of_many_fragments_in_pieces(host: Any, size: int) -> None:
    host.share_list = [ShareFacts(f"share{n}", 0, "comment " * 5) for n in range(200)]
    stub = call(host, NETR_SHARE_ENUM, encode_share_enum(r"\\BIRCH"), size)
    assert len(stub) > 2 * 4280
    assert len(decode_share_enum_answer(stub).shares) == 200


def test_the_server(host: Any) -> None:
    stub = call(host, NETR_SERVER_GET_INFO, encode_server_get_info(r"\\BIRCH"))
    found = decode_server_info_answer(stub)
    major, minor = host.version
    right = ServerInfo(500, "BIRCH", major, minor, host.server_type, "Files of the house")
    assert found.info == right


def test_a_long_call_is_cut(host: Any) -> None:
    opened = pipe(host)
    client = bound(opened)
    fragments = client.request(NETR_SHARE_ENUM, encode_share_enum("\\\\" + "x" * 6000))
    assert len(fragments) > 2
    assert decode_share_enum_answer(converse(opened, client, fragments)).total == 2


def test_several_calls_and_a_fault_between_them(host: Any) -> None:
    opened = pipe(host)
    client = bound(opened)
    for _ in range(2):
        with pytest.raises(RpcFault, match="operation number out of range") as fault:
            converse(opened, client, client.request(200, b""))
        assert fault.value.status == 0x1C010002
        stub = encode_server_get_info("")
        assert converse(opened, client, client.request(NETR_SERVER_GET_INFO, stub))


def test_an_interface_that_is_not_there(host: Any) -> None:
    client = RpcClient(SAMR)
    with pytest.raises(BindRefused, match="does not serve this interface"):
        converse(pipe(host), client, [client.bind()])


def test_out_of_turn() -> None:
    client = RpcClient(SAMR)
    with pytest.raises(LocalError):
        client.request(1, b"")
    client.bind()
    with pytest.raises(LocalError):
        client.bind()


ACK = BindAck(4280, 4280, 1, "\\PIPE\\srvsvc", [ContextResult(0)])


def calling(client: RpcClient) -> RpcClient:
    client.bind()
    client.feed(encode_pdu(Ptype.BIND_ACK, 1, ACK.encode()))
    client.request(1, b"")
    return client


@pytest.mark.parametrize(
    ("pdu", "error"),
    [
        (encode_pdu(Ptype.BIND_NAK, 1, BindNak(4).encode()), BindRefused),
        (encode_pdu(Ptype.FAULT, 1, Fault(5).encode()), RpcFault),
        (encode_pdu(Ptype.RESPONSE, 1, Response(0, 0, b"").encode()), ProtocolViolation),
        (encode_pdu(Ptype.BIND_ACK, 2, ACK.encode()), Malformed),
        (encode_pdu(Ptype.BIND_ACK, 1, BindAck(1, 1, 1, "", []).encode()), Malformed),
        (
            encode_pdu(Ptype.BIND_ACK, 1, BindAck(9, 9, 1, "", [ContextResult(0)]).encode()),
            Malformed,
        ),
        (
            encode_pdu(
                Ptype.BIND_ACK,
                1,
                BindAck(
                    4280, 4280, 1, "", [ContextResult(2, ABSTRACT_SYNTAX_NOT_SUPPORTED)]
                ).encode(),
            ),
            BindRefused,
        ),
        (b"\4" + encode_pdu(Ptype.BIND_ACK, 1, ACK.encode())[1:], Malformed),
        (bytes(16), Malformed),
    ],
)
def test_answers_to_a_bind_that_are_not_taken(pdu: bytes, error: type[Exception]) -> None:
    client = RpcClient(SAMR)
    client.bind()
    with pytest.raises(error):
        client.feed(pdu)
    assert not client.is_bound


def response(stub: bytes, flags: int) -> bytes:
    return encode_pdu(Ptype.RESPONSE, 2, Response(0, 0, stub).encode(), flags)


@pytest.mark.parametrize(
    "pdus",
    [
        [response(b"x", 0)],
        [response(b"x", Pfc.FIRST_FRAG)] * 2,
        [response(b"x", 3) * 2],
        [encode_pdu(Ptype.BIND_ACK, 2, ACK.encode())],
    ],
)
def test_answers_to_a_call_that_are_not_taken(pdus: list[bytes]) -> None:
    client = calling(RpcClient(SAMR))
    *first, last = pdus
    for pdu in first:
        client.feed(pdu)
    with pytest.raises(ProtocolViolation):
        client.feed(last)


def test_an_answer_without_end_is_cut_off() -> None:
    client = calling(RpcClient(SAMR))
    client.feed(response(bytes(60_000), Pfc.FIRST_FRAG))
    for _ in range(MAX_STUB // 60_000 - 1):
        client.feed(response(bytes(60_000), 0))
    with pytest.raises(Malformed, match="longer than"):
        client.feed(response(bytes(60_000), 0))


@pytest.mark.parametrize(
    "stub", [b"", bytes(8), b"\1\0\0\0\2\0\0\0", encode_server_get_info("x"), b"\1\0\0\0" * 9]
)
def test_stubs_that_do_not_fit(stub: bytes) -> None:
    with pytest.raises(Malformed):
        decode_share_enum_answer(stub)
    with pytest.raises(Malformed):
        decode_server_info_answer(stub)


@given(st.binary(max_size=100), st.booleans())
def test_any_bytes(data: bytes, is_calling: bool) -> None:
    client = RpcClient(SAMR)
    if is_calling:
        calling(client)
    else:
        client.bind()
    try:
        client.feed(data)
    except (Malformed, ProtocolViolation, RpcFault, BindRefused):
        return
    assert len(data) < 65536
