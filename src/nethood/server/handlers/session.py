"""SESSION_SETUP and LOGOFF: who is there, and with which keys ([MS-SMB2] 3.3.5.5, 3.3.5.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nethood.auth.acceptor import Acceptor
from nethood.auth.base import LogonRefused
from nethood.crypto.kdf import derive_keys, smb2_session_key
from nethood.crypto.sealing import Sealer
from nethood.crypto.signing import make_signer
from nethood.erref import (
    STATUS_ACCESS_DENIED,
    STATUS_INSUFFICIENT_RESOURCES,
    STATUS_MORE_PROCESSING_REQUIRED,
    STATUS_REQUEST_NOT_ACCEPTED,
    STATUS_USER_SESSION_DELETED,
)
from nethood.errors import ProtocolViolation, StatusError
from nethood.server.deferred import Deferred
from nethood.smb2.constants import (
    SMB2_NEGOTIATE_SIGNING_REQUIRED,
    SMB2_SESSION_FLAG_BINDING,
    SMB2_SESSION_FLAG_ENCRYPT_DATA,
)
from nethood.smb2.server import Request
from nethood.smb2.session import Session, SessionState
from nethood.smb2.session_setup import SessionSetupRequest, SessionSetupResponse

if TYPE_CHECKING:
    from nethood.server.connection import ClientConnection
    from nethood.server.results import Outcome

_LOGOFF_RESPONSE = b"\x04\x00\x00\x00"


def handle_session_setup(connection: ClientConnection, request: Request) -> Outcome:
    """Take one step of an authentication."""
    if not connection.negotiated:
        raise ProtocolViolation("SESSION_SETUP before NEGOTIATE")
    setup = SessionSetupRequest.decode(request.message, 64)
    if setup.flags & SMB2_SESSION_FLAG_BINDING:
        raise StatusError(STATUS_REQUEST_NOT_ACCEPTED)
    session = _session(connection, request)
    if session.preauth is not None and session.state is SessionState.IN_PROGRESS:
        session.preauth.update(request.message)
    if session.acceptor is None:
        session.acceptor = connection.server.new_acceptor()
    acceptor: Acceptor = session.acceptor
    try:
        token = acceptor.step(bytes(setup.security_buffer))
    except LogonRefused as refused:
        return _refuse(connection, request, session, refused)
    if not acceptor.complete:
        return STATUS_MORE_PROCESSING_REQUIRED, SessionSetupResponse(security_buffer=token).encode()
    session.acceptor = None
    return _complete(connection, request, session, acceptor, setup, token)


def _session(connection: ClientConnection, request: Request) -> Session:
    """Return the session a SESSION_SETUP is about, made where it names none."""
    core = connection.core
    if request.session_id:
        session = core.session_table.get(request.session_id)
        if session is None:
            raise StatusError(STATUS_USER_SESSION_DELETED)
        return session
    if len(core.session_table) >= connection.server.options.limits.sessions_per_connection:
        raise StatusError(STATUS_INSUFFICIENT_RESOURCES)
    preauth = core.preauth.fork() if core.preauth is not None else None
    session = Session(connection.server.new_session_id(), preauth)
    session.created_at = connection.loop_time()
    core.session_table[session.session_id] = session
    request.session = session
    request.session_id = session.session_id
    return session


def _refuse(
    connection: ClientConnection, request: Request, session: Session, refused: LogonRefused
) -> Deferred:
    """Answer a failed logon after the delay that slows guessing; end its session."""
    server = connection.server
    session.acceptor = None
    if session.state is SessionState.IN_PROGRESS:
        connection.core.session_table.pop(session.session_id, None)
        session.signer = None
    else:
        server.close_session(connection, session)
    delay = server.login_refused(connection, refused)
    deferred = Deferred(interim=False)
    server.call_later(delay, lambda: deferred.complete((refused.status, b"")))
    return deferred


def _complete(
    connection: ClientConnection,
    request: Request,
    session: Session,
    acceptor: Acceptor,
    setup: SessionSetupRequest,
    token: bytes,
) -> bytes:
    server, core = connection.server, connection.core
    again = session.state is not SessionState.IN_PROGRESS
    if again and acceptor.account != session.account:
        server.close_session(connection, session)
        raise StatusError(STATUS_ACCESS_DENIED)
    session.account = acceptor.account
    session.mechanism = acceptor.mechanism
    lifetime = server.options.session_lifetime_s
    session.expires_at = None if lifetime is None else connection.loop_time() + lifetime
    if not again:
        _make_keys(connection, session, acceptor.session_key)
        session.signing_required = (
            core.signing_required or setup.security_mode & SMB2_NEGOTIATE_SIGNING_REQUIRED != 0
        )
    session.state = SessionState.VALID
    session.is_ready = lifetime is None
    session.is_protected = session.signing_required or session.encrypt_data
    if setup.previous_session_id and setup.previous_session_id != session.session_id:
        server.close_previous_session(setup.previous_session_id, session)
    if not again:
        server.logged_in(connection, session, acceptor)
    request.session = session
    request.is_signed = session.signer is not None
    flags = SMB2_SESSION_FLAG_ENCRYPT_DATA if session.encrypt_data else 0
    return SessionSetupResponse(session_flags=flags, security_buffer=token).encode()


def _make_keys(connection: ClientConnection, session: Session, gss_key: bytes) -> None:
    """Derive the keys of a new session and prepare what signs and encrypts with them."""
    core = connection.core
    dialect, cipher = core.dialect, core.cipher
    preauth_hash = session.preauth.value if session.preauth is not None else b""
    session.session_key = smb2_session_key(gss_key)
    keys = derive_keys(dialect, session.session_key, gss_key, preauth_hash, cipher)
    session.preauth = None
    session.signer = make_signer(dialect, core.signing_algorithm, keys.signing_key)
    if cipher:
        session.client_to_server = Sealer(cipher, keys.client_to_server_key)
        session.server_to_client = Sealer(cipher, keys.server_to_client_key)
    if connection.server.options.encrypt:
        if not cipher:
            connection.core.session_table.pop(session.session_id, None)
            connection.server.refused(
                connection, "it can't encrypt, and this server requires encryption"
            )
            raise StatusError(STATUS_ACCESS_DENIED)
        session.encrypt_data = True


def handle_logoff(connection: ClientConnection, request: Request) -> bytes:
    """End the session and everything it holds; the answer is still signed with its key."""
    session = request.session
    assert session is not None
    connection.server.close_session(connection, session)
    return _LOGOFF_RESPONSE
