"""The client's half of one connection, without sockets, clocks or chance: [MS-SMB2] 3.2.

Each method that asks returns a ClientRequest whose `message` goes on the wire, without the
transport's prefix. `feed` takes each message that comes and returns the answers in it, every one
matched to its request, decrypted, its signature verified; what it raises ends the connection.

    connection = ClientConnection(client_guid, salt, Offer(dialects=(0x0311,)))
    request = connection.negotiate()          # send request.message, feed what comes
    session = connection.new_session()
    request = connection.session_setup(session, token)   # until the status is no longer MORE_...
    connection.establish(session, gss_key)
    request = connection.tree_connect(session, r"\\\\server\\IPC$")

How bytes travel, time-outs and waiting for credits are not known here, nor is what authenticates.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from nethood.crypto.sealing import transform_session_id
from nethood.erref import (
    STATUS_MORE_PROCESSING_REQUIRED,
    STATUS_PENDING,
)
from nethood.errors import LocalError, ProtocolViolation
from nethood.smb2 import constants as c
from nethood.smb2.client_checks import (
    check_final_response,
    check_protection,
    check_validation,
    decode_body,
    note_pending,
)
from nethood.smb2.client_negotiation import (
    Negotiated,
    Offer,
    judge_answer,
    multi_protocol_request,
    negotiate_request,
)
from nethood.smb2.client_state import (
    ClientRequest,
    ClientSession,
    ClientTree,
    Response,
    SessionState,
)
from nethood.smb2.header import HEADER_SIZE, SIGNATURE_AT, Header, split_compound
from nethood.smb2.ioctl import IoctlRequest
from nethood.smb2.ioctl_payloads import ValidateNegotiateInfoRequest
from nethood.smb2.messages import Message, decode_response
from nethood.smb2.negotiate import NegotiateResponse
from nethood.smb2.preauth import PreauthIntegrity
from nethood.smb2.session_setup import SessionSetupRequest, SessionSetupResponse
from nethood.smb2.simple import CancelRequest
from nethood.smb2.tree_connect import TreeConnectRequest, TreeConnectResponse
from nethood.text import encode_utf16
from nethood.wire import Buffer

__all__ = [
    "ClientConnection",
    "ClientRequest",
    "ClientSession",
    "ClientTree",
    "Element",
    "Negotiated",
    "Offer",
    "Response",
    "SessionState",
]

_CREDIT_SIZE = 65536
_MAX_CREDITS = 0xFFFF
_VALIDATE_RESPONSE_SIZE = 24
_TRANSFORM_FIRST_BYTE = 0xFD
_FOREIGN = {
    0xFF: "the server answered in SMB1",
    0xFC: "the server sent a compressed message, and nobody agreed on that",
}
_UNSOLICITED = frozenset({c.SMB2_OPLOCK_BREAK, c.SMB2_SERVER_TO_CLIENT_NOTIFICATION})


class Element(NamedTuple):
    """One request of a compound."""

    command: int
    body: Message


class ClientConnection:
    """The state of one connection, [MS-SMB2] 3.2.1.2.

    *client_guid* (16 bytes) names the client, *salt* are random bytes for this connection.
    `negotiated` is None until the server has answered; `credits` is how many messages may be
    sent now, and *credit_target* how many the connection asks for.
    """

    def __init__(
        self,
        client_guid: bytes = bytes(16),
        salt: bytes = b"",
        offer: Offer = Offer(),  # noqa: B008 (immutable)
        *,
        credit_target: int = 64,
    ) -> None:
        self.client_guid = client_guid
        self.offer = offer
        self.negotiated: Negotiated | None = None
        self.preauth = PreauthIntegrity()
        self.session_table: dict[int, ClientSession] = {}
        self.outstanding_requests: dict[int, ClientRequest] = {}
        self.credits = 1
        self.credit_target = credit_target
        self._salt = salt
        self._next_message_id = 0
        self._multi_protocol = False

    # Asking

    def negotiate(self) -> ClientRequest:
        """Ask for what the offer holds. Allowed once, and again after the answer "SMB 2.???".

        Raises LocalError.
        """
        known = self.negotiated
        if self.outstanding_requests or (known and known.dialect_revision != c.DIALECT_WILDCARD):
            raise LocalError("this connection has negotiated already; open another one")
        self._multi_protocol = False
        body = negotiate_request(self.offer, self.client_guid, self._salt)
        return self._send(c.SMB2_NEGOTIATE, body)

    def negotiate_multi_protocol(self) -> ClientRequest:
        """Ask with an SMB1 message whether the server speaks SMB2, [MS-SMB2] 3.2.4.2.2.1.

        The answer is of dialect 2.0.2, or "SMB 2.???": then call `negotiate`. A server that
        answers in SMB1 makes `feed` raise ProtocolViolation.
        """
        if self._next_message_id:
            raise LocalError("this is the first message of a connection, or none")
        self._multi_protocol = True
        request = ClientRequest(c.SMB2_NEGOTIATE, self._take_ids(1), 1)
        request.message = request.plain = multi_protocol_request()
        self.outstanding_requests[request.message_id] = request
        return request

    def new_session(self) -> ClientSession:
        """Return a session to log on with. Raises LocalError before the negotiation is over."""
        self._need_negotiated()
        return ClientSession(self.preauth.fork())

    def session_setup(
        self, session: ClientSession, token: bytes, *, previous_session_id: int = 0
    ) -> ClientRequest:
        """Send the next security *token*; for a session that is valid, log on again.

        Raises LocalError where *session* is over.
        """
        if session.state in (SessionState.CLOSED, SessionState.ACCEPTED):
            raise LocalError("no token is wanted in this state of the session")
        body = SessionSetupRequest(
            security_mode=self.offer.security_mode & 0xFF,
            security_buffer=token,
            previous_session_id=previous_session_id,
        )
        request = self._send(c.SMB2_SESSION_SETUP, body, session)
        if session.state is SessionState.IN_PROGRESS:
            session.preauth.update(request.plain)
        return request

    def establish(
        self,
        session: ClientSession,
        gss_key: bytes,
        *,
        anonymous: bool = False,
        allow_guest: bool = False,
    ) -> None:
        """Take the key the authentication yielded, once the server has said yes.

        Verifies the server's signature on that, [MS-SMB2] 3.2.5.3.1. *anonymous* says that we
        logged on as nobody. Without *allow_guest* a user whom the server, or somebody between,
        makes a guest is no session: guests sign nothing. Raises ProtocolViolation where the
        session must not be used, LocalError where the server has not said yes.
        """
        negotiated = self._need_negotiated()
        if session.state is not SessionState.ACCEPTED:
            raise LocalError("the server has not accepted this session yet")
        session.is_anonymous = anonymous
        if session.is_keyless:
            if not anonymous and (self.offer.requires_signing or not allow_guest):
                raise ProtocolViolation("the server made us a guest, and guests can't sign")
        else:
            session.derive(negotiated, gss_key)
            required = self.offer.requires_signing or negotiated.signing_required
            check_final_response(session, negotiated, required=required)
            session.signing_required = required
            session.begin_encryption()
        session.final_response = None
        session.state = SessionState.VALID
        self.session_table[session.session_id] = session

    def tree_connect(self, session: ClientSession, path: str) -> ClientRequest:
        r"""Connect to *path*, ``\\server\share``; the request's `tree` is there after a yes."""
        body = TreeConnectRequest(encode_utf16(path))
        is_311 = self._need_negotiated().dialect_revision == c.DIALECT_3_1_1
        sign = True if is_311 and session.signer is not None else None
        request = self._send(c.SMB2_TREE_CONNECT, body, session, sign=sign)
        request.path = path
        return request

    def must_validate(self, session: ClientSession) -> bool:
        """Tell whether the negotiation is yet to be validated after a TREE_CONNECT.

        That is so where 3.x was offered and 3.1.1 not chosen; there is no way to without keys.
        """
        chosen = self._need_negotiated().dialect_revision
        highest = max(self.offer.dialects, default=0)
        return highest >= c.DIALECT_3_0 and chosen != c.DIALECT_3_1_1 and session.signer is not None

    def validate_negotiate(self, tree: ClientTree) -> ClientRequest:
        """Ask the server what it negotiated, signed, [MS-SMB2] 3.2.5.5.

        `feed` raises ProtocolViolation where the answer shows that somebody changed something.
        """
        asked = negotiate_request(self.offer, self.client_guid, b"")
        payload = ValidateNegotiateInfoRequest(
            asked.capabilities, asked.client_guid, asked.security_mode, asked.dialects
        )
        body = IoctlRequest(
            ctl_code=c.FSCTL_VALIDATE_NEGOTIATE_INFO,
            persistent=c.RELATED_FILE_ID,
            volatile=c.RELATED_FILE_ID,
            max_output_response=_VALIDATE_RESPONSE_SIZE,
            flags=c.SMB2_0_IOCTL_IS_FSCTL,
            input=payload.encode(),
        )
        return self.request(c.SMB2_IOCTL, body, tree=tree, sign=True)

    def charge_for(self, payload_size: int) -> int:
        """Return the CreditCharge for that many bytes of payload, [MS-SMB2] 3.1.5.2."""
        if not self._need_negotiated().supports_multi_credit:
            return 1
        return 1 + max(0, payload_size - 1) // _CREDIT_SIZE

    def request(
        self,
        command: int,
        body: Message,
        *,
        session: ClientSession | None = None,
        tree: ClientTree | None = None,
        charge: int = 1,
        sign: bool | None = None,
        encrypt: bool | None = None,
    ) -> ClientRequest:
        """Ask anything of a session or a tree (which has its session).

        *sign* and *encrypt* are as the session and the tree want it unless given. Raises
        LocalError where the credits do not suffice or the session can't do that.
        """
        session = tree.session if tree is not None else session
        return self._send(
            command, body, session, tree=tree, charge=charge, sign=sign, encrypt=encrypt
        )

    def compound(
        self,
        elements: Sequence[Element],
        *,
        tree: ClientTree,
        related: bool = True,
        encrypt: bool | None = None,
    ) -> tuple[bytes, list[ClientRequest]]:
        """Return several requests as one message, and each by itself, [MS-SMB2] 3.2.4.1.4.

        Related ones go on with what the one before made. Raises LocalError as `request` does.
        """
        self._need_credits(len(elements))
        session = tree.session
        sealing = self._is_sealing(session, tree, encrypt)
        parts, requests = [], []
        for index, (command, body) in enumerate(elements):
            request = ClientRequest(command, self._take_ids(1), 1, session, tree)
            follows = related and index > 0
            last = index == len(elements) - 1
            self._encode(request, body, sealing=sealing, follows=follows, last=last)
            parts.append(request.plain)
            requests.append(request)
        message = b"".join(parts)
        if sealing:
            message = session.seal(message)
        for request in requests:
            request.message = message
            self.outstanding_requests[request.message_id] = request
        return message, requests

    def cancel(self, request: ClientRequest) -> bytes:
        """Return the message that takes *request* back; its own answer still comes.

        [MS-SMB2] 3.2.4.24.
        """
        session, tree = request.session, request.tree
        header = Header(command=c.SMB2_CANCEL, message_id=request.message_id)
        if session is not None:
            header.session_id = session.session_id
        if request.async_id:
            header.async_id = request.async_id
        sealing = self._is_sealing(session, tree, None)
        sign = not sealing and request.is_signed
        plain = self._protect(header, CancelRequest().encode(), session if sign else None)
        return session.seal(plain) if sealing and session is not None else plain

    def _need_negotiated(self) -> Negotiated:
        if self.negotiated is None or self.negotiated.dialect_revision == c.DIALECT_WILDCARD:
            raise LocalError("this connection has not negotiated yet")
        return self.negotiated

    def _need_credits(self, count: int) -> None:
        if count > self.credits:
            raise LocalError(f"{count} credits are needed, the server has granted {self.credits}")

    def _take_ids(self, charge: int) -> int:
        self._need_credits(charge)
        first = self._next_message_id
        self._next_message_id += charge
        self.credits -= charge
        return first

    def _send(
        self,
        command: int,
        body: Message,
        session: ClientSession | None = None,
        *,
        tree: ClientTree | None = None,
        charge: int = 1,
        sign: bool | None = None,
        encrypt: bool | None = None,
    ) -> ClientRequest:
        if session is not None and session.state is SessionState.CLOSED:
            raise LocalError("this session has been logged off")
        sealing = self._is_sealing(session, tree, encrypt)
        request = ClientRequest(command, self._take_ids(charge), charge, session, tree)
        if isinstance(body, IoctlRequest):
            request.ctl_code = body.ctl_code
        self._encode(request, body, sealing=sealing, sign=sign)
        sealed = session.seal(request.plain) if sealing and session is not None else None
        request.message = request.plain if sealed is None else sealed
        self.outstanding_requests[request.message_id] = request
        return request

    def _is_sealing(
        self, session: ClientSession | None, tree: ClientTree | None, encrypt: bool | None
    ) -> bool:
        if encrypt is None:
            wanted = session is not None and session.encrypt_data
            encrypt = wanted or (tree is not None and tree.encrypt_data)
        if encrypt and (session is None or session.client_to_server is None):
            raise LocalError("this session can't encrypt: the server and we share no cipher")
        return encrypt

    def _encode(
        self,
        request: ClientRequest,
        body: Message,
        *,
        sealing: bool,
        sign: bool | None = None,
        follows: bool = False,
        last: bool = True,
    ) -> None:
        """Fill in the request's bytes: header, padding, signature."""
        session, tree = request.session, request.tree
        header = self._header(request, follows=follows)
        encoded = bytes(body.encode())
        if not last:
            encoded += bytes(-len(encoded) % 8)
            header.next_command = HEADER_SIZE + len(encoded)
        if session is not None:
            header.session_id = session.session_id
            header.tree_id = tree.tree_id if tree is not None else 0
        wanted = session is not None and session.signing_required if sign is None else sign
        request.is_encrypted = sealing
        request.is_signed = wanted and not sealing
        request.plain = self._protect(header, encoded, session if request.is_signed else None)

    def _header(self, request: ClientRequest, *, follows: bool) -> Header:
        known = self.negotiated
        counted = known is not None and known.supports_multi_credit
        wanted = request.credit_charge + max(0, self.credit_target - self.credits)
        return Header(
            command=request.command,
            message_id=request.message_id,
            credit_charge=request.credit_charge if counted else 0,
            credits=min(wanted, _MAX_CREDITS),
            flags=c.SMB2_FLAGS_RELATED_OPERATIONS if follows else 0,
        )

    def _protect(self, header: Header, body: bytes, signing: ClientSession | None) -> bytes:
        """Return header and body, signed with the key of the session *signing*, if any."""
        if signing is None:
            return header.encode() + body
        if signing.signer is None:
            raise LocalError("this session has no key to sign with")
        header.flags |= c.SMB2_FLAGS_SIGNED
        plain = header.encode() + body
        signature = signing.signer.sign(
            plain,
            header.message_id,
            from_server=False,
            cancel=header.command == c.SMB2_CANCEL,
        )
        return plain[:SIGNATURE_AT] + signature + body

    # Answers

    def feed(self, message: Buffer) -> list[Response]:
        """Return the answers in *message*: none where it only says that one will come.

        Raises Malformed or ProtocolViolation; the connection is of no more use then. The bodies
        are views of *message*, which is decrypted in place where it can be written, and else
        copied.
        """
        view = memoryview(message)
        first = view[0] if view else 0
        if first in _FOREIGN:
            raise ProtocolViolation(_FOREIGN[first])
        if first != _TRANSFORM_FIRST_BYTE:
            return [r for part in split_compound(view) if (r := self._take(part, None))]
        session_id = transform_session_id(message)
        session = self.session_table.get(session_id)
        if session is None or session.server_to_client is None:
            raise ProtocolViolation("an encrypted message names no session with keys")
        view = session.server_to_client.open(message)
        return [r for part in split_compound(view) if (r := self._take(part, session))]

    def _take(self, message: memoryview, sealed_by: ClientSession | None) -> Response | None:
        """Take one response through the steps of [MS-SMB2] 3.2.5.1; None for an interim one."""
        header = Header.decode(message)
        if not header.flags & c.SMB2_FLAGS_SERVER_TO_REDIR:
            raise ProtocolViolation("the server sent a request")
        if sealed_by is not None and header.session_id != sealed_by.session_id:
            raise ProtocolViolation("the encrypted message belongs to another session")
        self.credits = min(self.credits + header.credits, _MAX_CREDITS)
        if header.message_id == c.UNSOLICITED_MESSAGE_ID:
            return self._unsolicited(header, message, sealed_by)
        request = self._find(header)
        if header.status == STATUS_PENDING:
            note_pending(request, header)
            return None
        check_protection(request, header, message, sealed_by)
        body = decode_body(header, message)
        del self.outstanding_requests[request.message_id]
        response = Response(header, body, message, request, sealed_by is not None)
        self._act_on(request, response)
        return response

    def _unsolicited(
        self, header: Header, message: memoryview, sealed_by: ClientSession | None
    ) -> Response:
        if header.command not in _UNSOLICITED:
            name = c.command_name(header.command)
            raise ProtocolViolation(f"the server sent {name} without having been asked")
        body = decode_response(header, message)
        return Response(header, body, message, None, sealed_by is not None)

    def _find(self, header: Header) -> ClientRequest:
        request = self.outstanding_requests.get(header.message_id)
        if request is None:
            raise ProtocolViolation(f"nobody waits for an answer to message {header.message_id}")
        if request.command != header.command:
            asked, got = c.command_name(request.command), c.command_name(header.command)
            raise ProtocolViolation(f"the server answered {asked} with {got}")
        return request

    def _act_on(self, request: ClientRequest, response: Response) -> None:
        """Let an answer change the state of connection, session or tree."""
        body, session = response.body, request.session
        if isinstance(body, NegotiateResponse):
            self._take_negotiate(request, response, body)
        elif request.ctl_code == c.FSCTL_VALIDATE_NEGOTIATE_INFO:
            check_validation(self._need_negotiated(), response)
        elif session is None:
            return
        elif request.command == c.SMB2_SESSION_SETUP:
            self._take_session_setup(request, session, response)
        elif isinstance(body, TreeConnectResponse):
            self._take_tree(request, session, response.header.tree_id, body)
        elif request.command == c.SMB2_TREE_DISCONNECT and request.tree is not None:
            session.tree_connect_table.pop(request.tree.tree_id, None)
        elif request.command == c.SMB2_LOGOFF:
            session.state = SessionState.CLOSED
            self.session_table.pop(session.session_id, None)

    def _take_negotiate(
        self, request: ClientRequest, response: Response, body: NegotiateResponse
    ) -> None:
        self.negotiated = judge_answer(self.offer, body, multi_protocol=self._multi_protocol)
        self.preauth = PreauthIntegrity()
        self.preauth.update(request.plain)
        self.preauth.update(response.message)

    def _take_session_setup(
        self, request: ClientRequest, session: ClientSession, response: Response
    ) -> None:
        if session.state is not SessionState.IN_PROGRESS:
            return
        header, body = response.header, response.body
        if not isinstance(body, SessionSetupResponse):
            session.state = SessionState.CLOSED
            return
        if not header.session_id or session.session_id not in (0, header.session_id):
            raise ProtocolViolation(f"the session's id became {header.session_id:#x}")
        other = self.session_table.get(header.session_id)
        if other is not None:
            raise ProtocolViolation(f"the server gave session id {header.session_id:#x} twice")
        session.session_id = header.session_id
        session.session_flags = body.session_flags
        if header.status == STATUS_MORE_PROCESSING_REQUIRED:
            session.preauth.update(response.message)
        else:
            session.state = SessionState.ACCEPTED
            session.final_response = header, bytes(response.message)

    def _take_tree(
        self,
        request: ClientRequest,
        session: ClientSession,
        tree_id: int,
        body: TreeConnectResponse,
    ) -> None:
        tree = ClientTree(
            session,
            request.path,
            tree_id,
            body.share_type,
            body.share_flags,
            body.capabilities,
            body.maximal_access,
        )
        can_encrypt = session.client_to_server is not None
        tree.encrypt_data = can_encrypt and bool(body.share_flags & c.SMB2_SHAREFLAG_ENCRYPT_DATA)
        session.tree_connect_table[tree_id] = tree
        request.tree = tree
