"""The server's half of one connection, without sockets or clocks: frames in, requests out, and
responses in, frames out ([MS-SMB2] 3.3.5.2 and 3.3.4.1).

`ServerConnection.receive` takes a frame through ordered steps: decrypt, split the compound, check
the sequence window, find the session, verify the signature. What it returns is a list of Request,
the elements of one compound; an element that failed a step carries the status to answer with.
`reply` and `reply_chain` make the frame of a response: header, credits, signature, encryption.
"""

from __future__ import annotations

import struct
from typing import Any

from nethood.crypto.sealing import transform_session_id
from nethood.erref import (
    STATUS_ACCESS_DENIED,
    STATUS_INVALID_PARAMETER,
    STATUS_MORE_PROCESSING_REQUIRED,
    STATUS_NETWORK_NAME_DELETED,
    STATUS_NETWORK_SESSION_EXPIRED,
    STATUS_NOT_SUPPORTED,
    STATUS_PENDING,
    STATUS_USER_SESSION_DELETED,
)
from nethood.errors import Malformed, ProtocolViolation
from nethood.smb2.constants import (
    RELATED_SESSION_ID,
    RELATED_TREE_ID,
    SMB2_CANCEL,
    SMB2_CLOSE,
    SMB2_ECHO,
    SMB2_FLAGS_ASYNC_COMMAND,
    SMB2_FLAGS_PRIORITY_MASK,
    SMB2_FLAGS_RELATED_OPERATIONS,
    SMB2_FLAGS_SERVER_TO_REDIR,
    SMB2_FLAGS_SIGNED,
    SMB2_LOCK,
    SMB2_LOGOFF,
    SMB2_NEGOTIATE,
    SMB2_OPLOCK_BREAK,
    SMB2_SESSION_SETUP,
    SMB2_TREE_CONNECT,
)
from nethood.smb2.preauth import PreauthIntegrity
from nethood.smb2.session import Session, SessionState, TreeConnect
from nethood.smb2.window import SequenceWindow
from nethood.wire import Buffer

SMB1_MAGIC = b"\xffSMB"
SMB2_MAGIC = b"\xfeSMB"
_TRANSFORM_FIRST_BYTE = 0xFD
_NOT_USUAL = 0xFFFFFFFF & ~(SMB2_FLAGS_SIGNED | SMB2_FLAGS_PRIORITY_MASK)
_RESPONSE_FLAG = SMB2_FLAGS_SERVER_TO_REDIR
_SIGNED_RESPONSE = SMB2_FLAGS_SERVER_TO_REDIR | SMB2_FLAGS_SIGNED

_HEADER = struct.Struct("<4sHHIHHIIQIIQ16s")
_NO_SIGNATURE = bytes(16)
_ALL_ONES_32 = 0xFFFFFFFF

HEADROOM = 4 + 52 + 64
"""Bytes to leave before a response body that is built where it will be sent: the transport's
prefix, a transform header and the message header."""

_NO_SESSION_NEEDED = frozenset({SMB2_NEGOTIATE, SMB2_SESSION_SETUP, SMB2_CANCEL})
_NO_TREE_NEEDED = frozenset(
    {
        SMB2_NEGOTIATE,
        SMB2_SESSION_SETUP,
        SMB2_LOGOFF,
        SMB2_TREE_CONNECT,
        SMB2_CANCEL,
        SMB2_ECHO,
        SMB2_OPLOCK_BREAK,
    }
)
_ALLOWED_WHEN_EXPIRED = frozenset(
    {SMB2_SESSION_SETUP, SMB2_LOGOFF, SMB2_CLOSE, SMB2_LOCK, SMB2_CANCEL}
)


class Request:
    """One request, its header taken apart; `message` is header and body as received.

    `failure` is the NTSTATUS a receive step, and later the request itself, ended with, 0 where all
    went well; `inherited_failure` is that of the element a related one depends on.
    """

    __slots__ = (
        "async_id",
        "command",
        "credit_charge",
        "credit_request",
        "failure",
        "flags",
        "inherited_failure",
        "is_encrypted",
        "is_signed",
        "message",
        "message_id",
        "open",
        "process_id",
        "session",
        "session_id",
        "tree",
        "tree_id",
    )

    async_id: int
    command: int
    credit_charge: int
    credit_request: int
    failure: int
    flags: int
    inherited_failure: int
    is_encrypted: bool
    is_signed: bool
    message: memoryview
    message_id: int
    process_id: int
    session_id: int
    tree_id: int
    session: Session | None
    tree: TreeConnect | None
    open: Any
    """The Open this element made or used: what a related element after it means by all ones."""

    @classmethod
    def blank(cls, message_id: int = 0) -> Request:
        """Return a NEGOTIATE request without a header of its own, to answer an SMB1 one."""
        request = cls()
        request.command = SMB2_NEGOTIATE
        request.credit_charge = request.flags = request.async_id = 0
        request.failure = request.inherited_failure = 0
        request.process_id = request.tree_id = request.session_id = 0
        request.credit_request = 1
        request.message_id = message_id
        request.is_signed = request.is_encrypted = False
        request.session = request.tree = request.open = None
        return request


class ServerConnection:
    """The state of one connection ([MS-SMB2] 3.3.1.7), as far as messages need it."""

    __slots__ = (
        "capabilities",
        "cipher",
        "client_capabilities",
        "client_dialects",
        "client_guid",
        "client_security_mode",
        "dialect",
        "is_multi_credit",
        "max_transact",
        "now",
        "preauth",
        "session_table",
        "signing_algorithm",
        "signing_required",
        "window",
    )

    def __init__(self, *, credit_limit: int, signing_required: bool) -> None:
        self.window = SequenceWindow(credit_limit)
        self.session_table: dict[int, Session] = {}
        self.dialect = 0
        self.preauth: PreauthIntegrity | None = None
        self.cipher = 0
        self.signing_algorithm = 0
        self.signing_required = signing_required
        self.is_multi_credit = False
        self.max_transact = 65536
        self.capabilities = 0
        self.client_capabilities = 0
        self.client_security_mode = 0
        self.client_guid = bytes(16)
        self.client_dialects: tuple[int, ...] = ()
        self.now = 0.0

    # Receiving

    def receive(self, frame: memoryview, now: float) -> list[Request]:
        """Return the requests of one frame. *now* is a monotonic time in seconds.

        Raises Malformed or ProtocolViolation where the connection must be dropped.
        """
        self.now = now
        if len(frame) and frame[0] == _TRANSFORM_FIRST_BYTE:
            return self._decrypt(frame)
        request, next_command = self._parse(frame, encrypted=False)
        if next_command:
            return self._split(frame, request, next_command, encrypted=False)
        request.failure = self._check(request, None)
        return [request]

    def receive_usual(self, frame: memoryview, now: float) -> Request | None:
        """Return the request of a frame that needs no more than one look, or None.

        That is a request by itself, in clear, of a session that is valid for good, to a tree it is
        connected to, with the next message id. Nothing has happened when this returns None:
        `receive` takes the frame then. Laid out for speed (benchmarks/, rows stat and read).
        """
        request = Request()
        try:
            (
                magic,
                structure_size,
                charge,
                _,
                request.command,
                request.credit_request,
                flags,
                next_command,
                request.message_id,
                request.process_id,
                request.tree_id,
                request.session_id,
                _,
            ) = _HEADER.unpack_from(frame)
        except struct.error:
            return None
        session = self.session_table.get(request.session_id)
        window = self.window
        if (
            next_command
            or magic != SMB2_MAGIC
            or structure_size != 64
            or flags & _NOT_USUAL
            or session is None
            or not session.is_ready
            or (session.is_protected and not flags & SMB2_FLAGS_SIGNED)
            or request.command in _NO_TREE_NEEDED
            or request.message_id != window.low
        ):
            return None
        tree = session.tree_connect_table.get(request.tree_id)
        if tree is None or tree.encrypt_data or session.encrypt_data:
            return None
        if not window.use(request.message_id, (charge if self.is_multi_credit else 1) or 1):
            return None
        self.now = now
        request.flags = flags
        request.credit_charge = charge
        request.message = frame
        request.session = session
        request.tree = tree
        request.open = None
        request.is_encrypted = request.is_signed = False
        request.async_id = request.inherited_failure = 0
        request.failure = self._verify(request) if flags & SMB2_FLAGS_SIGNED else 0
        return request

    def _decrypt(self, frame: memoryview) -> list[Request]:
        """Open a transformed frame ([MS-SMB2] 3.3.5.2.1.1)."""
        session_id = transform_session_id(frame)
        session = self.session_table.get(session_id)
        if session is None or session.client_to_server is None:
            raise ProtocolViolation("an encrypted message names no session with keys")
        message = session.client_to_server.open(frame)
        session.encryption_used = True
        request, next_command = self._parse(message, encrypted=True)
        requests = self._split(message, request, next_command, encrypted=True)
        if any(request.session_id != session_id for request in requests):
            raise ProtocolViolation("the encrypted message belongs to another session")
        return requests

    def _split(
        self, frame: memoryview, request: Request, next_command: int, *, encrypted: bool
    ) -> list[Request]:
        """Take a compound apart and each element through its checks ([MS-SMB2] 3.3.5.2.7)."""
        requests: list[Request] = []
        previous: Request | None = None
        while next_command:
            if next_command & 7 or not 64 <= next_command <= len(frame) - 64:
                raise ProtocolViolation("a compound whose NextCommand leads nowhere")
            if request.command <= SMB2_SESSION_SETUP:
                raise ProtocolViolation("a compound that holds NEGOTIATE or SESSION_SETUP")
            request.message = frame[:next_command]
            request.failure = self._check(request, previous)
            requests.append(request)
            previous = request
            frame = frame[next_command:]
            request, next_command = self._parse(frame, encrypted=encrypted)
        request.failure = self._check(request, previous)
        requests.append(request)
        return requests

    def _parse(self, message: memoryview, *, encrypted: bool) -> tuple[Request, int]:
        """Return the request that starts *message*, and its NextCommand."""
        request = Request()
        try:
            (
                magic,
                structure_size,
                request.credit_charge,
                _,
                request.command,
                request.credit_request,
                request.flags,
                next_command,
                request.message_id,
                request.process_id,
                request.tree_id,
                request.session_id,
                _,
            ) = _HEADER.unpack_from(message)
        except struct.error:
            raise Malformed("SMB2 header", "is cut short") from None
        if magic != SMB2_MAGIC or structure_size != 64 or request.flags & _RESPONSE_FLAG:
            raise ProtocolViolation("a message that is no SMB2 request")
        request.message = message
        request.is_encrypted = encrypted
        request.is_signed = False
        request.async_id = 0
        request.inherited_failure = 0
        request.session = request.tree = request.open = None
        return request, next_command

    def _check(self, request: Request, previous: Request | None) -> int:
        """Take one element through the steps of [MS-SMB2] 3.3.5.2; return a status, or 0.

        The sequence window first, then the session, then the signature.
        """
        if request.command == SMB2_CANCEL:
            request.async_id = request.process_id | request.tree_id << 32
        else:
            charge = request.credit_charge if self.is_multi_credit else 1
            if not self.window.use(request.message_id, charge or 1):
                raise ProtocolViolation(
                    f"message id {request.message_id} is outside the credit window"
                )
        session = self.session_table.get(request.session_id)
        if session is None or not session.is_ready or request.flags & SMB2_FLAGS_RELATED_OPERATIONS:
            return self._find_session(request, previous) or self._check_protection(request)
        # The usual request, without the steps that can't fail here (benchmarks/, row stat).
        request.session = session
        if request.is_encrypted:
            return 0
        if request.flags & SMB2_FLAGS_SIGNED:
            return self._verify(request)
        return self._check_protection(request) if session.is_protected else 0

    def _find_session(self, request: Request, previous: Request | None) -> int:
        """Look the session up ([MS-SMB2] 3.3.5.2.9); return the status of a failure, or 0."""
        if request.flags & SMB2_FLAGS_RELATED_OPERATIONS:
            # Neither may the chain begin so, nor follow an element that found no session.
            if previous is None or previous.session is None:
                return STATUS_INVALID_PARAMETER
            if request.session_id == RELATED_SESSION_ID:
                request.session_id = previous.session_id
        session = self.session_table.get(request.session_id)
        request.session = session
        command = request.command
        if session is None:
            return 0 if command in _NO_SESSION_NEEDED else self._sessionless(request)
        if session.expires_at is not None and self.now >= session.expires_at:
            session.state = SessionState.EXPIRED
        if session.state is SessionState.VALID or command in _NO_SESSION_NEEDED:
            return 0
        if session.state is SessionState.IN_PROGRESS:
            return (
                STATUS_INVALID_PARAMETER if command == SMB2_LOGOFF else STATUS_USER_SESSION_DELETED
            )
        return 0 if command in _ALLOWED_WHEN_EXPIRED else STATUS_NETWORK_SESSION_EXPIRED

    def _sessionless(self, request: Request) -> int:
        """ECHO is answered without a session unless it is signed; the rest need one."""
        if request.command == SMB2_ECHO and not request.flags & SMB2_FLAGS_SIGNED:
            return 0
        return STATUS_USER_SESSION_DELETED

    def _check_protection(self, request: Request) -> int:
        """Verify the signature, and that what must be protected is ([MS-SMB2] 3.3.5.2.4, 2.10)."""
        session = request.session
        if request.is_encrypted:
            return 0
        if request.flags & SMB2_FLAGS_SIGNED:
            return self._verify(request)
        if session is None or session.state is SessionState.IN_PROGRESS:
            return 0
        if request.command == SMB2_SESSION_SETUP:
            return 0
        if session.signing_required or session.encrypt_data:
            return STATUS_ACCESS_DENIED
        return 0

    def _verify(self, request: Request) -> int:
        session = request.session
        command = request.command
        if command == SMB2_NEGOTIATE:
            return STATUS_INVALID_PARAMETER
        if session is None:
            # A channel to bind names a session of another connection: its handler says no.
            return 0 if command == SMB2_SESSION_SETUP else STATUS_USER_SESSION_DELETED
        if session.signer is None:
            return 0 if session.state is SessionState.IN_PROGRESS else STATUS_NOT_SUPPORTED
        if not session.signer.verify(
            request.message, request.message_id, from_server=False, cancel=command == SMB2_CANCEL
        ):
            return STATUS_ACCESS_DENIED
        request.is_signed = True
        if session.encrypt_data and command not in _NO_SESSION_NEEDED:
            return STATUS_ACCESS_DENIED
        return 0

    def resolve(self, request: Request, previous: Request | None) -> int:
        """Find the tree of *request*, just before it runs; return the status of a failure, or 0.

        A related element takes session, tree and Open from the element before it, which may only
        just have made them ([MS-SMB2] 3.3.5.2.7.2).
        """
        if request.flags & SMB2_FLAGS_RELATED_OPERATIONS and previous is not None:
            if request.tree_id == RELATED_TREE_ID:
                request.tree_id = previous.tree_id
            request.open = previous.open
            request.inherited_failure = previous.failure
        session = request.session
        if session is None:
            return 0
        if previous is not None and self.session_table.get(session.session_id) is not session:
            # It was there when the chain came; an element before this one has ended it.
            return STATUS_USER_SESSION_DELETED
        if request.command in _NO_TREE_NEEDED:
            return 0
        tree = session.tree_connect_table.get(request.tree_id)
        if tree is None:
            return STATUS_NETWORK_NAME_DELETED
        request.tree = tree
        if tree.encrypt_data and not request.is_encrypted:
            return STATUS_ACCESS_DENIED
        return 0

    def answered(self, request: Request, status: int, frame: Buffer) -> None:
        """Add an answer, as it goes on the wire, to the preauthentication hash it belongs to."""
        if request.command == SMB2_NEGOTIATE:
            if self.preauth is not None:
                self.preauth.update(memoryview(frame)[4:])
        elif status == STATUS_MORE_PROCESSING_REQUIRED and request.session is not None:
            session = request.session
            if session.preauth is not None and session.state is SessionState.IN_PROGRESS:
                session.preauth.update(memoryview(frame)[4:])

    # Responding

    def reply(self, request: Request, status: int, body: bytes | bytearray) -> bytes | bytearray:
        """Return the frame of a response that stands alone, the transport's prefix included."""
        session = request.session
        if (
            session is not None
            and session.signer is not None
            and (request.is_signed or request.is_encrypted or session.is_protected)
        ):
            if (request.is_encrypted or session.encrypt_data) and self._must_encrypt(
                request, session
            ):
                head = self._header(request, status, 0, _RESPONSE_FLAG)
                return self._sealed(session, head + body)
            if self._must_sign(request, status, session):
                head = self._header(request, status, 0, _SIGNED_RESPONSE)
                signature = session.signer.sign(head + body, request.message_id, from_server=True)
                length = (64 + len(body)).to_bytes(4, "big")
                return b"".join((length, head[:48], signature, body))
        flags = _RESPONSE_FLAG
        if session is None:
            # Deviates: Windows answers in place, so the flag stays although there is no key to
            # sign with; libsmbclient takes the status of a lost session only with the flag set.
            flags |= request.flags & SMB2_FLAGS_SIGNED
        head = self._header(request, status, 0, flags)
        return b"".join(((64 + len(body)).to_bytes(4, "big"), head, body))

    def reply_framed(self, request: Request, status: int, buffer: bytearray, end: int) -> int:
        """Finish a response whose body lies at ``buffer[HEADROOM:end]``, where it will be sent.

        Returns where the frame starts: send ``buffer[start:end]``.
        """
        session = request.session
        flags = SMB2_FLAGS_SERVER_TO_REDIR
        sealing = session is not None and self._must_encrypt(request, session)
        signer = None
        if session is not None and not sealing and self._must_sign(request, status, session):
            signer = session.signer
            flags |= SMB2_FLAGS_SIGNED
        buffer[HEADROOM - 64 : HEADROOM] = self._header(request, status, 0, flags)
        if sealing:
            assert session is not None
            assert session.server_to_client is not None
            session.server_to_client.seal_into(
                buffer, HEADROOM - 64, end, session.session_id, session.next_nonce()
            )
            buffer[0:4] = (end - 4).to_bytes(4, "big")
            return 0
        start = HEADROOM - 64
        if signer is not None:
            view = memoryview(buffer)[start:end]
            buffer[start + 48 : start + 64] = signer.sign(
                view, request.message_id, from_server=True
            )
        buffer[start - 4 : start] = (end - start).to_bytes(4, "big")
        return start - 4

    def reply_chain(
        self, results: list[tuple[Request, int, bytes | bytearray]]
    ) -> bytes | bytearray:
        """Return the frame of several responses as one compound ([MS-SMB2] 3.3.4.1.3)."""
        sessions = ((r, r.session) for r, _, _ in results)
        sealer = next((s for r, s in sessions if s is not None and self._must_encrypt(r, s)), None)
        parts: list[bytes] = []
        for index, (request, status, body) in enumerate(results):
            last = index == len(results) - 1
            padding = b"" if last else bytes(-len(body) & 7)
            next_command = 0 if last else 64 + len(body) + len(padding)
            parts.append(
                self._chain_element(
                    request,
                    status,
                    bytes(body) + padding,
                    next_command,
                    sealing=sealer is not None,
                )
            )
        message = b"".join(parts)
        if sealer is not None:
            return self._sealed(sealer, message)
        return len(message).to_bytes(4, "big") + message

    def _chain_element(
        self, request: Request, status: int, body: bytes, next_command: int, *, sealing: bool
    ) -> bytes:
        session = request.session
        echoed = SMB2_FLAGS_RELATED_OPERATIONS | (SMB2_FLAGS_SIGNED if session is None else 0)
        flags = SMB2_FLAGS_SERVER_TO_REDIR | (request.flags & echoed)
        signer = session.signer if session is not None else None
        if sealing or signer is None or not self._must_sign(request, status, session):
            return self._header(request, status, next_command, flags) + body
        head = self._header(request, status, next_command, flags | SMB2_FLAGS_SIGNED)
        signature = signer.sign(head + body, request.message_id, from_server=True)
        return head[:48] + signature + body

    def _header(self, request: Request, status: int, next_command: int, flags: int) -> bytes:
        async_id = request.async_id
        if async_id and status != STATUS_PENDING:
            granted = 0
        else:
            granted = self.window.grant(request.credit_request or 1)
        process_id, tree_id = request.process_id, request.tree_id
        if async_id:
            flags |= SMB2_FLAGS_ASYNC_COMMAND
            process_id, tree_id = async_id & _ALL_ONES_32, async_id >> 32
        return _HEADER.pack(
            SMB2_MAGIC,
            64,
            request.credit_charge,
            status,
            request.command,
            granted,
            flags,
            next_command,
            request.message_id,
            process_id,
            tree_id,
            request.session_id,
            _NO_SIGNATURE,
        )

    def _must_sign(self, request: Request, status: int, session: Session | None) -> bool:
        """Tell whether a response is signed ([MS-SMB2] 3.3.4.1.1)."""
        if session is None or session.signer is None or status == STATUS_PENDING:
            return False
        return request.is_signed or (
            session.signing_required and request.command != SMB2_SESSION_SETUP
        )

    def _must_encrypt(self, request: Request, session: Session) -> bool:
        """Tell whether a response is encrypted ([MS-SMB2] 3.3.4.1.4).

        What a share wants encrypted came encrypted, or was refused.
        """
        if request.is_encrypted:
            return True
        return session.encrypt_data and request.command not in (SMB2_NEGOTIATE, SMB2_SESSION_SETUP)

    def _sealed(self, session: Session, message: bytes) -> bytearray:
        assert session.server_to_client is not None
        sealed = session.server_to_client.seal(message, session.session_id, session.next_nonce())
        sealed[0:0] = len(sealed).to_bytes(4, "big")
        return sealed
