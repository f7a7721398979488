"""The client's half of one RPC association, without a pipe: C706 12.6, [MS-RPCE] 3.3.

`bind` and `request` return the fragments to write, `feed` takes what is read in pieces of any
size and returns an answer once it is whole. One call at a time, without authentication: the SMB
session below is what protects it.
"""

from __future__ import annotations

from enum import Enum, auto

from nethood.errors import Error, LocalError, Malformed, ProtocolViolation, StatusError
from nethood.rpc.pdu import (
    HEADER_SIZE,
    MUST_RECEIVE_FRAG,
    NDR,
    Bind,
    BindAck,
    BindNak,
    ContextElement,
    Fault,
    Header,
    Pdu,
    Pfc,
    Ptype,
    Response,
    Result,
    Syntax,
    encode_pdu,
    fragment_request,
    split,
)
from nethood.wire import Buffer

MAX_FRAG = 4280
"""What Windows offers on a named pipe."""
MAX_STUB = 4 * 1024 * 1024
"""The longest answer that is put together."""

FAULT_NAMES = {
    0x00000005: "access denied",
    0x000006F7: "bad stub data",
    0x1C010002: "operation number out of range",
    0x1C010003: "unknown interface",
    0x1C00001A: "context mismatch",
    0x1C00001C: "remote out of memory",
}
"""[MS-RPCE] 2.2.2.8 and C706 E: the status of a fault."""


class RpcFault(StatusError):
    """The server answered a call with a fault; *status* is its 32-bit value."""

    def __init__(self, status: int) -> None:
        name = FAULT_NAMES.get(status, "a fault")
        super().__init__(status, f"the remote procedure call failed: {name} (0x{status:08X})")


class BindRefused(Error):
    """The server does not serve the interface here, or not to us."""


class _State(Enum):
    START = auto()
    BINDING = auto()
    BOUND = auto()
    CALLING = auto()


class RpcClient:
    """One association over one open pipe, bound to the interface *syntax*."""

    def __init__(self, syntax: Syntax, *, max_frag: int = MAX_FRAG) -> None:
        self.syntax = syntax
        self.max_frag = max_frag
        self._state = _State.START
        self._call_id = 0
        self._max_xmit = MUST_RECEIVE_FRAG
        self._received = bytearray()
        self._stub = bytearray()

    @property
    def is_bound(self) -> bool:
        """Whether calls can be made."""
        return self._state in (_State.BOUND, _State.CALLING)

    @property
    def is_waiting(self) -> bool:
        """Whether an answer is still to come."""
        return self._state in (_State.BINDING, _State.CALLING)

    def bind(self) -> bytes:
        """Return the bind, to be written as one message. Raises LocalError the second time."""
        if self._state is not _State.START:
            raise LocalError("this association is bound already")
        self._state = _State.BINDING
        self._call_id += 1
        body = Bind(self.max_frag, self.max_frag, 0, [ContextElement(0, self.syntax, (NDR,))])
        return encode_pdu(Ptype.BIND, self._call_id, body.encode())

    def request(self, opnum: int, stub: bytes) -> list[bytes]:
        """Return the fragments of a call, each to be written as one message.

        Raises LocalError while another call runs, or before the bind was accepted.
        """
        if self._state is not _State.BOUND:
            raise LocalError("one call at a time, after the bind")
        self._state = _State.CALLING
        self._call_id += 1
        self._stub.clear()
        return fragment_request(self._call_id, 0, opnum, stub, self._max_xmit)

    def feed(self, data: Buffer) -> bytes | None:
        """Take what was read; return the answer's stub, None while it is not whole.

        The answer to a bind is empty. Raises RpcFault, BindRefused, Malformed,
        ProtocolViolation; after a fault further calls may be made.
        """
        self._received += data
        answer = None
        while (fragment := self._next_fragment()) is not None:
            if answer is not None or not self.is_waiting:
                raise ProtocolViolation("the RPC server answered without having been asked")
            answer = self._take(split(fragment))
        return answer

    def _next_fragment(self) -> bytes | None:
        """Cut the next fragment off what was received, None where it is not whole."""
        received = self._received
        if len(received) < HEADER_SIZE:
            return None
        length = Header.decode(bytes(received[:HEADER_SIZE])).frag_length
        if len(received) < length:
            return None
        fragment = bytes(received[:length])
        del received[:length]
        return fragment

    def _take(self, pdu: Pdu) -> bytes | None:
        header = pdu.header
        if header.version != 5 or header.call_id != self._call_id:
            problem = f"version {header.version}, call {header.call_id} of {self._call_id}"
            raise Malformed("RPC PDU", problem)
        if self._state is _State.BINDING:
            return self._take_bind_answer(pdu)
        return self._take_call_answer(pdu)

    def _take_bind_answer(self, pdu: Pdu) -> bytes:
        if pdu.header.ptype == Ptype.BIND_NAK:
            reason = BindNak.decode(pdu.body).reason
            raise BindRefused(f"the RPC server refuses to be bound, reason {reason}")
        if pdu.header.ptype == Ptype.FAULT:
            raise RpcFault(Fault.decode(pdu.body).status)
        if pdu.header.ptype != Ptype.BIND_ACK:
            raise ProtocolViolation(f"a bind was answered with PDU type {pdu.header.ptype}")
        ack = BindAck.decode(pdu.body)
        if len(ack.results) != 1:
            raise Malformed("bind_ack", f"has {len(ack.results)} results for one context")
        result = ack.results[0]
        if result.result != Result.ACCEPTANCE:
            raise BindRefused(
                f"the RPC server does not serve this interface: result {result.result}, "
                f"reason {result.reason}"
            )
        if ack.max_recv_frag < MUST_RECEIVE_FRAG:
            raise Malformed("bind_ack", f"max_recv_frag is {ack.max_recv_frag}")
        self._max_xmit = min(self.max_frag, ack.max_recv_frag)
        self._state = _State.BOUND
        return b""

    def _take_call_answer(self, pdu: Pdu) -> bytes | None:
        header = pdu.header
        if header.ptype == Ptype.FAULT:
            self._state = _State.BOUND
            raise RpcFault(Fault.decode(pdu.body).status)
        if header.ptype != Ptype.RESPONSE:
            raise ProtocolViolation(f"a call was answered with PDU type {header.ptype}")
        if bool(header.flags & Pfc.FIRST_FRAG) is bool(self._stub):
            raise ProtocolViolation("the fragments of an answer come out of order")
        self._stub += Response.decode(pdu.body).stub
        if len(self._stub) > MAX_STUB:
            raise Malformed("RPC answer", f"is longer than {MAX_STUB} bytes")
        if not header.flags & Pfc.LAST_FRAG:
            return None
        self._state = _State.BOUND
        return bytes(self._stub)
