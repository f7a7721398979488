"""What a client keeps of sessions, trees and requests: [MS-SMB2] 3.2.1.3, 3.2.1.4, 3.2.1.7."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from nethood.crypto.kdf import derive_keys, smb2_session_key
from nethood.crypto.sealing import Sealer
from nethood.crypto.signing import Signer, make_signer
from nethood.errors import LocalError, ProtocolViolation
from nethood.smb2 import constants as c
from nethood.smb2.client_negotiation import Negotiated
from nethood.smb2.header import Header
from nethood.smb2.preauth import PreauthIntegrity


class SessionState(Enum):
    """How far a session has come."""

    IN_PROGRESS = "in progress"
    ACCEPTED = "accepted"
    """The server said yes; its signature on that waits for the session key."""
    VALID = "valid"
    CLOSED = "closed"


@dataclass(eq=False, slots=True)
class ClientTree:
    """A connected share, [MS-SMB2] 3.2.1.4; the fields of the TREE_CONNECT response as they came.

    *path* is ``\\\\server\\share``; *maximal_access* an access mask of [MS-SMB2] 2.2.13.1.
    """

    session: ClientSession
    path: str
    tree_id: int
    share_type: int
    share_flags: int
    capabilities: int
    maximal_access: int
    encrypt_data: bool = False


@dataclass(eq=False, slots=True)
class ClientSession:
    """One user's session, [MS-SMB2] 3.2.1.3. `session_id` is 0 until the server gave one."""

    preauth: PreauthIntegrity
    session_id: int = 0
    state: SessionState = SessionState.IN_PROGRESS
    session_flags: int = 0
    signing_required: bool = False
    encrypt_data: bool = False
    is_anonymous: bool = False
    application_key: bytes = field(default=b"", repr=False)
    tree_connect_table: dict[int, ClientTree] = field(default_factory=dict)
    signer: Signer | None = None
    client_to_server: Sealer | None = None
    server_to_client: Sealer | None = None
    final_response: tuple[Header, bytes] | None = field(default=None, repr=False)
    """The SESSION_SETUP response that said yes, until its signature has been looked at."""
    nonce_counter: int = 0

    @property
    def is_guest(self) -> bool:
        """Whether the server made a guest of the user."""
        return bool(self.session_flags & c.SMB2_SESSION_FLAG_IS_GUEST)

    @property
    def is_null(self) -> bool:
        """Whether the server says that nobody in particular is logged on."""
        return bool(self.session_flags & c.SMB2_SESSION_FLAG_IS_NULL)

    @property
    def is_keyless(self) -> bool:
        """Whether there is no secret behind the session's keys: they sign and seal nothing."""
        return self.is_guest or self.is_null or self.is_anonymous

    def next_nonce(self) -> int:
        """Return a nonce counter that this session's keys have not seen yet."""
        self.nonce_counter += 1
        return self.nonce_counter

    def derive(self, negotiated: Negotiated, gss_key: bytes) -> None:
        """Make the keys of the session from what the authentication yielded."""
        dialect, cipher = negotiated.dialect_revision, negotiated.encryption_cipher
        keys = derive_keys(dialect, smb2_session_key(gss_key), gss_key, self.preauth.value, cipher)
        self.application_key = keys.application_key
        self.signer = make_signer(dialect, negotiated.effective_signing_algorithm, keys.signing_key)
        if cipher:
            self.client_to_server = Sealer(cipher, keys.client_to_server_key)
            self.server_to_client = Sealer(cipher, keys.server_to_client_key)

    def begin_encryption(self) -> None:
        """Encrypt from now on where the server said so. Raises ProtocolViolation."""
        if not self.session_flags & c.SMB2_SESSION_FLAG_ENCRYPT_DATA:
            return
        if self.client_to_server is None:
            raise ProtocolViolation("the server wants encryption, and has agreed on no cipher")
        self.encrypt_data = True
        self.signing_required = False

    def seal(self, message: bytes) -> bytes:
        """Return *message* encrypted. Raises LocalError where the session has no cipher."""
        if self.client_to_server is None:
            raise LocalError("this session can't encrypt: the server and we share no cipher")
        return bytes(self.client_to_server.seal(message, self.session_id, self.next_nonce()))


@dataclass(eq=False, slots=True)
class ClientRequest:
    """A request that waits for its answer; `message` is what goes on the wire.

    `plain` is the same before encryption. `async_id` is set, and `is_pending`, once the server
    has said that the answer takes a while.
    """

    command: int
    message_id: int
    credit_charge: int
    session: ClientSession | None = None
    tree: ClientTree | None = None
    message: bytes = b""
    plain: bytes = b""
    is_signed: bool = False
    is_encrypted: bool = False
    is_pending: bool = False
    async_id: int = 0
    path: str = ""
    """Of a TREE_CONNECT: what it connects to."""
    ctl_code: int = 0
    """Of an IOCTL."""


@dataclass(eq=False, slots=True)
class Response:
    """The final answer to a request, or an unsolicited break (then *request* is None).

    *body* is of the class that belongs to command and status (`messages.decode_response`), an
    ErrorResponse for most errors. Its buffers, and *message*, are views of what was fed.
    """

    header: Header
    body: Any
    message: memoryview
    request: ClientRequest | None = None
    is_encrypted: bool = False

    @property
    def status(self) -> int:
        """The NTSTATUS."""
        return self.header.status

    @property
    def command(self) -> int:
        """The command answered."""
        return self.header.command

    @property
    def is_signed(self) -> bool:
        """Whether it came signed."""
        return bool(self.header.flags & c.SMB2_FLAGS_SIGNED)
