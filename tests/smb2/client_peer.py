"""What a client talks to in tests: our own server in memory, or answers made up field by field."""

from __future__ import annotations

from typing import Any

from nethood.auth.initiator import Credentials, Initiator
from nethood.erref import STATUS_SUCCESS
from nethood.smb2 import constants as c
from nethood.smb2.client import (
    ClientConnection,
    ClientRequest,
    ClientSession,
    ClientTree,
    Offer,
    Response,
)
from nethood.smb2.header import Header
from nethood.smb2.messages import Message
from nethood.smb2.negotiate import NegotiateResponse
from nethood.smb2.negotiate_contexts import PreauthIntegrityCapabilities
from tests.server.client import Link
from tests.server.harness import Harness

GUID = bytes(range(16))
ALICE = Credentials("alice", "secret")


class Client:
    """A connection to a server in memory; every question gets its answer at once."""

    def __init__(self, harness: Harness, **offer: Any) -> None:
        self.link: Link = harness.connect().link
        self.connection = ClientConnection(GUID, b"salt" * 8, Offer(**offer))
        self.session: ClientSession | None = None

    def ask(self, request: ClientRequest) -> Response:
        """Send a request and return its answer."""
        self.send(request.message)
        found = [answer for answer in self.receive() if answer.request is request]
        assert len(found) == 1, "no answer"
        return found[0]

    def send(self, message: bytes) -> None:
        """Send a message."""
        self.link.send(len(message).to_bytes(4, "big") + message)

    def receive(self) -> list[Response]:
        """Return all answers that are there."""
        answers: list[Response] = []
        while (frame := self.link.receive()) is not None:
            answers += self.connection.feed(frame[4:])
        return answers

    def logon(self, credentials: Credentials = ALICE) -> ClientSession:
        """Negotiate and log on."""
        connection = self.connection
        if connection.negotiated is None:
            self.ask(connection.negotiate())
        initiator = Initiator(credentials, random=bytes, now=lambda: 0)
        session = connection.new_session()
        answer = self.ask(connection.session_setup(session, initiator.first()))
        token = initiator.step(bytes(answer.body.security_buffer))
        answer = self.ask(connection.session_setup(session, token))
        assert answer.status == STATUS_SUCCESS
        initiator.finish(bytes(answer.body.security_buffer))
        connection.establish(session, initiator.session_key)
        self.session = session
        return session

    def tree(self, share: str = "public") -> ClientTree:
        """Connect to a share, logging on first where that is to be done."""
        session = self.session or self.logon()
        request = self.connection.tree_connect(session, rf"\\srv\{share}")
        assert self.ask(request).status == STATUS_SUCCESS
        assert request.tree is not None
        return request.tree


def answer(request: ClientRequest, body: Message, **fields: Any) -> bytes:
    """Return an unsigned answer to *request* with the header's *fields*."""
    header = Header(
        command=fields.pop("command", request.command),
        message_id=fields.pop("message_id", request.message_id),
        flags=fields.pop("flags", c.SMB2_FLAGS_SERVER_TO_REDIR),
        credits=fields.pop("credits", 1),
        **fields,
    )
    return header.encode() + body.encode()


def negotiate_answer(dialect: int = c.DIALECT_3_1_1, **fields: Any) -> NegotiateResponse:
    """Return a NEGOTIATE response as a plain server gives it."""
    contexts = fields.pop("contexts", None)
    if contexts is None and dialect == c.DIALECT_3_1_1:
        contexts = [PreauthIntegrityCapabilities([c.SHA_512], b"s" * 32)]
    sizes = {"max_transact_size": 65536, "max_read_size": 65536, "max_write_size": 65536}
    known: dict[str, Any] = {"security_mode": 1, "server_guid": GUID, **sizes, **fields}
    return NegotiateResponse(dialect_revision=dialect, contexts=contexts or [], **known)
