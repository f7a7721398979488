"""A whole server as a fuzz target: whatever arrives, it answers or drops, and never raises.

Three states to start from: a connection that has said nothing, one that has negotiated, and one
that is logged in and connected to a share. Messages for the last are signed after they have been
mutated, so that they get past the signature check and into the handlers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import TYPE_CHECKING, Any, cast

from nethood.auth.users import Account, MemoryUsers
from nethood.crypto.signing import HmacSha256Signer
from nethood.errors import StatusError
from nethood.server.connection import ClientConnection
from nethood.server.core import Clock, ServerCore
from nethood.server.options import Limits, Options, as_shares
from nethood.smb2 import constants as c
from nethood.smb2.change_notify import ChangeNotifyRequest
from nethood.smb2.close import CloseRequest
from nethood.smb2.create import CreateRequest
from nethood.smb2.header import Header
from nethood.smb2.ioctl import IoctlRequest
from nethood.smb2.lock import LockElement, LockRequest
from nethood.smb2.messages import Message
from nethood.smb2.negotiate import NegotiateRequest
from nethood.smb2.negotiate_contexts import (
    EncryptionCapabilities,
    NegotiateContext,
    PreauthIntegrityCapabilities,
    SigningCapabilities,
)
from nethood.smb2.query_directory import QueryDirectoryRequest
from nethood.smb2.query_info import QueryInfoRequest
from nethood.smb2.read import ReadRequest
from nethood.smb2.session import Session, SessionState
from nethood.smb2.session_setup import SessionSetupRequest
from nethood.smb2.set_info import SetInfoRequest
from nethood.smb2.simple import (
    CancelRequest,
    EchoRequest,
    FlushRequest,
    LogoffRequest,
    TreeDisconnectRequest,
)
from nethood.smb2.tree_connect import TreeConnectRequest
from nethood.smb2.write import WriteRequest
from nethood.store import MemoryStore
from nethood.text import encode_utf16

if TYPE_CHECKING:
    from nethood.net.tcp import FramedTcp
    from nethood.server.results import Result

ALL_ACCESS = 0x001F01FF
SESSION_ID, TREE_ID = 0x1001, 1
IDS: dict[str, Any] = {"persistent": c.RELATED_FILE_ID, "volatile": c.RELATED_FILE_ID}
FIRST: dict[str, Any] = {"persistent": 1 ^ 0x5A5A0000_00000000, "volatile": 1}
"""The FileId of the first file a server opens: the one `authenticated` has open."""


class Sink:
    """A transport that forgets what is written to it."""

    def __init__(self) -> None:
        self.is_closed = False
        self.backlog_bytes = self.length_mask = 0
        self.connection: ClientConnection | None = None

    def write(self, data: bytes | bytearray | memoryview, reuse: bytearray | None = None) -> None:
        """Forget *data*, which has to be bytes."""
        memoryview(data)

    def close(self, reason: str) -> None:
        """End the connection."""
        self.abort(reason)

    def abort(self, reason: str) -> None:
        """End the connection."""
        if not self.is_closed and self.connection is not None:
            self.is_closed = True
            self.connection.connection_lost(reason)


def _run(work: Callable[[], Result], done: Callable[[Result], None]) -> None:
    try:
        result = work()
    except StatusError as error:
        result = (error.status, b"")
    done(result)


def fresh() -> ClientConnection:
    """Return a connection that has said nothing, to a server in memory."""
    numbers = count(1)
    clock = Clock(
        monotonic=lambda: 1000.0,
        filetime=lambda: 133_000_000_000_000_000,
        call_later=lambda delay, callback: None,
        run_blocking=_run,
        random=lambda size: next(numbers).to_bytes(size, "little"),
    )
    store = MemoryStore(capacity=4 << 20)
    limits = Limits(opens_per_session=50, async_per_connection=20, max_transact=1 << 20)
    core = ServerCore(
        as_shares({"public": store}),
        MemoryUsers({"alice": "secret"}),
        Options(server_name="SRV", limits=limits),
        clock,
        lambda event: None,
    )
    connection = ClientConnection(core, ("127.0.0.1", 1), netbios=False)
    sink = Sink()
    sink.connection = connection
    connection.transport = cast("FramedTcp", sink)
    return connection


def authenticated(dialect: int = c.DIALECT_2_1, share: str = "PUBLIC") -> ClientConnection:
    """Return a connection that is logged in, connected to a share, and has a file open."""
    connection = fresh()
    core, server = connection.core, connection.server
    connection.negotiated = True
    core.dialect, core.is_multi_credit, core.max_transact = dialect, True, 1 << 20
    core.client_dialects = (dialect,)
    core.window.use(0, 1)
    core.window.grant(4096)
    session = Session(SESSION_ID, None)
    session.state = SessionState.VALID
    session.signer = HmacSha256Signer(bytes(16))
    session.account = Account("alice", bytes(16), 1000)
    session.signing_required = True
    core.session_table[SESSION_ID] = session
    server.sessions[SESSION_ID] = (connection, session)
    path = TreeConnectRequest(encode_utf16(f"\\\\srv\\{share}"))
    deliver(connection, request(c.SMB2_TREE_CONNECT, path, 1))
    deliver(connection, request(c.SMB2_CREATE, create("srvsvc" if share == "IPC$" else "open"), 2))
    if share != "IPC$":
        deliver(connection, request(c.SMB2_WRITE, WriteRequest(data=b"content", **FIRST), 3))
    assert list(session.tree_connect_table) == [TREE_ID]
    assert list(session.open_table) == [FIRST["volatile"]]
    return connection


def create(name: str) -> CreateRequest:
    """Return a CREATE with everything allowed."""
    return CreateRequest(
        desired_access=ALL_ACCESS, share_access=7, create_disposition=3, name=encode_utf16(name)
    )


def request(command: int, body: Message, message_id: int, flags: int = 0) -> bytes:
    """Return a request of the logged-in session, not signed yet."""
    header = Header(
        command=command,
        message_id=message_id,
        credit_charge=1,
        credits=8,
        session_id=SESSION_ID,
        tree_id=TREE_ID,
        flags=flags | c.SMB2_FLAGS_SIGNED,
    )
    return header.encode() + body.encode()


def deliver(connection: ClientConnection, message: bytes) -> None:
    """Sign every element of *message* that can be found, then hand it to the server."""
    if connection.transport.is_closed:
        return
    frame = bytearray(message)
    signer = HmacSha256Signer(bytes(16))
    at = 0
    while len(frame) - at >= 64:
        following = int.from_bytes(frame[at + 20 : at + 24], "little")
        end = at + following if 64 <= following <= len(frame) - at else len(frame)
        frame[at + 48 : at + 64] = bytes(16)
        message_id = int.from_bytes(frame[at + 24 : at + 32], "little")
        frame[at + 48 : at + 64] = signer.sign(frame[at:end], message_id, from_server=False)
        at = end
    connection.frame_received(memoryview(frame))
    frame[:] = b"\xee" * len(frame)


def feed_fresh(data: bytes) -> None:
    """Give *data*, cut into frames, to a connection that has said nothing."""
    connection = fresh()
    for frame in pieces(data):
        if not connection.transport.is_closed:
            connection.frame_received(memoryview(bytearray(frame)))
    connection.connection_lost("done")


def feed_packet(data: bytes) -> None:
    """Give *data* to the session service in front of a server."""
    connection = fresh()
    connection.packet_received(0x81, data)
    if not connection.transport.is_closed:
        connection.packet_received(data[0] if data else 0, data[1:])


def feed_authenticated(data: bytes) -> None:
    """Give *data*, cut into frames and signed, to a connection that is logged in."""
    connection = authenticated()
    for frame in pieces(data):
        deliver(connection, frame)
    connection.connection_lost("done")
    assert not connection.server.sessions
    assert not connection.async_table


def feed_pipe(data: bytes) -> None:
    """Give *data* to a connection that has a pipe open."""
    connection = authenticated(share="IPC$")
    for frame in pieces(data):
        deliver(connection, frame)
    connection.connection_lost("done")


def pieces(data: bytes) -> Iterator[bytes]:
    """Cut *data* into frames where a message seems to begin, other than in a chain."""
    start = 0
    while start < len(data):
        following = int.from_bytes(data[start + 20 : start + 24], "little")
        found = data.find(b"\xfeSMB", start + max(4, min(following + 4, len(data))))
        end = len(data) if found < 0 else found
        yield data[start:end]
        start = end


def negotiate_seeds() -> tuple[bytes, ...]:
    """Return what opens a connection."""
    contexts: list[NegotiateContext] = [
        PreauthIntegrityCapabilities([1], bytes(32)),
        EncryptionCapabilities([1, 2]),
        SigningCapabilities([0, 1, 2]),
    ]
    dialects = [0x0202, 0x0210, 0x0300, 0x0302, 0x0311]
    offer = NegotiateRequest(dialects, 1, 0x7F, bytes(16), contexts).encode()
    setup = SessionSetupRequest(security_buffer=b"NTLMSSP\0\1\0\0\0\x97\x82\x08\xe2" + bytes(24))
    listed = b"\2NT LM 0.12\0\2SMB 2.002\0\2SMB 2.???\0"
    smb1 = b"\xffSMB\x72" + bytes(27) + b"\0" + len(listed).to_bytes(2, "little") + listed
    first = Header(command=0, credits=1).encode() + offer
    second = Header(command=1, message_id=1, credits=9).encode() + setup.encode()
    return first, first + second, smb1, smb1 + Header(command=0, message_id=1).encode() + offer


def file_seeds() -> tuple[bytes, ...]:
    """Return one request of each kind on the open file, and a chain."""
    bodies: list[tuple[int, Message]] = [
        (c.SMB2_CREATE, create("a\\b")),
        (c.SMB2_READ, ReadRequest(length=100, **FIRST)),
        (c.SMB2_WRITE, WriteRequest(data=b"data", **FIRST)),
        (c.SMB2_FLUSH, FlushRequest(**FIRST)),
        (c.SMB2_LOCK, LockRequest([LockElement(0, 10, 0x12)], **FIRST)),
        (c.SMB2_QUERY_INFO, _query(1, 18)),
        (c.SMB2_QUERY_INFO, _query(2, 5)),
        (c.SMB2_QUERY_INFO, _query(3, 0)),
        (c.SMB2_SET_INFO, _set(4, bytes(40))),
        (c.SMB2_SET_INFO, _set(10, bytes(16) + b"\2\0\0\0x\0")),
        (c.SMB2_SET_INFO, _set(13, b"\1")),
        (c.SMB2_SET_INFO, _set(20, bytes(8))),
        (c.SMB2_IOCTL, _ioctl(c.FSCTL_SRV_REQUEST_RESUME_KEY, b"")),
        (c.SMB2_IOCTL, _ioctl(c.FSCTL_SRV_COPYCHUNK, bytes(24) + b"\1" + bytes(31))),
        (c.SMB2_IOCTL, _ioctl(c.FSCTL_SET_ZERO_DATA, bytes(16))),
        (c.SMB2_IOCTL, _ioctl(c.FSCTL_QUERY_ALLOCATED_RANGES, bytes(16))),
        (c.SMB2_ECHO, EchoRequest()),
        (c.SMB2_CANCEL, CancelRequest()),
        (c.SMB2_TREE_CONNECT, TreeConnectRequest(encode_utf16("\\\\srv\\public"))),
        (c.SMB2_TREE_DISCONNECT, TreeDisconnectRequest()),
        (c.SMB2_CLOSE, CloseRequest(flags=1, **FIRST)),
        (c.SMB2_LOGOFF, LogoffRequest()),
    ]
    each = tuple(request(command, body, 4) for command, body in bodies)
    return (*each, b"".join(request(k, b, n) for n, (k, b) in enumerate(bodies, 4)), *_chains())


def _chains() -> tuple[bytes, bytes]:
    """Return two compounds: a file from CREATE to CLOSE, and a folder listed and watched."""
    folder = CreateRequest(desired_access=ALL_ACCESS, share_access=7, create_disposition=1)
    listing = QueryDirectoryRequest(
        file_information_class=2, output_buffer_length=500, file_name=b"*\0", **IDS
    )
    watch = ChangeNotifyRequest(output_buffer_length=500, completion_filter=255, **IDS)
    return (
        chain(
            (c.SMB2_CREATE, create("a")),
            (c.SMB2_WRITE, WriteRequest(data=b"data", **IDS)),
            (c.SMB2_READ, ReadRequest(length=10, **IDS)),
            (c.SMB2_CLOSE, CloseRequest(**IDS)),
        ),
        chain(
            (c.SMB2_CREATE, folder),
            (c.SMB2_QUERY_DIRECTORY, listing),
            (c.SMB2_CHANGE_NOTIFY, watch),
        ),
    )


def chain(*bodies: tuple[int, Message]) -> bytes:
    """Return a compound of related requests."""
    message = b""
    for index, (command, body) in enumerate(bodies):
        flags = c.SMB2_FLAGS_RELATED_OPERATIONS if index else 0
        one = request(command, body, 4 + index, flags)
        if index + 1 < len(bodies):
            one += bytes(-len(one) % 8)
            one = one[:20] + len(one).to_bytes(4, "little") + one[24:]
        message += one
    return message


def pipe_seeds() -> tuple[bytes, ...]:
    """Return what a client says to a pipe."""
    bind = bytes.fromhex(
        "05000b0310000000480000000100000010b810b80000000001000000000001"
        "00c84f324b7016d30112785a47bf6ee18803000000045d888aeb1cc9119fe808002b10486002000000"
    )
    call = bytes.fromhex(
        "0500000310000000300000000200000018000000000015000000000000000000"
    ) + bytes(16)
    written = [WriteRequest(data=data, **FIRST) for data in (bind, call)]
    asked = _ioctl(c.FSCTL_PIPE_TRANSCEIVE, call)
    read = ReadRequest(length=1000, **FIRST)
    return (
        request(c.SMB2_WRITE, written[0], 3) + request(c.SMB2_READ, read, 4),
        request(c.SMB2_WRITE, written[0], 3)
        + request(c.SMB2_READ, read, 4)
        + request(c.SMB2_WRITE, written[1], 5)
        + request(c.SMB2_READ, read, 6),
        request(c.SMB2_IOCTL, _ioctl(c.FSCTL_PIPE_TRANSCEIVE, bind), 3)
        + request(c.SMB2_IOCTL, asked, 4),
        request(c.SMB2_READ, read, 3) + request(c.SMB2_CANCEL, CancelRequest(), 3),
        request(c.SMB2_CREATE, create("lsarpc"), 3),
    )


def _query(info_type: int, info_class: int) -> QueryInfoRequest:
    return QueryInfoRequest(
        info_type=info_type,
        file_info_class=info_class,
        output_buffer_length=4096,
        additional_information=7 if info_type == c.SMB2_0_INFO_SECURITY else 0,
        **FIRST,
    )


def _set(info_class: int, data: bytes) -> SetInfoRequest:
    return SetInfoRequest(info_type=1, file_info_class=info_class, buffer=data, **FIRST)


def _ioctl(code: int, data: bytes) -> IoctlRequest:
    return IoctlRequest(ctl_code=code, input=data, max_output_response=4096, flags=1, **FIRST)
