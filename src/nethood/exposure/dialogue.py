"""A conversation in SMB2 with one host, as a probe leads it: one connection, one step at a time.

Glue between a Stream and the client's core, logon and RPC. A refusal of the server comes as
StatusError with its NTSTATUS; what else can happen is TransportError, Malformed, ProtocolViolation.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from nethood.auth.initiator import Credentials, Initiator, NtlmChallenge
from nethood.dtyp.access_mask import FILE_GENERIC_READ, FILE_GENERIC_WRITE
from nethood.erref import (
    STATUS_BUFFER_OVERFLOW,
    STATUS_MORE_PROCESSING_REQUIRED,
    STATUS_SUCCESS,
    status_name,
)
from nethood.errors import (
    Error,
    LocalError,
    Malformed,
    ProtocolViolation,
    StatusError,
)
from nethood.exposure.context import Network, Stream
from nethood.filetime import from_unix_ns
from nethood.rpc.client import RpcClient
from nethood.rpc.pdu import Syntax
from nethood.rpc.srvsvc_client import (
    NETR_SERVER_GET_INFO,
    NETR_SHARE_ENUM,
    SRVSVC_SYNTAX,
    ServerInfoAnswer,
    ShareEnumAnswer,
    decode_server_info_answer,
    decode_share_enum_answer,
    encode_server_get_info,
    encode_share_enum,
)
from nethood.smb2 import constants as c
from nethood.smb2.client import (
    ClientConnection,
    ClientRequest,
    ClientSession,
    ClientTree,
    Negotiated,
    Offer,
    Response,
    SessionState,
)
from nethood.smb2.close import CloseRequest
from nethood.smb2.create import CreateRequest, CreateResponse
from nethood.smb2.error import ErrorResponse
from nethood.smb2.ioctl import IoctlRequest, IoctlResponse
from nethood.smb2.messages import Message
from nethood.smb2.read import ReadRequest, ReadResponse
from nethood.smb2.session_setup import SessionSetupResponse
from nethood.smb2.simple import LogoffRequest, TreeDisconnectRequest
from nethood.smb2.tree_connect import TreeConnectResponse
from nethood.smb2.write import WriteRequest
from nethood.text import encode_utf16

IPC = "IPC$"
_SALT_SIZE = 32
_PIPE_BUFFER = 65536
_RPC_MESSAGES = 64
"""How many reads one answer of a remote procedure call may take."""
_SHARE_ALL = c.FILE_SHARE_READ | c.FILE_SHARE_WRITE
_MAX_FRAMES = 64
"""How many messages may come before the one that answers: interim ones, breaks."""


@dataclass(frozen=True, slots=True)
class PipeFile:
    """An open named pipe: its tree and its FileId."""

    tree: ClientTree
    persistent: int
    volatile: int


class SmbDialogue:
    """One connection to one host; an asynchronous context manager that takes its leave politely.

    *stream* is open already and stays the caller's to close. *host* is the name or address the
    server is called by in share paths. `sent` and `received` are the last messages of each way,
    for evidence; `connection` the client's core, `session` who is logged on.
    """

    def __init__(self, stream: Stream, network: Network, host: str) -> None:
        self.stream = stream
        self.network = network
        self.host = host
        self.connection = ClientConnection()
        self.session: ClientSession | None = None
        self.sent = b""
        self.received = b""
        self._ipc: ClientTree | None = None
        self._validated = False

    # Negotiating and logging on

    async def negotiate(self, offer: Offer | None = None, **changes: Any) -> Negotiated:
        """Negotiate what *offer* holds, or the whole offer with *changes* (fields of Offer).

        `await dialogue.negotiate(dialects=(0x0311,), ciphers=(1,))`. Raises StatusError where the
        server has nothing of it.
        """
        offer = offer if offer is not None else Offer(**changes)
        random = self.network.random_bytes
        salt = random(_SALT_SIZE) if c.DIALECT_3_1_1 in offer.dialects else b""
        self.connection = ClientConnection(random(16), salt, offer)
        await self._ask(self.connection.negotiate(), "NEGOTIATE")
        if self.connection.negotiated is None:
            raise ProtocolViolation("the server says yes to NEGOTIATE without an answer")
        return self.connection.negotiated

    async def ntlm_challenge(self) -> NtlmChallenge:
        """Begin a logon, return what the server says of itself, and let it be.

        Raises StatusError where NTLM is refused.
        """
        initiator = self._initiator(None)
        session = self.connection.new_session()
        response = await self._setup(session, initiator.first())
        if response.status != STATUS_MORE_PROCESSING_REQUIRED:
            raise ProtocolViolation("the server let us in without asking who we are")
        return initiator.read_challenge(_token(response))

    async def logon_anonymous(self) -> ClientSession:
        """Log on as nobody. The session's `is_guest` and `is_null` say what became of it."""
        return await self._logon(None)

    async def logon(self, user: str, password: str, domain: str = "") -> ClientSession:
        """Log on once with NTLMv2. Raises StatusError (STATUS_LOGON_FAILURE, ...)."""
        return await self._logon(Credentials(user, password, domain))

    async def _logon(self, credentials: Credentials | None) -> ClientSession:
        initiator = self._initiator(credentials)
        session = self.connection.new_session()
        response = await self._setup(session, initiator.first())
        if response.status == STATUS_MORE_PROCESSING_REQUIRED:
            response = await self._setup(session, initiator.step(_token(response)))
        if response.status != STATUS_SUCCESS or session.state is not SessionState.ACCEPTED:
            raise ProtocolViolation("the server wants more tokens than NTLM has")
        initiator.finish(_token(response))
        self.connection.establish(
            session, initiator.session_key, anonymous=initiator.is_anonymous, allow_guest=True
        )
        self.session = session
        return session

    def _initiator(self, credentials: Credentials | None) -> Initiator:
        return Initiator(
            credentials,
            random=self.network.random_bytes,
            now=lambda: from_unix_ns(int(self.network.now_unix() * 1_000_000_000)),
            target_name=f"cifs/{self.host}",
        )

    async def _setup(self, session: ClientSession, token: bytes) -> Response:
        request = self.connection.session_setup(session, token)
        allowed = (STATUS_SUCCESS, STATUS_MORE_PROCESSING_REQUIRED)
        return await self._ask(request, "SESSION_SETUP", allowed)

    # Shares and pipes

    async def tree_connect(self, share: str) -> ClientTree:
        r"""Connect to *share*, a name or a whole ``\\server\share``.

        The tree's `maximal_access` is what we may do there. Raises StatusError, LocalError
        before a logon.
        """
        session = self._need_session()
        path = share if share.startswith("\\\\") else f"\\\\{self.host}\\{share}"
        request = self.connection.tree_connect(session, path)
        response = await self._ask(request, f"TREE_CONNECT to {path}")
        if not isinstance(response.body, TreeConnectResponse) or request.tree is None:
            raise ProtocolViolation("the server says yes to TREE_CONNECT without an answer")
        await self._validate(request.tree)
        return request.tree

    async def _validate(self, tree: ClientTree) -> None:
        """Have the negotiation confirmed once, where that is due."""
        if self._validated or not self.connection.must_validate(tree.session):
            return
        self._validated = True
        await self._answer(self.connection.validate_negotiate(tree))

    async def connect_ipc(self) -> ClientTree:
        """Connect to IPC$, once; `open_pipe` does so by itself. Raises StatusError, LocalError."""
        if self._ipc is None:
            self._ipc = await self.tree_connect(IPC)
        return self._ipc

    async def open_pipe(self, name: str) -> PipeFile:
        """Open the named pipe *name* ("srvsvc"), on IPC$. Raises StatusError."""
        tree = await self.connect_ipc()
        body = CreateRequest(
            desired_access=FILE_GENERIC_READ | FILE_GENERIC_WRITE,
            share_access=_SHARE_ALL,
            create_disposition=c.FILE_OPEN,
            create_options=c.FILE_NON_DIRECTORY_FILE,
            name=encode_utf16(name),
        )
        what = f"CREATE of the pipe {name}"
        response = await self.ask(c.SMB2_CREATE, body, what, tree=tree)
        opened = _expect(response, CreateResponse)
        return PipeFile(tree, opened.persistent, opened.volatile)

    async def close_file(self, pipe: PipeFile) -> None:
        """Close what `open_pipe` opened. Raises StatusError."""
        body = CloseRequest(persistent=pipe.persistent, volatile=pipe.volatile)
        await self.ask(c.SMB2_CLOSE, body, "CLOSE", tree=pipe.tree)

    # Remote procedure calls

    async def bind(self, pipe: PipeFile, syntax: Syntax) -> RpcClient:
        """Bind to an interface behind *pipe*. Raises BindRefused, RpcFault, StatusError."""
        client = RpcClient(syntax)
        await self._transact(pipe, client, [client.bind()])
        return client

    async def rpc(self, pipe: PipeFile, client: RpcClient, opnum: int, stub: bytes) -> bytes:
        """Make one call and return the answer's stub. Raises RpcFault, StatusError."""
        return await self._transact(pipe, client, client.request(opnum, stub))

    async def share_enum(self) -> ShareEnumAnswer:
        """Ask srvsvc for the shares; its Win32 status may be a refusal (5, access denied)."""
        stub = encode_share_enum(f"\\\\{self.host}")
        return decode_share_enum_answer(
            await self.call("srvsvc", SRVSVC_SYNTAX, NETR_SHARE_ENUM, stub)
        )

    async def server_info(self) -> ServerInfoAnswer:
        """Ask srvsvc for what the server says of itself (level 101)."""
        stub = encode_server_get_info(f"\\\\{self.host}")
        return decode_server_info_answer(
            await self.call("srvsvc", SRVSVC_SYNTAX, NETR_SERVER_GET_INFO, stub)
        )

    async def call(self, pipe_name: str, syntax: Syntax, opnum: int, stub: bytes) -> bytes:
        """Open a pipe, bind to *syntax*, make one call, close; return the answer's stub."""
        pipe = await self.open_pipe(pipe_name)
        client = await self.bind(pipe, syntax)
        answer = await self.rpc(pipe, client, opnum, stub)
        await self.close_file(pipe)
        return answer

    async def _transact(self, pipe: PipeFile, client: RpcClient, fragments: list[bytes]) -> bytes:
        """Write the fragments, the last by a transaction, and read until the answer is whole."""
        for fragment in fragments[:-1]:
            body = WriteRequest(persistent=pipe.persistent, volatile=pipe.volatile, data=fragment)
            await self.ask(c.SMB2_WRITE, body, "WRITE to the pipe", tree=pipe.tree)
        answer = client.feed(await self._transceive(pipe, fragments[-1]))
        for _ in range(_RPC_MESSAGES):
            if answer is not None:
                return answer
            answer = client.feed(await self._read(pipe))
        raise Malformed("RPC answer", f"is not whole after {_RPC_MESSAGES} reads")

    async def _transceive(self, pipe: PipeFile, message: bytes) -> bytes:
        body = IoctlRequest(
            ctl_code=c.FSCTL_PIPE_TRANSCEIVE,
            persistent=pipe.persistent,
            volatile=pipe.volatile,
            max_output_response=_PIPE_BUFFER,
            flags=c.SMB2_0_IOCTL_IS_FSCTL,
            input=message,
        )
        response = await self.ask(
            c.SMB2_IOCTL, body, "a pipe transaction", tree=pipe.tree, more=STATUS_BUFFER_OVERFLOW
        )
        return bytes(_expect(response, IoctlResponse).output)

    async def _read(self, pipe: PipeFile) -> bytes:
        body = ReadRequest(persistent=pipe.persistent, volatile=pipe.volatile, length=_PIPE_BUFFER)
        response = await self.ask(
            c.SMB2_READ, body, "READ of the pipe", tree=pipe.tree, more=STATUS_BUFFER_OVERFLOW
        )
        return bytes(_expect(response, ReadResponse).data)

    # The end

    async def close(self) -> None:
        """Disconnect from the shares and log off; nothing here can fail."""
        session, self.session = self.session, None
        if session is None or session.state is not SessionState.VALID:
            return
        with suppress(Error):
            for tree in list(session.tree_connect_table.values()):
                body = TreeDisconnectRequest()
                await self.ask(c.SMB2_TREE_DISCONNECT, body, "TREE_DISCONNECT", tree=tree)
            request = self.connection.request(c.SMB2_LOGOFF, LogoffRequest(), session=session)
            await self._ask(request, "LOGOFF")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Take leave, unless the conversation broke down."""
        if error is None or isinstance(error, StatusError):
            await self.close()

    # One question

    async def ask(
        self,
        command: int,
        body: Message,
        what: str,
        *,
        tree: ClientTree,
        more: int = STATUS_SUCCESS,
    ) -> Response:
        """Ask anything of *tree* and return the answer.

        *what* names the request in the StatusError for any status but success and *more*.
        """
        request = self.connection.request(command, body, tree=tree)
        return await self._ask(request, what, (STATUS_SUCCESS, more))

    async def _ask(
        self, request: ClientRequest, what: str, allowed: tuple[int, ...] = (STATUS_SUCCESS,)
    ) -> Response:
        response = await self._answer(request)
        if response.status in allowed:
            return response
        data = response.body.error_data if isinstance(response.body, ErrorResponse) else b""
        problem = f"the server answered {what} with {status_name(response.status)}"
        raise StatusError(response.status, problem, bytes(data))

    async def _answer(self, request: ClientRequest) -> Response:
        self.sent = request.message
        await self.stream.send(self.sent)
        for _ in range(_MAX_FRAMES):
            kind, self.received = await self.stream.receive()
            if kind:
                raise Malformed("Session packet", f"type 0x{kind:02X} instead of a message")
            for response in self.connection.feed(self.received):
                if response.request is request:
                    return response
        raise ProtocolViolation(f"the server sent {_MAX_FRAMES} messages and no answer")

    def _need_session(self) -> ClientSession:
        if self.session is None:
            raise LocalError("log on before connecting to a share")
        return self.session


def _token(response: Response) -> bytes:
    return bytes(_expect(response, SessionSetupResponse).security_buffer)


def _expect(response: Response, kind: type[Any]) -> Any:
    """Return the body, which must be of *kind*. Raises ProtocolViolation."""
    if not isinstance(response.body, kind):
        name = c.command_name(response.command)
        raise ProtocolViolation(f"the answer to {name} is none: {status_name(response.status)}")
    return response.body
