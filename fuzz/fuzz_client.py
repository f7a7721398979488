"""The client's half as a fuzz target: whatever a server says, it is taken, or refused by name.

Three states to start from: a connection that has asked to negotiate, one in the middle of a
logon, and one with a session and several questions under way. The session's answers need no
signature, so that mutated ones get past the door.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from nethood.auth.initiator import Credentials, Initiator
from nethood.auth.ntlm_messages import ChallengeMessage
from nethood.auth.spnego_tokens import ACCEPT_INCOMPLETE, NegTokenResp, encode_neg_token_resp
from nethood.errors import Malformed
from nethood.rpc.client import BindRefused, RpcClient
from nethood.rpc.pdu import BindAck, ContextResult, Ptype, encode_pdu
from nethood.rpc.srvsvc_client import SRVSVC_SYNTAX
from nethood.smb2 import constants as c
from nethood.smb2.client import ClientConnection, ClientSession, SessionState
from nethood.smb2.header import Header
from nethood.smb2.ioctl import IoctlResponse
from nethood.smb2.messages import RESPONSES, Message
from nethood.smb2.negotiate import NegotiateResponse
from nethood.smb2.negotiate_contexts import PreauthIntegrityCapabilities
from nethood.smb2.session_setup import SessionSetupResponse
from nethood.smb2.simple import EchoRequest

Target = tuple[str, Callable[[bytes], object], tuple[bytes, ...]]
"""A name, what to call, and seeds."""

_SESSION_ID: Final = 0x1001
_ASKED: Final = tuple(command for command in RESPONSES if command > c.SMB2_SESSION_SETUP)


def targets() -> Iterator[Target]:
    """Return the client's states, each with answers that get somewhere."""
    yield "smb2.client negotiating", _feed_negotiating, (_negotiate_answer(),)
    yield "smb2.client logging on", _feed_logging_on, (_setup_answer(),)
    yield "smb2.client with a session", _feed_session, tuple(_answers())
    yield "auth.initiator", _feed_initiator, (_challenge(),)
    bound = encode_pdu(
        Ptype.BIND_ACK, 1, BindAck(4280, 4280, 1, "\\PIPE\\srvsvc", [ContextResult(0)]).encode()
    )
    yield "rpc.client", _feed_rpc, (bound,)


def _feed_negotiating(data: bytes) -> object:
    connection = ClientConnection()
    connection.negotiate()
    return connection.feed(data)


def _negotiated() -> ClientConnection:
    connection = ClientConnection()
    connection.negotiate()
    connection.feed(_negotiate_answer())
    return connection


def _feed_logging_on(data: bytes) -> object:
    connection = _negotiated()
    session = connection.new_session()
    connection.session_setup(session, b"token")
    answers = connection.feed(data)
    if session.state is SessionState.ACCEPTED:
        connection.establish(session, bytes(16))
    return answers


def _feed_session(data: bytes) -> object:
    connection = _negotiated()
    session = ClientSession(connection.preauth, _SESSION_ID, SessionState.VALID)
    connection.session_table[_SESSION_ID] = session
    for command in _ASKED:
        connection.request(command, EchoRequest(), session=session)
    return connection.feed(data)


def _feed_initiator(data: bytes) -> object:
    initiator = Initiator(Credentials("u", "p"), random=bytes, now=lambda: 0)
    initiator.first()
    return initiator.step(data)


def _feed_rpc(data: bytes) -> object:
    client = RpcClient(SRVSVC_SYNTAX)
    client.bind()
    try:
        client.feed(data)
        return client.is_bound and client.feed(data)
    except BindRefused as refused:
        raise Malformed("bind", str(refused)) from refused


def _answer(command: int, message_id: int, body: Message, **fields: Any) -> bytes:
    header = Header(
        command=command,
        message_id=message_id,
        flags=c.SMB2_FLAGS_SERVER_TO_REDIR,
        credits=64,
        **fields,
    )
    return header.encode() + body.encode()


def _negotiate_answer() -> bytes:
    preauth = PreauthIntegrityCapabilities([c.SHA_512], bytes(32))
    body = NegotiateResponse(dialect_revision=c.DIALECT_3_1_1, contexts=[preauth])
    return _answer(c.SMB2_NEGOTIATE, 0, body)


def _setup_answer() -> bytes:
    body = SessionSetupResponse(session_flags=c.SMB2_SESSION_FLAG_IS_NULL)
    return _answer(c.SMB2_SESSION_SETUP, 1, body, session_id=_SESSION_ID)


def _answers() -> Iterator[bytes]:
    for index, command in enumerate(_ASKED):
        body: Any = IoctlResponse(output=bytes(24)) if command == c.SMB2_IOCTL else _body(command)
        if body is not None:
            yield _answer(command, 1 + index, body, session_id=_SESSION_ID)


def _body(command: int) -> Any:
    try:
        return RESPONSES[command]()
    except TypeError:  # a class with fields that have no default
        return None


def _challenge() -> bytes:
    message = ChallengeMessage(
        negotiate_flags=0xE2898215, server_challenge=bytes(8), target_info=bytes(4)
    ).encode()
    return encode_neg_token_resp(NegTokenResp(ACCEPT_INCOMPLETE, response_token=message))
