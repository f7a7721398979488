from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from impacket.dcerpc.v5 import rpcrt

from nethood.errors import Malformed
from nethood.rpc.pdu import (
    NDR,
    NDR64,
    NO_SYNTAX,
    WHOLE,
    Bind,
    BindAck,
    BindNak,
    ContextElement,
    ContextResult,
    Fault,
    Header,
    Pfc,
    Ptype,
    Request,
    Response,
    SecTrailer,
    Syntax,
    encode_pdu,
    fragment_request,
    fragment_response,
    split,
)

SRVSVC = Syntax.parse("4b324fc8-1670-01d3-1278-5a47bf6ee188", 3)


def test_bind_byte_by_byte() -> None:
    bind = Bind(4280, 4280, 0, [ContextElement(1, SRVSVC, (NDR,))])
    fields = [
        "05 00 0b 03",  # version 5.0, bind, first and last fragment
        "10 00 00 00",  # little-endian, ASCII, IEEE
        "48 00 00 00",  # frag_length 72, auth_length 0
        "09 00 00 00",  # call_id
        "b8 10 b8 10",  # max_xmit_frag, max_recv_frag
        "00 00 00 00",  # assoc_group_id
        "01 00 00 00",  # one context
        "01 00 01 00",  # context 1, one transfer syntax
        "c84f324b 7016 d301 12785a47bf6ee188",
        "03 00 00 00",  # version 3.0
        "045d888a eb1c c911 9fe808002b104860",
        "02 00 00 00",
    ]
    data = bytes.fromhex("".join(fields))
    assert encode_pdu(Ptype.BIND, 9, bind.encode()) == data
    pdu = split(data)
    assert Bind.decode(pdu.body) == bind
    assert (pdu.header.ptype, pdu.header.call_id, pdu.trailer) == (Ptype.BIND, 9, None)


def test_a_big_endian_bind_reads_the_same() -> None:
    body = struct.pack(">HHIBxH", 4280, 2000, 5, 1, 0) + struct.pack(">HBx", 1, 1)
    for syntax in (SRVSVC, NDR):
        first, second, third = struct.unpack("<IHH", syntax.uuid[:8])
        body += struct.pack(">IHH", first, second, third) + syntax.uuid[8:]
        body += struct.pack(">I", syntax.minor << 16 | syntax.major)
    head = struct.pack(">BBBB4sHHI", 5, 0, 11, 3, bytes(4), 16 + len(body), 0, 9)
    pdu = split(head + body)
    assert pdu.header.big_endian
    assert pdu.header.call_id == 9
    assert Bind.decode(pdu.body) == Bind(4280, 2000, 5, [ContextElement(1, SRVSVC, (NDR,))])


def test_impacket_reads_our_bind_ack() -> None:
    results = [ContextResult(0, 0, NDR), ContextResult(2, 2, NO_SYNTAX), ContextResult(3, 2)]
    ack = BindAck(4280, 4280, 0x53F0, "\\PIPE\\srvsvc", results)
    data = encode_pdu(Ptype.BIND_ACK, 1, ack.encode())
    theirs = rpcrt.MSRPCBindAck(data)
    assert (theirs["max_tfrag"], theirs["assoc_group"]) == (4280, 0x53F0)
    assert theirs["SecondaryAddr"].rstrip("\0") == "\\PIPE\\srvsvc"
    items = theirs.getCtxItems()
    assert [(i["Result"], i["Reason"]) for i in items] == [(0, 0), (2, 2), (3, 2)]
    assert items[0]["TransferSyntax"] == NDR.encode()
    assert BindAck.decode(split(data).body) == ack


def test_an_ack_without_secondary_address() -> None:
    ack = BindAck(4280, 4280, 1, "", [ContextResult(0, 0, NDR)])
    assert ack.encode()[8:16] == b"\0\0\0\0\1\0\0\0"
    assert BindAck.decode(split(encode_pdu(15, 1, ack.encode())).body) == ack


@pytest.mark.parametrize("size", [0, 1, 7, 8, 1408, 1409, 5000])
def test_fragments_carry_the_whole_stub(size: int) -> None:
    stub = bytes(n & 0xFF for n in range(size))
    pieces = [split(f) for f in fragment_request(7, 1, 15, stub, 1432)]
    requests = [Request.decode(p.body, p.header.flags) for p in pieces]
    assert b"".join(r.stub for r in requests) == stub
    assert [bool(p.header.flags & Pfc.FIRST_FRAG) for p in pieces] == [
        n == 0 for n in range(len(pieces))
    ]
    assert [bool(p.header.flags & Pfc.LAST_FRAG) for p in pieces] == [
        n == len(pieces) - 1 for n in range(len(pieces))
    ]
    assert all(p.header.frag_length <= 1432 for p in pieces)
    left = size
    for request in requests:
        assert (request.alloc_hint, request.context_id, request.opnum) == (left, 1, 15)
        left -= len(request.stub)


def test_impacket_reads_our_response_and_fault() -> None:
    (data,) = fragment_response(7, 2, b"stub", 4280)
    theirs = rpcrt.MSRPCRespHeader(data)
    assert (theirs["type"], theirs["call_id"], theirs["ctx_id"]) == (2, 7, 2)
    assert (theirs["alloc_hint"], theirs["pduData"]) == (4, b"stub")
    assert Response.decode(split(data).body) == Response(4, 2, b"stub")
    fault = encode_pdu(Ptype.FAULT, 7, Fault(0x1C010002, 2).encode())
    assert len(fault) == 32
    assert struct.unpack_from("<I", fault, 24) == (0x1C010002,)
    assert Fault.decode(split(fault).body) == Fault(0x1C010002, 2)


def test_the_auth_trailer_is_set_apart() -> None:
    trailer = SecTrailer(10, 5, 79231, b"NTLMSSP\0" * 2)
    body = Request(3, 0, 1, b"abc").encode()
    data = encode_pdu(Ptype.REQUEST, 1, body, WHOLE, trailer)
    pdu = split(data)
    assert pdu.trailer == trailer
    assert Request.decode(pdu.body, pdu.header.flags).stub == b"abc"
    assert (len(data) - 16 - 8 - pdu.header.auth_length) % 16 == 0


def test_an_object_uuid_stands_before_the_stub() -> None:
    uuid = bytes(range(16))
    request = Request(1, 0, 1, b"x", uuid)
    data = encode_pdu(Ptype.REQUEST, 1, request.encode(), WHOLE | Pfc.OBJECT_UUID)
    pdu = split(data)
    assert Request.decode(pdu.body, pdu.header.flags) == request


def test_a_nak_names_the_versions() -> None:
    data = encode_pdu(Ptype.BIND_NAK, 1, BindNak(4).encode())
    assert data[16:] == b"\4\0\1\5\0"
    assert BindNak.decode(split(data).body) == BindNak(4, [(5, 0)])


@pytest.mark.parametrize(
    ("offset", "replacement"),
    [
        (8, b"\x0f\0"),  # shorter than a header
        (8, b"\xff\0"),  # not the length of the fragment
        (10, b"\xff\xff"),  # an auth trailer larger than the fragment
    ],
)
def test_headers_that_lie(offset: int, replacement: bytes) -> None:
    data = bytearray(encode_pdu(Ptype.REQUEST, 1, Request(0, 0, 0, bytes(40)).encode()))
    data[offset : offset + len(replacement)] = replacement
    with pytest.raises(Malformed):
        split(bytes(data))


def test_padding_longer_than_the_body_is_malformed() -> None:
    trailer = SecTrailer(10, 5, 0, b"12345678")
    data = bytearray(encode_pdu(Ptype.REQUEST, 1, bytes(16), WHOLE, trailer))
    data[-14] = 0xFF
    with pytest.raises(Malformed, match="auth_pad_length"):
        split(bytes(data))


def test_every_truncation_of_a_body_is_malformed() -> None:
    bind = Bind(4280, 4280, 0, [ContextElement(1, SRVSVC, (NDR, NDR64))]).encode()
    ack = BindAck(1, 2, 3, "\\PIPE\\x", [ContextResult(0, 0, NDR)]).encode()
    for whole, decode in ((bind, Bind.decode), (ack, BindAck.decode)):
        for end in range(len(whole)):
            with pytest.raises(Malformed):
                decode(split(encode_pdu(Ptype.BIND, 1, whole[:end])).body)


@given(st.binary(max_size=120))
def test_any_bytes_split_or_are_malformed(data: bytes) -> None:
    for candidate in (data, data[:8] + struct.pack("<H", len(data)) + data[10:]):
        try:
            pdu = split(candidate)
            for decode in (Bind.decode, BindAck.decode, BindNak.decode, Fault.decode):
                decode(pdu.body)
        except Malformed:
            continue
        assert isinstance(pdu.header, Header)


def test_syntaxes_name_ndr64_and_ndr_apart() -> None:
    assert NDR64 != NDR
    assert NDR.uuid.hex() == "045d888aeb1cc9119fe808002b104860"
