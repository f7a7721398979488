from __future__ import annotations

import struct
from typing import Any

import pytest

from nethood.rpc.association import Associations
from nethood.rpc.connection import MAX_CALL, MAX_CONTEXTS, Connection
from nethood.rpc.interfaces import PIPES
from nethood.rpc.lsarpc import LSARPC
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
    Pfc,
    Ptype,
    RejectReason,
    Request,
    Response,
    SecTrailer,
    Syntax,
    encode_pdu,
    fragment_request,
    split,
)
from nethood.rpc.srvsvc import SRVSVC
from nethood.rpc.wkssvc import WKSSVC

FEATURES = Syntax.parse("6cb71c2c-9812-4540-0300-000000000000", 1)
WKSTA_100 = struct.pack("<II", 0, 100)
"""NetrWkstaGetInfo's [in] parameters: no server name, level 100."""


@pytest.fixture
def connection(host: Any, associations: Associations) -> Connection:
    return Connection("wkssvc", PIPES["wkssvc"], host, associations)


def bind_with(*contexts: ContextElement, group: int = 0, max_recv: int = 4280) -> bytes:
    return Bind(4280, max_recv, group, list(contexts)).encode()


WKSSVC_CONTEXT = ContextElement(0, WKSSVC.syntax, (NDR,))


def answer(connection: Connection, data: bytes) -> tuple[int, Any]:
    """Send one fragment; return the type and the reader of the one fragment that comes back."""
    (fragment,) = connection.receive(data)
    pdu = split(fragment)
    return pdu.header.ptype, pdu.body


def bound(connection: Connection, **options: int) -> BindAck:
    data = encode_pdu(Ptype.BIND, 1, bind_with(WKSSVC_CONTEXT, **options))
    ptype, body = answer(connection, data)
    assert ptype == Ptype.BIND_ACK
    return BindAck.decode(body)


def request(stub: bytes, opnum: int = 0, context_id: int = 0, flags: int = WHOLE) -> bytes:
    return encode_pdu(Ptype.REQUEST, 2, Request(len(stub), context_id, opnum, stub).encode(), flags)


def fault_of(connection: Connection, data: bytes) -> int:
    ptype, body = answer(connection, data)
    assert ptype == Ptype.FAULT
    return Fault.decode(body).status


def test_each_context_has_its_own_answer(connection: Connection) -> None:
    offered = [
        WKSSVC_CONTEXT,
        ContextElement(1, WKSSVC.syntax, (NDR64,)),
        ContextElement(2, WKSSVC.syntax, (FEATURES,)),
        ContextElement(3, SRVSVC.syntax, (NDR,)),
        ContextElement(4, Syntax(WKSSVC.syntax.uuid, 2), (NDR,)),
        ContextElement(5, Syntax(WKSSVC.syntax.uuid, 1, 1), (NDR,)),
    ]
    _, body = answer(connection, encode_pdu(Ptype.BIND, 1, bind_with(*offered)))
    assert BindAck.decode(body).results == [
        ContextResult(0, 0, NDR),
        ContextResult(2, 2, NO_SYNTAX),
        ContextResult(3, 2, NO_SYNTAX),
        ContextResult(2, 1, NO_SYNTAX),
        ContextResult(2, 1, NO_SYNTAX),
        ContextResult(2, 1, NO_SYNTAX),
    ]


def test_the_ack_names_the_endpoint_and_agrees_on_sizes(connection: Connection) -> None:
    ack = bound(connection, max_recv=2000)
    assert ack.secondary_address == "\\PIPE\\wkssvc"
    assert (ack.max_xmit_frag, ack.max_recv_frag) == (2000, 4280)
    assert ack.assoc_group_id != 0


def test_a_request_is_answered(connection: Connection) -> None:
    bound(connection)
    ptype, body = answer(connection, request(WKSTA_100))
    assert ptype == Ptype.RESPONSE
    stub = Response.decode(body).stub
    assert stub[:4] == struct.pack("<I", 100)
    assert stub[-4:] == bytes(4)
    assert "BIRCH".encode("utf-16-le") in stub


def test_answers_are_cut_to_the_agreed_size(connection: Connection, host: Any) -> None:
    host.domain = "x" * 3000
    bound(connection, max_recv=1432)
    fragments = connection.receive(request(WKSTA_100))
    assert len(fragments) > 3
    assert max(map(len, fragments)) <= 1432
    flags = [split(f).header.flags for f in fragments]
    assert (flags[0], flags[-1]) == (Pfc.FIRST_FRAG, Pfc.LAST_FRAG)
    assert set(flags[1:-1]) == {0}


def test_a_request_in_fragments(connection: Connection) -> None:
    bound(connection)
    stub = WKSTA_100 + bytes(5000)
    fragments = fragment_request(2, 0, 0, stub, 1432)
    assert len(fragments) == 4
    for fragment in fragments[:-1]:
        assert connection.receive(fragment) == []
    assert answer(connection, fragments[-1])[0] == Ptype.RESPONSE


def test_an_orphaned_request_is_forgotten(connection: Connection) -> None:
    bound(connection)
    first = fragment_request(2, 0, 0, bytes(3000), 1432)[0]
    assert connection.receive(first) == []
    assert connection.receive(encode_pdu(Ptype.ORPHANED, 2, b"")) == []
    assert answer(connection, request(WKSTA_100))[0] == Ptype.RESPONSE


@pytest.mark.parametrize("ptype", [Ptype.CANCEL, Ptype.AUTH3])
def test_what_needs_no_answer(connection: Connection, ptype: int) -> None:
    bound(connection)
    assert connection.receive(encode_pdu(ptype, 2, bytes(4))) == []
    assert not connection.broken


def test_faults_that_leave_the_connection_alone(connection: Connection) -> None:
    bound(connection)
    assert fault_of(connection, request(WKSTA_100, context_id=9)) == 0x1C010003
    assert fault_of(connection, request(WKSTA_100, opnum=999)) == 0x1C010002
    assert fault_of(connection, request(WKSTA_100[:3])) == 0x6F7
    assert answer(connection, request(WKSTA_100))[0] == Ptype.RESPONSE


def test_big_endian_requests_are_understood(connection: Connection) -> None:
    bound(connection)
    body = struct.pack(">IHHII", 8, 0, 0, 0, 100)
    head = struct.pack(">BBBB4sHHI", 5, 0, 0, 3, bytes(4), 16 + len(body), 0, 77)
    (fragment,) = connection.receive(head + body)
    pdu = split(fragment)
    assert (pdu.header.ptype, pdu.header.call_id) == (Ptype.RESPONSE, 77)


def nak_of(connection: Connection, data: bytes) -> int:
    ptype, body = answer(connection, data)
    assert ptype == Ptype.BIND_NAK
    assert connection.broken
    return BindNak.decode(body).reason


def test_authentication_on_the_pipe_is_refused_by_its_name(connection: Connection) -> None:
    trailer = SecTrailer(10, 5, 0, b"NTLMSSP\0")
    data = encode_pdu(Ptype.BIND, 1, bind_with(WKSSVC_CONTEXT), WHOLE, trailer)
    reason = nak_of(connection, data)
    assert reason == RejectReason.AUTHENTICATION_TYPE_NOT_RECOGNIZED


def test_authentication_later_is_refused_too(connection: Connection) -> None:
    bound(connection)
    trailer = SecTrailer(10, 5, 0, b"NTLMSSP\0")
    data = encode_pdu(Ptype.ALTER_CONTEXT, 2, bind_with(WKSSVC_CONTEXT), WHOLE, trailer)
    assert fault_of(connection, data) == 0x6D3
    assert connection.broken


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (bind_with(), 0),
        (bind_with(WKSSVC_CONTEXT)[:-1], 0),
        (bind_with(WKSSVC_CONTEXT, group=9), 0),
    ],
)
def test_binds_that_are_refused(connection: Connection, body: bytes, reason: int) -> None:
    assert nak_of(connection, encode_pdu(Ptype.BIND, 1, body)) == reason


def test_another_protocol_version_is_refused(connection: Connection) -> None:
    data = b"\4" + encode_pdu(Ptype.BIND, 1, bind_with(WKSSVC_CONTEXT))[1:]
    assert nak_of(connection, data) == RejectReason.PROTOCOL_VERSION_NOT_SUPPORTED


def first_of_two(call_id: int = 2) -> bytes:
    return fragment_request(call_id, 0, 0, bytes(3000), 1432)[0]


@pytest.mark.parametrize(
    "script",
    [
        [request(WKSTA_100)],  # before the bind
        ["bind", encode_pdu(Ptype.BIND, 2, bind_with(WKSSVC_CONTEXT))],
        ["bind", encode_pdu(Ptype.RESPONSE, 2, bytes(8))],
        ["bind", encode_pdu(99, 2, bytes(8))],
        ["bind", request(WKSTA_100, flags=Pfc.LAST_FRAG)],
        ["bind", first_of_two(), first_of_two()],
        ["bind", first_of_two(), fragment_request(3, 0, 0, bytes(3000), 1432)[1]],
        ["bind", first_of_two(), fragment_request(2, 0, 1, bytes(3000), 1432)[1]],
        ["bind", encode_pdu(Ptype.REQUEST, 2, bytes(3))],
        ["bind", encode_pdu(Ptype.ALTER_CONTEXT, 2, bytes(9))],
    ],
)
def test_protocol_errors_end_the_connection(
    connection: Connection, script: list[bytes | str]
) -> None:
    outputs: list[bytes] = []
    for step in script:
        if isinstance(step, str):
            bound(connection)
        else:
            outputs = connection.receive(step)
    (fragment,) = outputs
    assert Fault.decode(split(fragment).body).status == 0x1C01000B
    assert connection.broken


def test_a_call_may_not_be_endless(connection: Connection) -> None:
    bound(connection)
    fragments = fragment_request(2, 0, 0, bytes(MAX_CALL + 1), 4280)
    outputs = [connection.receive(fragment) for fragment in fragments]
    assert all(not output for output in outputs[:-1])
    assert Fault.decode(split(outputs[-1][0]).body).status == 5
    assert connection.broken


def test_fragments_may_not_be_endless(connection: Connection) -> None:
    bound(connection)
    connection.receive(request(b"x", flags=Pfc.FIRST_FRAG))
    middle = request(b"x", flags=0)
    for _ in range(5000):
        outputs = connection.receive(middle)
        if outputs:
            break
    assert connection.broken


def test_alter_context_adds_interfaces(host: Any, associations: Associations) -> None:
    connection = Connection("both", (WKSSVC, SRVSVC), host, associations)
    group = bound(connection).assoc_group_id
    added = ContextElement(1, SRVSVC.syntax, (NDR,))
    ptype, body = answer(connection, encode_pdu(Ptype.ALTER_CONTEXT, 2, bind_with(added)))
    ack = BindAck.decode(body)
    assert ptype == Ptype.ALTER_CONTEXT_RESP
    assert (ack.assoc_group_id, ack.secondary_address) == (group, "")
    assert ack.results == [ContextResult(0, 0, NDR)]
    assert answer(connection, request(WKSTA_100, 21, context_id=1))[0] == Ptype.RESPONSE


def test_presentation_contexts_are_bounded(connection: Connection) -> None:
    bound(connection)
    elements = [ContextElement(n, WKSSVC.syntax, (NDR,)) for n in range(200)]
    for start in (1, 201):
        batch = [element._replace(context_id=start + n) for n, element in enumerate(elements)]
        outputs = connection.receive(encode_pdu(Ptype.ALTER_CONTEXT, 2, bind_with(*batch)))
    assert MAX_CONTEXTS < 400
    assert split(outputs[0]).header.ptype == Ptype.BIND_NAK


def open_policy(connection: Connection) -> bytes:
    attributes = struct.pack("<IIIIII", 24, 0, 0, 0, 0, 0)
    ptype, body = answer(
        connection, request(bytes(4) + attributes + struct.pack("<I", 0x800), opnum=44)
    )
    assert ptype == Ptype.RESPONSE
    return Response.decode(body).stub[:20]


def test_connections_of_one_association_share_their_handles(
    host: Any, associations: Associations
) -> None:
    context = ContextElement(0, LSARPC.syntax, (NDR,))
    pair = [Connection("lsarpc", (LSARPC,), host, associations) for _ in range(2)]
    _, body = answer(pair[0], encode_pdu(Ptype.BIND, 1, bind_with(context)))
    group = BindAck.decode(body).assoc_group_id
    answer(pair[1], encode_pdu(Ptype.BIND, 1, bind_with(context, group=group)))
    handle = open_policy(pair[0])
    close = request(handle, opnum=0)
    pair[0].close()
    assert answer(pair[1], close)[0] == Ptype.RESPONSE
    assert fault_of(pair[1], close) == 0x1C00001A
    pair[1].close()
    assert len(associations) == 0


def test_nobody_joins_another_caller_s_association(host: Any, associations: Associations) -> None:
    connection = Connection("wkssvc", (WKSSVC,), host, associations)
    group = bound(connection).assoc_group_id
    host.log_on("mallory")
    intruder = Connection("wkssvc", (WKSSVC,), host, associations)
    data = encode_pdu(Ptype.BIND, 1, bind_with(WKSSVC_CONTEXT, group=group))
    assert nak_of(intruder, data) == RejectReason.NOT_SPECIFIED


def test_context_handles_are_bounded(host: Any, associations: Associations) -> None:
    connection = Connection("lsarpc", (LSARPC,), host, associations)
    context = ContextElement(0, LSARPC.syntax, (NDR,))
    answer(connection, encode_pdu(Ptype.BIND, 1, bind_with(context)))
    handles = {open_policy(connection) for _ in range(1024)}
    assert len(handles) == 1024
    attributes = bytes(4) + bytes(24) + struct.pack("<I", 0x800)
    assert fault_of(connection, request(attributes, opnum=44)) == 5
