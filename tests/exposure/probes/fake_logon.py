"""A server of SMB 2.1 that lets nobody in, or everybody, as a test says; one connection at once."""

from __future__ import annotations

from dataclasses import dataclass, field

from nethood.auth.ntlm_messages import (
    AuthenticateMessage,
    ChallengeMessage,
    NegotiateFlags,
    encode_av_pairs,
)
from nethood.auth.spnego_tokens import (
    NTLMSSP_OID,
    NegTokenResp,
    encode_neg_token_init_2,
    encode_neg_token_resp,
)
from nethood.erref import (
    STATUS_ACCESS_DENIED,
    STATUS_MORE_PROCESSING_REQUIRED,
    STATUS_OBJECT_NAME_NOT_FOUND,
    STATUS_SUCCESS,
)
from nethood.errors import Error
from nethood.smb2 import constants as c
from nethood.smb2.close import CloseResponse
from nethood.smb2.create import CreateRequest, CreateResponse
from nethood.smb2.header import HEADER_SIZE, Header
from nethood.smb2.negotiate import NegotiateResponse
from nethood.smb2.session_setup import SessionSetupRequest, SessionSetupResponse
from nethood.smb2.simple import LogoffResponse, TreeDisconnectResponse
from nethood.smb2.tree_connect import TreeConnectRequest, TreeConnectResponse
from nethood.text import encode_utf16
from tests.exposure.probes.fake_smb import error_body

AUTHENTICATE = b"NTLMSSP\0\3\0\0\0"
SESSION_ID = 0x4142


@dataclass
class LogonServer:
    """What it answers to whom; `users` are those that asked, in order."""

    nobody: tuple[int, int] = (STATUS_SUCCESS, c.SMB2_SESSION_FLAG_IS_NULL)
    """(status, SessionFlags) for an empty user; likewise `guest` for the user guest."""
    guest: tuple[int, int] = (STATUS_SUCCESS, c.SMB2_SESSION_FLAG_IS_GUEST)
    ipc: int = STATUS_SUCCESS
    pipes: dict[str, int] = field(default_factory=lambda: {"srvsvc": STATUS_ACCESS_DENIED})
    hangs_at: dict[int, Error] = field(default_factory=dict)
    """Command -> what the stream raises instead of an answer."""
    users: list[str] = field(default_factory=list)
    commands: list[int] = field(default_factory=list)

    def __call__(self, request: bytes) -> bytes | Error:
        command = Header.decode(request).command
        self.commands.append(command)
        if command in self.hangs_at:
            return self.hangs_at[command]
        if command == c.SMB2_NEGOTIATE:
            return reply(request, STATUS_SUCCESS, greeting())
        if command == c.SMB2_SESSION_SETUP:
            return self._session_setup(request)
        status, body = self._answer(command, request)
        return reply(request, status, body if status == STATUS_SUCCESS else error_body())

    def _session_setup(self, request: bytes) -> bytes:
        token = bytes(SessionSetupRequest.decode(request, HEADER_SIZE).security_buffer)
        start = token.find(AUTHENTICATE)
        if start < 0:
            body = SessionSetupResponse(security_buffer=challenge()).encode()
            return reply(request, STATUS_MORE_PROCESSING_REQUIRED, body)
        message = AuthenticateMessage.decode(token[start:])
        user = bytes(message.user_name).decode("utf-16-le")
        self.users.append(user)
        status, flags = self.guest if user else self.nobody
        if status != STATUS_SUCCESS:
            return reply(request, status, error_body())
        return reply(request, status, SessionSetupResponse(session_flags=flags).encode())

    def _answer(self, command: int, request: bytes) -> tuple[int, bytes]:
        if command == c.SMB2_TREE_CONNECT:
            path = TreeConnectRequest.decode(request).path
            assert bytes(path) == encode_utf16(r"\\192.0.2.7\IPC$")
            return self.ipc, TreeConnectResponse(share_type=2, maximal_access=0x1F).encode()
        if command == c.SMB2_CREATE:
            name = bytes(CreateRequest.decode(request, HEADER_SIZE).name).decode("utf-16-le")
            status = self.pipes.get(name, STATUS_OBJECT_NAME_NOT_FOUND)
            return status, CreateResponse(persistent=1, volatile=1).encode()
        bodies = {
            c.SMB2_CLOSE: CloseResponse(),
            c.SMB2_LOGOFF: LogoffResponse(),
            c.SMB2_TREE_DISCONNECT: TreeDisconnectResponse(),
        }
        return STATUS_SUCCESS, bodies[command].encode()


def reply(request: bytes, status: int, body: bytes) -> bytes:
    """Return an answer with the session and tree of the request, granting credits."""
    asked = Header.decode(request)
    header = Header(
        command=asked.command,
        status=status,
        flags=c.SMB2_FLAGS_SERVER_TO_REDIR,
        message_id=asked.message_id,
        session_id=SESSION_ID if asked.command != c.SMB2_NEGOTIATE else 0,
        tree_id=1 if asked.command >= c.SMB2_TREE_CONNECT else 0,
        credits=8,
    )
    return header.encode() + body


def greeting() -> bytes:
    """Return a NEGOTIATE answer in SMB 2.1."""
    return NegotiateResponse(
        dialect_revision=c.DIALECT_2_1,
        security_mode=c.SMB2_NEGOTIATE_SIGNING_ENABLED,
        security_buffer=encode_neg_token_init_2([NTLMSSP_OID]),
        max_transact_size=65536,
        max_read_size=65536,
        max_write_size=65536,
    ).encode()


def challenge() -> bytes:
    """Return the server's token: an NTLM challenge."""
    flags = NegotiateFlags.UNICODE | NegotiateFlags.NTLM | NegotiateFlags.TARGET_INFO
    message = ChallengeMessage(
        negotiate_flags=flags,
        target_name=encode_utf16("FILES"),
        target_info=encode_av_pairs([]),
    )
    return encode_neg_token_resp(NegTokenResp(1, NTLMSSP_OID, message.encode()))
