"""A small SMB2 client for tests, on the project's own message classes: one call, one answer.

It is strict where a real client may be: every answer's signature is verified, an answer that should
be protected and is not fails the test, and so does a repeated nonce. How bytes travel is a Link's
business: in memory, or over a socket.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import spnego

from nethood import erref
from nethood.crypto.kdf import derive_keys, smb2_session_key
from nethood.crypto.sealing import Sealer
from nethood.crypto.signing import Signer, make_signer
from nethood.smb2 import constants as c
from nethood.smb2.header import HEADER_SIZE, Header, split_compound
from nethood.smb2.messages import Message, decode_response
from nethood.smb2.negotiate import NegotiateRequest, NegotiateResponse
from nethood.smb2.negotiate_contexts import (
    EncryptionCapabilities,
    NegotiateContext,
    PreauthIntegrityCapabilities,
    SigningCapabilities,
)
from nethood.smb2.preauth import PreauthIntegrity
from nethood.smb2.session_setup import SessionSetupRequest, SessionSetupResponse
from nethood.smb2.tree_connect import TreeConnectRequest, TreeConnectResponse
from nethood.text import encode_utf16

DIALECTS = (0x0202, 0x0210, 0x0300, 0x0302, 0x0311)
GUID = bytes(range(16))


class Link(Protocol):
    """How frames travel; both ways with the four-byte prefix of direct TCP."""

    def send(self, frame: bytes) -> None:
        """Send a frame."""

    def receive(self) -> bytes | None:
        """Return the next frame, None where there is none (or will be none)."""


@dataclass(slots=True)
class Reply:
    """One response: header, body, its bytes, and how it was protected."""

    header: Header
    body: Any
    raw: bytes
    is_encrypted: bool

    @property
    def status(self) -> int:
        return self.header.status

    @property
    def is_signed(self) -> bool:
        return self.header.flags & c.SMB2_FLAGS_SIGNED != 0

    @property
    def is_async(self) -> bool:
        return self.header.flags & c.SMB2_FLAGS_ASYNC_COMMAND != 0


@dataclass(slots=True)
class ClientSession:
    """What the client knows of one session. `sign` and `encrypt` say how it sends."""

    session_id: int
    signer: Signer
    client_to_server: Sealer | None = None
    server_to_client: Sealer | None = None
    sign: bool = True
    encrypt: bool = False
    must_be_protected: bool = True
    tree_id: int = 0
    nonce: int = 0
    nonces: set[bytes] = field(default_factory=set)


@dataclass(slots=True)
class Element:
    """One element of a compound; related ones take ids from the element before."""

    command: int
    body: Message
    related: bool = False
    session_id: int | None = None
    tree_id: int | None = None
    sign: bool | None = None


@dataclass(slots=True)
class Login:
    """A login whose last token is on its way."""

    message_id: int
    session_id: int
    context: Any
    preauth: PreauthIntegrity
    again: bool


def default_contexts(
    ciphers: Sequence[int] = (c.AES_128_GCM,), signing: Sequence[int] = (c.SIGNING_AES_GMAC,)
) -> list[NegotiateContext]:
    """Return what a 3.1.1 client offers; an empty sequence leaves that context out."""
    contexts: list[NegotiateContext] = [PreauthIntegrityCapabilities([c.SHA_512], b"s" * 32)]
    if ciphers:
        contexts.append(EncryptionCapabilities(list(ciphers)))
    if signing:
        contexts.append(SigningCapabilities(list(signing)))
    return contexts


class Connection:
    """One connection, its sessions, and the message ids it may use."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.message_id = 0
        self.credits = 1
        self.dialect = 0
        self.cipher = 0
        self.signing_algorithm = c.SIGNING_AES_CMAC
        self.preauth = PreauthIntegrity()
        self.hint = b""
        self.capabilities = 0
        self.security_mode = c.SMB2_NEGOTIATE_SIGNING_ENABLED
        self.client_capabilities = c.SMB2_GLOBAL_CAP_ENCRYPTION | c.SMB2_GLOBAL_CAP_LARGE_MTU
        self.dialects: list[int] = []
        self.sessions: dict[int, ClientSession] = {}
        self.session: ClientSession | None = None
        self.unread: list[Reply] = []
        self.pending: list[Reply] = []

    # Sending

    def encode(
        self, element: Element, message_id: int, *, credits_wanted: int, charge: int
    ) -> Header:
        """Return the header of *element*."""
        session = self.session
        header = Header(
            command=element.command,
            message_id=message_id,
            credits=credits_wanted,
            credit_charge=charge if self.dialect > c.DIALECT_2_0_2 else 0,
            session_id=session.session_id if session else 0,
            tree_id=session.tree_id if session else 0,
        )
        if element.related:
            header.flags |= c.SMB2_FLAGS_RELATED_OPERATIONS
            header.session_id, header.tree_id = c.RELATED_SESSION_ID, c.RELATED_TREE_ID
        if element.session_id is not None:
            header.session_id = element.session_id
        if element.tree_id is not None:
            header.tree_id = element.tree_id
        return header

    def take_ids(self, charge: int) -> int:
        """Use up *charge* message ids; return the first. The server must have granted them."""
        assert charge <= self.credits, f"{charge} credits needed, {self.credits} there"
        first = self.message_id
        self.message_id += charge
        self.credits -= charge
        return first

    def send_chain(
        self,
        elements: Sequence[Element],
        *,
        credits_wanted: int = 64,
        charge: int = 1,
        message_id: int | None = None,
        encrypt: bool | None = None,
    ) -> list[int]:
        """Send *elements* as one frame; return their message ids."""
        ids = []
        parts = []
        for index, element in enumerate(elements):
            own_id = self.take_ids(charge) if message_id is None else message_id + index
            ids.append(own_id)
            header = self.encode(element, own_id, credits_wanted=credits_wanted, charge=charge)
            body = element.body.encode()
            if index + 1 < len(elements):
                body += bytes(-len(body) % 8)
                header.next_command = HEADER_SIZE + len(body)
            parts.append(self.protect(header, body, element.sign))
        self.send_message(b"".join(parts), encrypt)
        return ids

    def protect(self, header: Header, body: bytes, sign: bool | None) -> bytes:
        """Return one message, signed where the session or *sign* says so."""
        session = self.sessions.get(header.session_id, self.session)
        wanted = session is not None and session.sign and not session.encrypt
        if session is None or not (wanted if sign is None else sign):
            return header.encode() + body
        header.flags |= c.SMB2_FLAGS_SIGNED
        message = header.encode() + body
        header.signature = session.signer.sign(
            message,
            header.message_id,
            from_server=False,
            cancel=header.command == c.SMB2_CANCEL,
        )
        return header.encode() + body

    def send_message(self, message: bytes, encrypt: bool | None = None) -> None:
        """Send a message or compound, encrypted where the session or *encrypt* says so."""
        session = self.session
        if session is not None and (session.encrypt if encrypt is None else encrypt):
            assert session.client_to_server is not None
            session.nonce += 1
            message = bytes(
                session.client_to_server.seal(message, session.session_id, session.nonce)
            )
        self.link.send(len(message).to_bytes(4, "big") + message)

    def send(self, command: int, body: Message, *, sign: bool | None = None, **how: Any) -> int:
        """Send one request; return its message id."""
        ids: dict[str, Any] = {k: how.pop(k) for k in ("session_id", "tree_id") if k in how}
        return self.send_chain([Element(command, body, sign=sign, **ids)], **how)[0]

    # Receiving

    def receive(self) -> bool:
        """Take in the next frame; tell whether there was one."""
        frame = self.link.receive()
        if frame is None:
            return False
        assert int.from_bytes(frame[:4], "big") == len(frame) - 4, "the prefix is wrong"
        message = memoryview(frame)[4:]
        encrypted = bytes(message[:4]) == b"\xfdSMB"
        if encrypted:
            message = self.decrypt(message)
        for part in split_compound(message):
            self.take(bytes(part), encrypted)
        return True

    def decrypt(self, frame: memoryview) -> memoryview:
        """Open an encrypted frame, whose nonce must be a new one."""
        session = self.sessions[int.from_bytes(frame[44:52], "little")]
        nonce = bytes(frame[20:36])
        assert nonce not in session.nonces, "a nonce was used twice"
        session.nonces.add(nonce)
        assert session.server_to_client is not None
        return session.server_to_client.open(frame)

    def take(self, raw: bytes, encrypted: bool) -> None:
        """Check one response and keep it."""
        header = Header.decode(raw)
        assert header.flags & c.SMB2_FLAGS_SERVER_TO_REDIR
        reply = Reply(header, decode_response(header, raw), raw, encrypted)
        self.check_protection(reply)
        self.credits += header.credits
        if header.status == erref.STATUS_PENDING:
            assert reply.is_async
            self.pending.append(reply)
        else:
            self.unread.append(reply)

    def check_protection(self, reply: Reply) -> None:
        """A signature is right; what must be signed or encrypted is."""
        header = reply.header
        session = self.sessions.get(header.session_id)
        if session is None or reply.is_encrypted:
            return
        if header.status == erref.STATUS_USER_SESSION_DELETED:  # and its keys with it
            return
        if reply.is_signed:
            assert session.signer.verify(reply.raw, header.message_id, from_server=True)
        elif session.must_be_protected and header.command > c.SMB2_SESSION_SETUP:
            assert header.status == erref.STATUS_PENDING, "an answer without protection"

    def find(self, message_id: int) -> Reply | None:
        """Return the final answer to a message, None where it has not come."""
        while True:
            for reply in self.unread:
                if reply.header.message_id == message_id:
                    self.unread.remove(reply)
                    return reply
            if not self.receive():
                return None

    def wait(self, message_id: int, status: int | None = erref.STATUS_SUCCESS) -> Reply:
        """Return the final answer to a message, which must have *status* unless that is None."""
        reply = self.find(message_id)
        assert reply is not None, f"no answer to message {message_id}"
        if status is not None:
            found = erref.status_name(reply.status)
            assert reply.status == status, f"{found}, expected {erref.status_name(status)}"
        return reply

    def call(
        self,
        command: int,
        body: Message,
        *,
        status: int | None = erref.STATUS_SUCCESS,
        **how: Any,
    ) -> Reply:
        """Send one request and return its final answer, which must have *status*."""
        return self.wait(self.send(command, body, **how), status)

    def chain(self, *elements: Element, **how: Any) -> list[Reply]:
        """Send a compound and return the answers to its elements."""
        return [self.wait(i, None) for i in self.send_chain(elements, **how)]

    # Connecting

    def negotiate(
        self,
        *dialects: int,
        contexts: list[NegotiateContext] | None = None,
        status: int | None = erref.STATUS_SUCCESS,
    ) -> Reply:
        """Negotiate, offering *dialects*, or all."""
        self.dialects = list(dialects or DIALECTS)
        if contexts is None:
            contexts = default_contexts() if c.DIALECT_3_1_1 in self.dialects else []
        request = NegotiateRequest(
            self.dialects, self.security_mode, self.client_capabilities, GUID, contexts
        )
        preauth = PreauthIntegrity()
        header = Header(command=c.SMB2_NEGOTIATE, message_id=self.take_ids(1), credits=1)
        raw = header.encode() + request.encode()
        preauth.update(raw)
        self.send_message(raw)
        reply = self.wait(header.message_id, status)
        if isinstance(reply.body, NegotiateResponse):
            preauth.update(reply.raw)
            self.preauth = preauth
            self.negotiated(reply.body)
        return reply

    def negotiated(self, answer: NegotiateResponse) -> None:
        """Note what was agreed on."""
        self.dialect = answer.dialect_revision
        self.hint = bytes(answer.security_buffer)
        self.capabilities = answer.capabilities
        if self.dialect in (c.DIALECT_3_0, c.DIALECT_3_0_2):
            encrypts = answer.capabilities & c.SMB2_GLOBAL_CAP_ENCRYPTION
            self.cipher = c.AES_128_CCM if encrypts else 0
        for context in answer.contexts:
            if isinstance(context, EncryptionCapabilities):
                (self.cipher,) = context.ciphers
            elif isinstance(context, SigningCapabilities):
                (self.signing_algorithm,) = context.signing_algorithms

    def begin_login(
        self,
        user: str = "alice",
        password: str = "secret",
        *,
        previous_session_id: int = 0,
        again: ClientSession | None = None,
        protocol: str = "negotiate",
    ) -> Login:
        """Log in up to the last token; `finish_login` takes the answer to it."""
        context: Any = spnego.client(user, password, hostname="srv", protocol=protocol)
        preauth = self.preauth.fork()
        session_id = again.session_id if again else 0
        token = context.step(self.hint if protocol == "negotiate" else None)
        first = self.setup(token, session_id, previous_session_id, preauth)
        reply = self.wait(first, erref.STATUS_MORE_PROCESSING_REQUIRED)
        preauth.update(reply.raw)
        session_id = reply.header.session_id
        token = context.step(bytes(reply.body.security_buffer))
        last = self.setup(token, session_id, previous_session_id, preauth)
        return Login(last, session_id, context, preauth, again is not None)

    def setup(
        self, token: bytes | None, session_id: int, previous: int, preauth: PreauthIntegrity
    ) -> int:
        """Send a SESSION_SETUP; return its message id."""
        header = Header(
            command=c.SMB2_SESSION_SETUP,
            message_id=self.take_ids(1),
            credits=64,
            credit_charge=1 if self.dialect > c.DIALECT_2_0_2 else 0,
            session_id=session_id,
        )
        request = SessionSetupRequest(
            security_mode=self.security_mode,
            previous_session_id=previous,
            security_buffer=token or b"",
        )
        raw = header.encode() + request.encode()
        preauth.update(raw)
        self.link.send(len(raw).to_bytes(4, "big") + raw)
        return header.message_id

    def finish_login(self, login: Login, status: int = erref.STATUS_SUCCESS) -> Reply:
        """Take the answer to the last token; where it is a success, the session is in place."""
        reply = self.wait(login.message_id, status)
        if not isinstance(reply.body, SessionSetupResponse):
            return reply
        if reply.body.security_buffer:
            login.context.step(bytes(reply.body.security_buffer))
        assert login.context.complete
        if login.again:
            return reply
        session = self.new_session(login)
        assert reply.is_signed
        assert session.signer.verify(reply.raw, reply.header.message_id, from_server=True)
        session.encrypt = reply.body.session_flags & c.SMB2_SESSION_FLAG_ENCRYPT_DATA != 0
        self.sessions[session.session_id] = self.session = session
        return reply

    def new_session(self, login: Login) -> ClientSession:
        """Derive the keys of a session."""
        gss_key = bytes(login.context.session_key)
        keys = derive_keys(
            self.dialect, smb2_session_key(gss_key), gss_key, login.preauth.value, self.cipher
        )
        session = ClientSession(
            login.session_id, make_signer(self.dialect, self.signing_algorithm, keys.signing_key)
        )
        if self.cipher:
            session.client_to_server = Sealer(self.cipher, keys.client_to_server_key)
            session.server_to_client = Sealer(self.cipher, keys.server_to_client_key)
        return session

    def login(
        self, user: str = "alice", password: str = "secret", *, status: int = 0, **how: Any
    ) -> Reply:
        """Log in; the new session is the current one."""
        return self.finish_login(self.begin_login(user, password, **how), status)

    def tree_connect(self, share: str = "public", *, status: int = 0, **how: Any) -> Reply:
        """Connect to a share; its tree is the session's current one."""
        request = TreeConnectRequest(encode_utf16(f"\\\\srv\\{share}"))
        reply = self.call(c.SMB2_TREE_CONNECT, request, status=status, **how)
        if isinstance(reply.body, TreeConnectResponse):
            assert self.session is not None
            self.session.tree_id = reply.header.tree_id
        return reply
