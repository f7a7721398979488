"""The server's side of one RPC connection: fragments in, fragments out (C706 12, [MS-RPCE] 3.3).

States: nothing but a bind is taken before a bind; afterwards requests and alter_contexts, until
`broken`. A peer that breaks the protocol gets a fault or a bind_nak and the connection is broken.
Security contexts are not supported: the SMB session under the pipe has authenticated the caller,
and a bind that brings an auth trailer is refused with authentication_type_not_recognized.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from nethood.errors import LocalError, Malformed
from nethood.rpc.association import Association, Associations
from nethood.rpc.call import Call, Interface, RpcFault
from nethood.rpc.host import Host
from nethood.rpc.ndr import Reader
from nethood.rpc.pdu import (
    ABSTRACT_SYNTAX_NOT_SUPPORTED,
    FEATURE_NEGOTIATION_PREFIX,
    MUST_RECEIVE_FRAG,
    NDR,
    PROPOSED_TRANSFER_SYNTAXES_NOT_SUPPORTED,
    WHOLE,
    Bind,
    BindAck,
    BindNak,
    ContextElement,
    ContextResult,
    Fault,
    Header,
    Pdu,
    Pfc,
    Ptype,
    RejectReason,
    Request,
    Result,
    encode_pdu,
    fragment_response,
    split,
)
from nethood.rpc.status import (
    ERROR_ACCESS_DENIED,
    NCA_S_OP_RNG_ERROR,
    NCA_S_PROTO_ERROR,
    NCA_S_UNK_IF,
    RPC_S_UNKNOWN_AUTHN_SERVICE,
    RPC_X_BAD_STUB_DATA,
)
from nethood.wire import Buffer

MAX_FRAG = 4280
"""The largest fragment sent, and announced as the largest taken: what Windows uses on pipes."""
MAX_CALL = 1 << 20
"""The largest stub of a request, all fragments together."""
MAX_FRAGMENTS = 4096
MAX_CONTEXTS = 256
_KEEP_CONNECTION_ON_ORPHAN = 0x02


@dataclass(slots=True)
class _Incoming:
    """A request of which not all fragments have come."""

    call_id: int
    context_id: int
    opnum: int
    big_endian: bool
    size: int = 0
    parts: list[bytes] = field(default_factory=list)


class Connection:
    """Serves the interfaces of one endpoint to one caller."""

    __slots__ = (
        "_association",
        "_associations",
        "_contexts",
        "_endpoint",
        "_host",
        "_incoming",
        "_interfaces",
        "_max_xmit_frag",
        "broken",
    )

    def __init__(
        self,
        endpoint: str,
        interfaces: Sequence[Interface],
        host: Host,
        associations: Associations,
    ) -> None:
        self._endpoint = endpoint
        self._interfaces = interfaces
        self._host = host
        self._associations = associations
        self._association: Association | None = None
        self._contexts: dict[int, Interface] = {}
        self._incoming: _Incoming | None = None
        self._max_xmit_frag = MUST_RECEIVE_FRAG
        self.broken = False
        """The connection is of no further use; what `receive` returned still goes out."""

    def close(self) -> None:
        """Leave the association; nothing may be received afterwards."""
        self.broken = True
        self._incoming = None
        if self._association is not None:
            self._associations.leave(self._association)
            self._association = None

    def receive(self, fragment: Buffer) -> list[bytes]:
        """Take one whole fragment; return the fragments to send, often none.

        Never raises for what a peer sends: it answers and sets `broken`.
        """
        try:
            pdu = split(fragment)
        except Malformed:
            self.broken = True
            return []
        if pdu.header.version != 5 or pdu.header.version_minor > 1:
            return self._refuse(pdu.header, RejectReason.PROTOCOL_VERSION_NOT_SUPPORTED)
        handler = _HANDLERS.get(pdu.header.ptype)
        if handler is None or (self._association is None and pdu.header.ptype != Ptype.BIND):
            return self._protocol_error(pdu.header)
        try:
            return handler(self, pdu)
        except Malformed:
            if pdu.header.ptype == Ptype.BIND:
                return self._refuse(pdu.header, RejectReason.NOT_SPECIFIED)
            return self._protocol_error(pdu.header)

    # What ends a connection

    def _refuse(self, header: Header, reason: RejectReason) -> list[bytes]:
        self.broken = True
        return [encode_pdu(Ptype.BIND_NAK, header.call_id, BindNak(reason).encode())]

    def _protocol_error(self, header: Header, status: int = NCA_S_PROTO_ERROR) -> list[bytes]:
        self.broken = True
        return [_fault(header.call_id, status, not_executed=True)]

    # Binding

    def _bind(self, pdu: Pdu) -> list[bytes]:
        if self._association is not None:
            return self._protocol_error(pdu.header)
        if pdu.trailer is not None:
            return self._refuse(pdu.header, RejectReason.AUTHENTICATION_TYPE_NOT_RECOGNIZED)
        bind = Bind.decode(pdu.body)
        if not bind.contexts:
            return self._refuse(pdu.header, RejectReason.NOT_SPECIFIED)
        caller = self._host.caller
        owner = (caller.client, caller.domain, caller.user)
        self._association = self._associations.join(bind.assoc_group_id, owner)
        if self._association is None:
            return self._refuse(pdu.header, RejectReason.NOT_SPECIFIED)
        self._max_xmit_frag = _agreed(bind.max_recv_frag)
        ack = BindAck(
            self._max_xmit_frag,
            _agreed(bind.max_xmit_frag),
            self._association.group_id,
            f"\\PIPE\\{self._endpoint}",
            [self._negotiate(element) for element in bind.contexts],
        )
        flags = WHOLE | (pdu.header.flags & Pfc.CONC_MPX)
        return [encode_pdu(Ptype.BIND_ACK, pdu.header.call_id, ack.encode(), flags)]

    def _alter_context(self, pdu: Pdu) -> list[bytes]:
        if pdu.trailer is not None:
            return self._protocol_error(pdu.header, RPC_S_UNKNOWN_AUTHN_SERVICE)
        alter = Bind.decode(pdu.body)
        if len(self._contexts) + len(alter.contexts) > MAX_CONTEXTS:
            return self._refuse(pdu.header, RejectReason.LOCAL_LIMIT_EXCEEDED)
        group_id = self._association.group_id if self._association else 0
        ack = BindAck(
            self._max_xmit_frag,
            _agreed(alter.max_xmit_frag),
            group_id,
            "",
            [self._negotiate(element) for element in alter.contexts],
        )
        return [encode_pdu(Ptype.ALTER_CONTEXT_RESP, pdu.header.call_id, ack.encode())]

    def _negotiate(self, element: ContextElement) -> ContextResult:
        """Answer one presentation context, [MS-RPCE] 3.3.1.5.3 and 3.3.1.5.6."""
        for syntax in element.transfer_syntaxes[:1]:
            if syntax.uuid.startswith(FEATURE_NEGOTIATION_PREFIX) and syntax.major == 1:
                features = syntax.uuid[8] & _KEEP_CONNECTION_ON_ORPHAN
                return ContextResult(Result.NEGOTIATE_ACK, features)
        interface = self._find_interface(element)
        if interface is None:
            return ContextResult(Result.PROVIDER_REJECTION, ABSTRACT_SYNTAX_NOT_SUPPORTED)
        if NDR not in element.transfer_syntaxes:
            return ContextResult(
                Result.PROVIDER_REJECTION, PROPOSED_TRANSFER_SYNTAXES_NOT_SUPPORTED
            )
        self._contexts[element.context_id] = interface
        return ContextResult(Result.ACCEPTANCE, 0, NDR)

    def _find_interface(self, element: ContextElement) -> Interface | None:
        """Same UUID and major version, and no later minor version than ours (C706 6.1.1.2)."""
        wanted = element.abstract_syntax
        for interface in self._interfaces:
            ours = interface.syntax
            if (ours.uuid, ours.major) == (wanted.uuid, wanted.major):
                return interface if wanted.minor <= ours.minor else None
        return None

    # Calls

    def _request(self, pdu: Pdu) -> list[bytes]:
        header = pdu.header
        if pdu.trailer is not None:
            return self._protocol_error(header, ERROR_ACCESS_DENIED)
        request = Request.decode(pdu.body, header.flags)
        if header.flags & Pfc.FIRST_FRAG:
            if self._incoming is not None:
                return self._protocol_error(header)
            incoming = _Incoming(
                header.call_id, request.context_id, request.opnum, header.big_endian
            )
        else:
            found = self._incoming
            if found is None or not _continues(found, header, request):
                return self._protocol_error(header)
            incoming = found
        incoming.parts.append(request.stub)
        incoming.size += len(request.stub)
        if incoming.size > MAX_CALL or len(incoming.parts) > MAX_FRAGMENTS:
            return self._protocol_error(header, ERROR_ACCESS_DENIED)
        if not header.flags & Pfc.LAST_FRAG:
            self._incoming = incoming
            return []
        self._incoming = None
        return self._dispatch(incoming)

    def _dispatch(self, incoming: _Incoming) -> list[bytes]:
        call_id, context_id = incoming.call_id, incoming.context_id
        interface = self._contexts.get(context_id)
        if interface is None:
            return [_fault(call_id, NCA_S_UNK_IF, context_id, not_executed=True)]
        operation = interface.operations.get(incoming.opnum)
        if operation is None:
            return [_fault(call_id, NCA_S_OP_RNG_ERROR, context_id, not_executed=True)]
        association = self._association
        if association is None:
            raise AssertionError("a request was dispatched without an association")
        stub = incoming.parts[0] if len(incoming.parts) == 1 else b"".join(incoming.parts)
        reader = Reader(stub, big_endian=incoming.big_endian, name=interface.name)
        call = Call(self._host, reader, association.handles, association.new_handle)
        try:
            call.writer.u32(operation(call))
        except Malformed:
            return [_fault(call_id, RPC_X_BAD_STUB_DATA, context_id)]
        except LocalError:
            return [_fault(call_id, ERROR_ACCESS_DENIED, context_id)]
        except RpcFault as fault:
            return [_fault(call_id, fault.status, context_id)]
        return fragment_response(call_id, context_id, call.writer.getvalue(), self._max_xmit_frag)

    def _orphaned(self, pdu: Pdu) -> list[bytes]:
        """Forget a request that will never be complete ([MS-RPCE] 3.3.1.5.10)."""
        if self._incoming is not None and self._incoming.call_id == pdu.header.call_id:
            self._incoming = None
        return []

    def _ignore(self, _pdu: Pdu) -> list[bytes]:
        """Calls are served as they arrive: a cancel is late, an auth3 has nothing to complete."""
        return []


_HANDLERS: dict[int, Callable[[Connection, Pdu], list[bytes]]] = {
    Ptype.BIND: Connection._bind,
    Ptype.ALTER_CONTEXT: Connection._alter_context,
    Ptype.REQUEST: Connection._request,
    Ptype.AUTH3: Connection._ignore,
    Ptype.CANCEL: Connection._ignore,
    Ptype.ORPHANED: Connection._orphaned,
}


def _agreed(offered: int) -> int:
    """Return the fragment size both sides take; a peer that offers none leaves it to us."""
    return min(MAX_FRAG, max(MUST_RECEIVE_FRAG, offered)) if offered else MAX_FRAG


def _continues(incoming: _Incoming, header: Header, request: Request) -> bool:
    return (header.call_id, request.context_id, request.opnum, header.big_endian) == (
        incoming.call_id,
        incoming.context_id,
        incoming.opnum,
        incoming.big_endian,
    )


def _fault(call_id: int, status: int, context_id: int = 0, *, not_executed: bool = False) -> bytes:
    flags = WHOLE | (Pfc.DID_NOT_EXECUTE if not_executed else 0)
    return encode_pdu(Ptype.FAULT, call_id, Fault(status, context_id).encode(), flags)
