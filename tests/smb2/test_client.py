"""The client's core against our own server in memory, and against answers it must not take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nethood.auth.initiator import Initiator
from nethood.dtyp.access_mask import FILE_ALL_ACCESS
from nethood.erref import (
    STATUS_ACCESS_DENIED,
    STATUS_CANCELLED,
    STATUS_INVALID_DEVICE_REQUEST,
    STATUS_LOGON_FAILURE,
    STATUS_MORE_PROCESSING_REQUIRED,
    STATUS_NOT_SUPPORTED,
    STATUS_PENDING,
    STATUS_SUCCESS,
    STATUS_USER_SESSION_DELETED,
)
from nethood.errors import LocalError, Malformed, ProtocolViolation
from nethood.server.options import Options, Share
from nethood.smb2 import constants as c
from nethood.smb2.change_notify import ChangeNotifyRequest
from nethood.smb2.client import (
    ClientConnection,
    ClientRequest,
    ClientSession,
    Element,
    Offer,
    SessionState,
)
from nethood.smb2.close import CloseRequest
from nethood.smb2.create import CreateRequest
from nethood.smb2.error import ErrorResponse
from nethood.smb2.header import Header
from nethood.smb2.ioctl import IoctlResponse
from nethood.smb2.ioctl_payloads import ValidateNegotiateInfoResponse
from nethood.smb2.oplock_break import OplockBreak
from nethood.smb2.read import ReadRequest
from nethood.smb2.session_setup import SessionSetupResponse
from nethood.smb2.simple import EchoRequest, EchoResponse, LogoffRequest, TreeDisconnectRequest
from nethood.smb2.tree_connect import TreeConnectResponse
from nethood.smb2.write import WriteRequest
from nethood.store import MemoryStore
from nethood.text import encode_utf16
from tests.server.harness import Harness
from tests.smb2.client_peer import ALICE, GUID, Client, answer, negotiate_answer

DIALECTS = (0x0202, 0x0210, 0x0300, 0x0302, 0x0311)
SIGNING = (c.SIGNING_HMAC_SHA256, c.SIGNING_AES_CMAC, c.SIGNING_AES_GMAC)
CIPHERS = (c.AES_128_CCM, c.AES_128_GCM, c.AES_256_CCM, c.AES_256_GCM)
ALL: dict[str, Any] = {"persistent": c.RELATED_FILE_ID, "volatile": c.RELATED_FILE_ID}


def create(name: str = "a", *, directory: bool = False) -> CreateRequest:
    return CreateRequest(
        desired_access=FILE_ALL_ACCESS,
        create_disposition=c.FILE_OPEN_IF,
        create_options=c.FILE_DIRECTORY_FILE if directory else c.FILE_NON_DIRECTORY_FILE,
        name=encode_utf16(name),
    )


def write_and_read(client: Client) -> bytes:
    """Write a file in the share "public" by single requests and read it back by a compound."""
    connection, tree = client.connection, client.tree()
    opened = client.ask(connection.request(c.SMB2_CREATE, create(), tree=tree)).body
    ids = {"persistent": opened.persistent, "volatile": opened.volatile}
    written = WriteRequest(data=b"content", **ids)
    assert client.ask(connection.request(c.SMB2_WRITE, written, tree=tree)).body.count == 7
    assert client.ask(connection.request(c.SMB2_CLOSE, CloseRequest(**ids), tree=tree)).status == 0
    message, requests = connection.compound(
        [
            Element(c.SMB2_CREATE, create()),
            Element(c.SMB2_READ, ReadRequest(length=100, **ALL)),
            Element(c.SMB2_CLOSE, CloseRequest(**ALL)),
        ],
        tree=tree,
    )
    client.send(message)
    answers = client.receive()
    assert [found.request for found in answers] == requests
    return bytes(answers[1].body.data)


# Against our own server


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect_signed(dialect: int) -> None:
    client = Client(Harness(), dialects=(dialect,))
    assert write_and_read(client) == b"content"
    session = client.session
    assert session is not None
    assert session.signing_required
    assert not session.encrypt_data
    assert client.connection.negotiated is not None
    assert client.connection.negotiated.dialect_revision == dialect


@pytest.mark.parametrize("algorithm", SIGNING)
def test_every_signing_algorithm(algorithm: int) -> None:
    client = Client(Harness(), signing_algorithms=(algorithm,))
    assert write_and_read(client) == b"content"
    assert client.connection.negotiated is not None
    assert client.connection.negotiated.signing_algorithm == algorithm


@pytest.mark.parametrize("cipher", CIPHERS)
def test_every_cipher(cipher: int) -> None:
    harness = Harness(options=Options(server_name="SRV", encrypt=True))
    client = Client(harness, ciphers=(cipher,))
    assert write_and_read(client) == b"content"
    assert client.session is not None
    assert client.session.encrypt_data
    answered = client.ask(
        client.connection.request(c.SMB2_ECHO, EchoRequest(), session=client.session)
    )
    assert answered.is_encrypted


@pytest.mark.parametrize("dialect", [0x0300, 0x0302])
def test_3_0_encrypts_too(dialect: int) -> None:
    harness = Harness(options=Options(server_name="SRV", encrypt=True))
    assert write_and_read(Client(harness, dialects=(dialect,))) == b"content"


def test_a_share_that_wants_encryption_gets_it() -> None:
    client = Client(Harness({"public": Share("public", MemoryStore(), encrypt=True)}))
    assert write_and_read(client) == b"content"
    assert client.session is not None
    assert not client.session.encrypt_data
    assert client.tree().encrypt_data


def test_nothing_is_signed_where_nobody_asks_for_it() -> None:
    client = Client(Harness(options=Options(server_name="SRV", signing_required=False)))
    tree = client.tree()
    request = client.connection.request(c.SMB2_CREATE, create(), tree=tree)
    assert not request.is_signed
    assert not client.ask(request).is_signed


def test_tree_connect_of_3_1_1_is_signed_always() -> None:
    client = Client(Harness(options=Options(server_name="SRV", signing_required=False)))
    assert client.connection.tree_connect(client.logon(), r"\\srv\public").is_signed


def test_a_dialect_the_server_does_not_speak() -> None:
    client = Client(Harness(options=Options(min_dialect=0x0300)), dialects=(0x0202,))
    found = client.ask(client.connection.negotiate())
    assert found.status == STATUS_NOT_SUPPORTED
    assert isinstance(found.body, ErrorResponse)
    assert client.connection.negotiated is None


def test_multi_protocol_negotiation_goes_on_in_smb2() -> None:
    client = Client(Harness())
    client.ask(client.connection.negotiate_multi_protocol())
    assert client.connection.negotiated is not None
    assert client.connection.negotiated.dialect_revision == c.DIALECT_WILDCARD
    with pytest.raises(LocalError, match="negotiated"):
        client.connection.new_session()
    request = client.connection.negotiate()
    assert request.message_id == 1
    client.ask(request)
    assert write_and_read(client) == b"content"


@pytest.mark.parametrize("dialects", [(0x0300,), (0x0302,), (0x0202, 0x0210, 0x0300)])
def test_the_negotiation_is_validated(dialects: tuple[int, ...]) -> None:
    client = Client(Harness(), dialects=dialects)
    tree = client.tree()
    assert client.connection.must_validate(tree.session)
    found = client.ask(client.connection.validate_negotiate(tree))
    assert isinstance(found.body, IoctlResponse)
    assert found.is_signed


@pytest.mark.parametrize("dialects", [(0x0202,), (0x0202, 0x0210), (0x0311,)])
def test_there_is_nothing_to_validate(dialects: tuple[int, ...]) -> None:
    client = Client(Harness(), dialects=dialects)
    assert not client.connection.must_validate(client.logon())


def test_a_negotiation_that_was_changed_is_found_out() -> None:
    client = Client(Harness(), dialects=(0x0210, 0x0300))
    request = client.connection.negotiate()
    # Somebody between takes 3.0 out of the list; and the list has an end of its own.
    message = bytearray(request.message)
    message[64 + 2] = 1
    client.send(bytes(message))
    client.receive()
    tree = client.tree()
    client.send(client.connection.validate_negotiate(tree).message)
    assert client.link.receive() is None  # our server has hung up


def test_a_session_is_used_again_after_a_second_logon() -> None:
    client = Client(Harness())
    tree = client.tree()
    assert tree.session.signer is not None
    signer = tree.session.signer
    initiator = Initiator(ALICE, random=bytes, now=lambda: 0)
    first = client.connection.session_setup(tree.session, initiator.first())
    assert first.is_signed
    found = client.ask(first)
    assert found.status == STATUS_MORE_PROCESSING_REQUIRED
    token = initiator.step(bytes(found.body.security_buffer))
    found = client.ask(client.connection.session_setup(tree.session, token))
    assert (found.status, found.is_signed) == (STATUS_SUCCESS, True)
    assert tree.session.state is SessionState.VALID
    assert tree.session.signer is signer
    assert client.ask(client.connection.request(c.SMB2_CREATE, create(), tree=tree)).status == 0


def test_trees_and_sessions_end() -> None:
    client = Client(Harness())
    tree, connection = client.tree(), client.connection
    session = tree.session
    assert session.tree_connect_table == {tree.tree_id: tree}
    client.ask(connection.request(c.SMB2_TREE_DISCONNECT, TreeDisconnectRequest(), tree=tree))
    assert session.tree_connect_table == {}
    client.ask(connection.request(c.SMB2_LOGOFF, LogoffRequest(), session=session))
    assert session.state is SessionState.CLOSED
    assert connection.session_table == {}
    with pytest.raises(LocalError, match="logged off"):
        connection.request(c.SMB2_ECHO, EchoRequest(), session=session)


@pytest.mark.parametrize("encrypt", [False, True])
def test_an_answer_that_takes_a_while_and_is_taken_back(encrypt: bool) -> None:
    client = Client(Harness(options=Options(server_name="SRV", encrypt=encrypt)))
    connection, tree = client.connection, client.tree()
    folder = create("folder", directory=True)
    opened = client.ask(connection.request(c.SMB2_CREATE, folder, tree=tree)).body
    body = ChangeNotifyRequest(
        completion_filter=1,
        output_buffer_length=4096,
        persistent=opened.persistent,
        volatile=opened.volatile,
    )
    request = connection.request(c.SMB2_CHANGE_NOTIFY, body, tree=tree)
    client.send(request.message)
    assert client.receive() == []
    assert request.is_pending
    assert request.async_id
    credits_before = connection.credits
    client.send(connection.cancel(request))
    (found,) = client.receive()
    assert (found.request, found.status) == (request, STATUS_CANCELLED)
    assert connection.credits == credits_before
    assert not connection.outstanding_requests


def test_credits_are_asked_for_and_kept() -> None:
    client = Client(Harness())
    connection = client.connection
    assert connection.credits == 1
    request = connection.negotiate()
    assert connection.credits == 0
    with pytest.raises(LocalError, match="1 credits are needed, the server has granted 0"):
        connection.request(c.SMB2_ECHO, EchoRequest())
    client.ask(request)
    assert connection.credits >= 1
    session = client.logon()
    assert connection.credits >= 60
    for _ in range(100):
        echo = connection.request(c.SMB2_ECHO, EchoRequest(), session=session)
        assert client.ask(echo).status == STATUS_SUCCESS
    assert connection.credits >= 60


def test_large_transfers_are_charged_for() -> None:
    client = Client(Harness())
    tree, connection = client.tree(), client.connection
    assert [connection.charge_for(n) for n in (0, 1, 65536, 65537)] == [1, 1, 1, 2]
    opened = client.ask(connection.request(c.SMB2_CREATE, create(), tree=tree)).body
    body = WriteRequest(data=bytes(200_000), persistent=opened.persistent, volatile=opened.volatile)
    request = connection.request(c.SMB2_WRITE, body, tree=tree, charge=4)
    assert Header.decode(request.plain).credit_charge == 4
    assert client.ask(request).body.count == 200_000
    old = Client(Harness(), dialects=(0x0202,))
    old.logon()
    assert old.connection.charge_for(200_000) == 1


def test_a_token_that_is_refused() -> None:
    harness = Harness()
    client = Client(harness)
    client.ask(client.connection.negotiate())
    session = client.connection.new_session()
    client.send(client.connection.session_setup(session, b"\x60garbage").message)
    harness.clock.advance(10)
    (found,) = client.receive()
    assert found.status not in (STATUS_SUCCESS, STATUS_MORE_PROCESSING_REQUIRED)
    assert session.state is SessionState.CLOSED
    with pytest.raises(LocalError, match="no token"):
        client.connection.session_setup(session, b"")
    with pytest.raises(LocalError, match="not accepted"):
        client.connection.establish(session, bytes(16))


# Against answers made up


def negotiated(dialect: int = 0x0311, **offer: Any) -> ClientConnection:
    connection = ClientConnection(GUID, b"salt", Offer(**offer))
    request = connection.negotiate()
    connection.feed(answer(request, negotiate_answer(dialect), credits=64))
    return connection


def setup_answer(
    connection: ClientConnection, session_flags: int = 0, **fields: Any
) -> tuple[ClientSession, list[Any]]:
    session = connection.new_session()
    request = connection.session_setup(session, b"token")
    body = SessionSetupResponse(session_flags=session_flags)
    return session, connection.feed(answer(request, body, **{"session_id": 5, **fields}))


def signed(connection: ClientConnection, **how: Any) -> ClientSession:
    """Return a session whose key is all zeros, on a connection of dialect 2.1."""
    session, _ = setup_answer(connection)
    connection.establish(session, bytes(16), **how)
    return session


@pytest.fixture
def connection() -> ClientConnection:
    return negotiated(0x0210, dialects=(0x0210,))


KEYLESS = (c.SMB2_SESSION_FLAG_IS_GUEST, c.SMB2_SESSION_FLAG_IS_NULL)


@pytest.mark.parametrize("flags", KEYLESS)
def test_guests_and_nobody_sign_nothing(flags: int) -> None:
    connection = negotiated()
    session, _ = setup_answer(connection, flags)
    connection.establish(session, b"", allow_guest=True)
    assert session.state is SessionState.VALID
    assert session.is_keyless
    assert not connection.tree_connect(session, r"\\srv\IPC$").is_signed
    assert not connection.must_validate(session)


@pytest.mark.parametrize("flags", KEYLESS)
@pytest.mark.parametrize(("security_mode", "allow_guest"), [(1, False), (3, True)])
def test_a_user_is_made_no_guest_unless_that_is_allowed(
    flags: int, security_mode: int, allow_guest: bool
) -> None:
    connection = negotiated(security_mode=security_mode)
    session, _ = setup_answer(connection, flags)
    with pytest.raises(ProtocolViolation, match="guest"):
        connection.establish(session, bytes(16), allow_guest=allow_guest)
    assert connection.session_table == {}
    nobody, _ = setup_answer(connection, flags, session_id=6)
    connection.establish(nobody, bytes(16), anonymous=True)
    assert nobody.state is SessionState.VALID


def test_yes_to_a_logon_is_signed_in_3_1_1() -> None:
    connection = negotiated()
    session, _ = setup_answer(connection)
    with pytest.raises(ProtocolViolation, match="not signed"):
        connection.establish(session, bytes(16))
    flags = c.SMB2_FLAGS_SERVER_TO_REDIR | c.SMB2_FLAGS_SIGNED
    session, _ = setup_answer(connection, flags=flags)
    with pytest.raises(ProtocolViolation, match="wrong"):
        connection.establish(session, bytes(16))


def test_encryption_without_a_cipher_is_refused() -> None:
    connection = negotiated(0x0300)
    session, _ = setup_answer(connection, c.SMB2_SESSION_FLAG_ENCRYPT_DATA)
    with pytest.raises(ProtocolViolation, match="no cipher"):
        connection.establish(session, bytes(16))


def test_encryption_that_is_not_possible_is_a_local_error(connection: ClientConnection) -> None:
    session = signed(connection)
    with pytest.raises(LocalError, match="can't encrypt"):
        connection.request(c.SMB2_ECHO, EchoRequest(), session=session, encrypt=True)
    session.signer = None
    with pytest.raises(LocalError, match="no key"):
        connection.request(c.SMB2_ECHO, EchoRequest(), session=session, sign=True)


@pytest.mark.parametrize("session_id", [0, 5])
def test_ids_of_sessions_are_new(session_id: int, connection: ClientConnection) -> None:
    signed(connection)
    with pytest.raises(ProtocolViolation, match="session"):
        setup_answer(connection, session_id=session_id)


def test_the_id_of_a_session_stays(connection: ClientConnection) -> None:
    session, _ = setup_answer(connection, status=STATUS_MORE_PROCESSING_REQUIRED)
    request = connection.session_setup(session, b"more")
    with pytest.raises(ProtocolViolation, match="became"):
        connection.feed(answer(request, SessionSetupResponse(), session_id=6))


def echo(connection: ClientConnection, **how: Any) -> ClientRequest:
    return connection.request(c.SMB2_ECHO, EchoRequest(), **how)


Wrong = Callable[[ClientConnection, ClientRequest], bytes]
WRONG: dict[str, Wrong] = {
    "not found": lambda _, r: answer(r, EchoResponse(), message_id=r.message_id + 1),
    "another command": lambda _, r: answer(r, EchoResponse(), command=c.SMB2_LOGOFF),
    "a request": lambda _, r: answer(r, EchoResponse(), flags=0),
    "another session": lambda _, r: answer(r, EchoResponse(), session_id=6),
    "not signed": lambda _, r: answer(r, EchoResponse(), session_id=5),
    "signed wrongly": lambda _, r: answer(r, EchoResponse(), session_id=5, flags=9),
    "SMB1": lambda *_: b"\xffSMB" + bytes(100),
    "compressed": lambda *_: b"\xfcSMB" + bytes(100),
    "encrypted by nobody": lambda *_: b"\xfdSMB" + bytes(38) + b"\1\0" + bytes(8),
    "pending without an id": lambda _, r: answer(r, ErrorResponse(), status=STATUS_PENDING),
    "an unasked echo": lambda _, r: answer(r, EchoResponse(), message_id=c.UNSOLICITED_MESSAGE_ID),
    "cut off": lambda _, r: answer(r, EchoResponse())[:60],
    "empty": lambda *_: b"",
    "a body too short": lambda _, r: answer(r, EchoResponse(), session_id=5, flags=1)[:66],
}


@pytest.mark.parametrize("name", WRONG)
def test_answers_that_are_not_taken(name: str, connection: ClientConnection) -> None:
    request = echo(connection, session=signed(connection), sign=True)
    with pytest.raises((Malformed, ProtocolViolation)):
        connection.feed(WRONG[name](connection, request))


def test_a_lost_session_may_be_told_unsigned(connection: ClientConnection) -> None:
    request = echo(connection, session=signed(connection), sign=True)
    message = answer(request, ErrorResponse(), status=STATUS_USER_SESSION_DELETED, session_id=5)
    (found,) = connection.feed(message)
    assert found.status == STATUS_USER_SESSION_DELETED


def test_a_break_comes_unasked(connection: ClientConnection) -> None:
    request = ClientRequest(c.SMB2_OPLOCK_BREAK, c.UNSOLICITED_MESSAGE_ID, 1)
    (found,) = connection.feed(answer(request, OplockBreak(oplock_level=1)))
    assert found.request is None
    assert found.body == OplockBreak(oplock_level=1)


def test_several_answers_in_one_message() -> None:
    connection = negotiated(0x0210, dialects=(0x0210,))
    requests = [echo(connection), echo(connection)]
    parts = [answer(r, EchoResponse()) + bytes(4) for r in requests]
    parts[0] = answer(requests[0], EchoResponse(), next_command=72) + bytes(4)
    assert [found.request for found in connection.feed(b"".join(parts))] == requests


@pytest.mark.parametrize("field", ["capabilities", "guid", "security_mode", "dialect"])
def test_a_validation_that_differs_is_a_relay(field: str) -> None:
    connection = negotiated(0x0210, dialects=(0x0210, 0x0300))
    right: dict[str, Any] = {"capabilities": 0, "guid": GUID, "security_mode": 1, "dialect": 0x0210}
    connection.feed(validation(connection, **right))
    wrong = {**right, field: bytes(16) if field == "guid" else 0x302}
    with pytest.raises(ProtocolViolation, match="changed on its way"):
        connection.feed(validation(connection, **wrong))


def validation(connection: ClientConnection, status: int = STATUS_SUCCESS, **values: Any) -> bytes:
    """Validate, signed by both with a key of zeros, and return the answer."""
    session = signed(connection) if not connection.session_table else connection.session_table[5]
    request = connection.tree_connect(session, r"\\srv\a")
    connection.feed(answer(request, TreeConnectResponse(), session_id=5, tree_id=1))
    assert request.tree is not None
    request = connection.validate_negotiate(request.tree)
    assert request.is_signed
    body: Any = IoctlResponse(output=ValidateNegotiateInfoResponse(**values).encode())
    if status:
        body = ErrorResponse()
    message = answer(request, body, session_id=5, tree_id=1, flags=9, status=status)
    assert session.signer is not None
    signature = session.signer.sign(message, request.message_id, from_server=True)
    return message[:48] + signature + message[64:]


def test_an_old_server_may_not_know_how_to_validate() -> None:
    connection = negotiated(0x0210, dialects=(0x0210, 0x0300))
    message = validation(connection, STATUS_INVALID_DEVICE_REQUEST)
    (found,) = connection.feed(message)
    assert found.status == STATUS_INVALID_DEVICE_REQUEST
    for status in (STATUS_ACCESS_DENIED, STATUS_USER_SESSION_DELETED):
        with pytest.raises(ProtocolViolation, match="confirm"):
            connection.feed(validation(connection, status))


def test_negotiating_twice_is_a_local_error(connection: ClientConnection) -> None:
    with pytest.raises(LocalError, match="already"):
        connection.negotiate()
    with pytest.raises(LocalError, match="first message"):
        connection.negotiate_multi_protocol()
    with pytest.raises(LocalError, match="not negotiated"):
        ClientConnection().new_session()


def test_a_refused_logon_is_an_answer(connection: ClientConnection) -> None:
    session = connection.new_session()
    request = connection.session_setup(session, b"token")
    (found,) = connection.feed(answer(request, ErrorResponse(), status=STATUS_LOGON_FAILURE))
    assert found.status == STATUS_LOGON_FAILURE
    assert session.state is SessionState.CLOSED


def test_a_refused_logon_with_the_body_of_another_answer(connection: ClientConnection) -> None:
    """As impacket's server sends it."""
    request = connection.session_setup(connection.new_session(), b"token")
    body = SessionSetupResponse(security_buffer=b"\xa1\7\x30\5\xa0\3\x0a\1\2")
    (found,) = connection.feed(answer(request, body, status=STATUS_LOGON_FAILURE))
    assert found.body == ErrorResponse()
    request = echo(connection)
    with pytest.raises(Malformed):
        connection.feed(answer(request, body, status=STATUS_LOGON_FAILURE))


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from([c.SMB2_NEGOTIATE, c.SMB2_SESSION_SETUP, c.SMB2_TREE_CONNECT, c.SMB2_ECHO]),
    st.binary(max_size=200),
    st.sampled_from([0, STATUS_PENDING, STATUS_MORE_PROCESSING_REQUIRED, STATUS_ACCESS_DENIED]),
    st.integers(0, 15),
)
def test_any_body_is_taken_or_refused(command: int, body: bytes, status: int, flags: int) -> None:
    connection = ClientConnection(GUID, b"salt")
    if command == c.SMB2_NEGOTIATE:
        request = connection.negotiate()
    else:
        connection = negotiated()
        session = connection.new_session()
        request = connection.session_setup(session, b"")
        if command != c.SMB2_SESSION_SETUP:
            session.session_id = 5
            request = connection.request(command, EchoRequest(), session=session)
    header = Header(
        command=command, message_id=request.message_id, status=status, flags=flags, session_id=5
    )
    try:
        connection.feed(header.encode() + body)
    except (Malformed, ProtocolViolation):
        return
    assert flags & c.SMB2_FLAGS_SERVER_TO_REDIR


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_refused(data: bytes) -> None:
    connection = negotiated()
    with pytest.raises((Malformed, ProtocolViolation)):
        connection.feed(data)
