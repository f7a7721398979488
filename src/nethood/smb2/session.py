"""The state per user and per share: Session and TreeConnect ([MS-SMB2] 3.3.1.8, 3.3.1.9).

What an Open is, the file server decides; the tables here only hold it under its volatile id.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any

from nethood.smb2.preauth import PreauthIntegrity

if TYPE_CHECKING:
    from nethood.crypto.sealing import Sealer
    from nethood.crypto.signing import Signer


class SessionState(Enum):
    """Session.State ([MS-SMB2] 3.3.1.8)."""

    IN_PROGRESS = "in progress"
    VALID = "valid"
    EXPIRED = "expired"


class TreeConnect:
    """One connected share of one session ([MS-SMB2] 3.3.1.9)."""

    __slots__ = ("encrypt_data", "files", "maximal_access", "session", "share", "tree_id")

    def __init__(self, session: Session, tree_id: int, share: Any, maximal_access: int) -> None:
        self.session = session
        self.tree_id = tree_id
        self.share = share
        self.maximal_access = maximal_access
        self.encrypt_data = False
        self.files: Any = None
        """What the file server keeps of the share's open files."""


class Session:
    """One authenticated user of one connection, with the keys made for it.

    `encrypt_data` and `signing_required` say what every request must be; `open_table` and
    `tree_connect_table` are keyed by the volatile FileId and the TreeId.
    """

    __slots__ = (
        "acceptor",
        "account",
        "client_to_server",
        "created_at",
        "encrypt_data",
        "encryption_used",
        "expires_at",
        "is_anonymous",
        "is_protected",
        "is_ready",
        "mechanism",
        "nonce_counter",
        "open_table",
        "preauth",
        "server_to_client",
        "session_id",
        "session_key",
        "signer",
        "signing_required",
        "state",
        "tree_connect_table",
    )

    def __init__(self, session_id: int, preauth: PreauthIntegrity | None) -> None:
        self.session_id = session_id
        self.state = SessionState.IN_PROGRESS
        self.preauth = preauth
        self.account: Any = None
        self.acceptor: Any = None
        self.mechanism = ""
        self.is_anonymous = False
        self.is_ready = False
        """Valid for good: `state` and `expires_at` need no look."""
        self.is_protected = False
        """Wanting signatures or encryption."""
        self.session_key = b""
        self.signer: Signer | None = None
        self.signing_required = False
        self.encrypt_data = False
        self.encryption_used = False
        self.client_to_server: Sealer | None = None
        self.server_to_client: Sealer | None = None
        self.nonce_counter = 0
        self.expires_at: float | None = None
        self.created_at = 0.0
        self.tree_connect_table: dict[int, TreeConnect] = {}
        self.open_table: dict[int, Any] = {}

    def next_nonce(self) -> int:
        """Return a nonce counter that this session's keys have not seen yet."""
        self.nonce_counter += 1
        return self.nonce_counter
