"""A dialogue with our own server on a socket, and with peers that say wrong things."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from nethood.erref import (
    STATUS_BAD_NETWORK_NAME,
    STATUS_LOGON_FAILURE,
    STATUS_NOT_SUPPORTED,
    STATUS_OBJECT_NAME_NOT_FOUND,
    STATUS_PENDING,
    STATUS_SUCCESS,
)
from nethood.errors import LocalError, Malformed, ProtocolViolation, StatusError
from nethood.exposure.dialogue import SmbDialogue
from nethood.rpc.client import BindRefused, RpcFault
from nethood.rpc.pdu import Syntax
from nethood.rpc.srvsvc_client import SRVSVC_SYNTAX, encode_server_get_info
from nethood.server import Server
from nethood.server.options import Limits, Options
from nethood.smb2 import constants as c
from nethood.smb2.client import ClientRequest
from nethood.smb2.error import ErrorResponse
from nethood.smb2.oplock_break import OplockBreak
from nethood.smb2.session_setup import SessionSetupResponse
from nethood.store import MemoryStore
from tests.exposure.conversing import RealNetwork, ScriptedStream, dialogue_with
from tests.smb2.client_peer import answer, negotiate_answer

DIALECTS = (0x0202, 0x0210, 0x0300, 0x0302, 0x0311)
SAMR = Syntax.parse("12345778-1234-abcd-ef00-0123456789ac", 1)


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """A server with a share "public" and the user alice."""
    limits = Limits(login_failure_delay_s=0)
    options = Options(server_name="SRV", limits=limits)
    shares = {"public": MemoryStore()}
    async with Server(shares, {"alice": "secret"}, "127.0.0.1:0", options=options) as server:
        yield server.port


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_from_hello_to_the_list_of_shares(port: int, dialect: int) -> None:
    async with dialogue_with(port, dialects=(dialect,)) as dialogue:
        session = await dialogue.logon("alice", "secret")
        assert session.signing_required
        tree = await dialogue.tree_connect("public")
        assert tree.path == r"\\127.0.0.1\public"
        assert tree.maximal_access
        found = await dialogue.share_enum()
        assert [share.name for share in found.shares] == ["public", "IPC$"]
        info = (await dialogue.server_info()).info
        assert info is not None
        assert info.name == "SRV"
        assert dialogue.received.startswith(b"\xfeSMB")


async def test_the_challenge_alone(port: int) -> None:
    async with dialogue_with(port) as dialogue:
        challenge = await dialogue.ntlm_challenge()
        assert challenge.netbios_computer == "SRV"
        assert challenge.timestamp is not None


async def test_what_is_refused_says_what_and_why(port: int) -> None:
    async with dialogue_with(port) as dialogue:
        with pytest.raises(StatusError, match="SESSION_SETUP with STATUS_LOGON_FAILURE") as no:
            await dialogue.logon_anonymous()
        assert no.value.status == STATUS_LOGON_FAILURE
        with pytest.raises(LocalError, match="log on before"):
            await dialogue.tree_connect("public")
        await dialogue.logon("alice", "secret")
        with pytest.raises(StatusError, match=r"TREE_CONNECT to \\\\127\.0\.0\.1\\nowhere") as no:
            await dialogue.tree_connect("nowhere")
        assert no.value.status == STATUS_BAD_NETWORK_NAME
        with pytest.raises(StatusError, match="pipe samr") as no:
            await dialogue.open_pipe("samr")
        assert no.value.status == STATUS_OBJECT_NAME_NOT_FOUND


async def test_remote_procedure_calls(port: int) -> None:
    async with dialogue_with(port) as dialogue:
        await dialogue.logon("alice", "secret")
        pipe = await dialogue.open_pipe("srvsvc")
        with pytest.raises(BindRefused):
            await dialogue.bind(pipe, SAMR)
        pipe = await dialogue.open_pipe("srvsvc")
        client = await dialogue.bind(pipe, SRVSVC_SYNTAX)
        with pytest.raises(RpcFault):
            await dialogue.rpc(pipe, client, 200, b"")
        stub = encode_server_get_info("\\\\" + "x" * 6000)
        assert len(await dialogue.rpc(pipe, client, 21, stub)) > 40
        await dialogue.close_file(pipe)


async def test_it_takes_its_leave(port: int) -> None:
    async with dialogue_with(port) as dialogue:
        session = await dialogue.logon("alice", "secret")
        await dialogue.tree_connect("public")
        await dialogue.open_pipe("srvsvc")
        await dialogue.close()
        assert session.tree_connect_table == {}
        assert dialogue.connection.session_table == {}
        await dialogue.close()


async def test_a_dialect_that_is_not_spoken() -> None:
    options = Options(min_dialect=0x0300)
    async with Server({}, {"alice": "x"}, "127.0.0.1:0", options=options) as server:
        with pytest.raises(StatusError, match="NEGOTIATE with STATUS_NOT_SUPPORTED") as no:
            async with dialogue_with(server.port, dialects=(0x0202,)):
                pass
        assert no.value.status == STATUS_NOT_SUPPORTED


FIRST = ClientRequest(c.SMB2_NEGOTIATE, 0, 1)


async def negotiate(*messages: bytes, kind: int = 0) -> SmbDialogue:
    stream = ScriptedStream(*((kind, message) for message in messages))
    dialogue = SmbDialogue(stream, RealNetwork(), "srv")
    await dialogue.negotiate()
    return dialogue


async def test_what_comes_before_the_answer_is_let_pass() -> None:
    breaking = answer(FIRST, OplockBreak(), command=18, message_id=c.UNSOLICITED_MESSAGE_ID)
    interim = answer(FIRST, ErrorResponse(), status=STATUS_PENDING, flags=3)
    dialogue = await negotiate(breaking, interim, answer(FIRST, negotiate_answer()))
    assert dialogue.connection.negotiated is not None
    with pytest.raises(ProtocolViolation, match="no answer"):
        await negotiate(*[interim] * 100)


@pytest.mark.parametrize(
    ("message", "kind", "error"),
    [
        (b"", 0x82, Malformed),
        (b"", 0, Malformed),
        (b"\xffSMB" + bytes(60), 0, ProtocolViolation),
        (answer(FIRST, negotiate_answer(0x0201)), 0, ProtocolViolation),
        (answer(FIRST, negotiate_answer(contexts=[])), 0, ProtocolViolation),
    ],
)
async def test_answers_that_are_none(message: bytes, kind: int, error: type[Exception]) -> None:
    with pytest.raises(error):
        await negotiate(message, kind=kind)


@pytest.mark.parametrize("status", [STATUS_SUCCESS, STATUS_LOGON_FAILURE])
async def test_a_server_without_questions_has_no_challenge(status: int) -> None:
    dialogue = await negotiate(answer(FIRST, negotiate_answer(), credits=9))
    request = ClientRequest(c.SMB2_SESSION_SETUP, 1, 1)
    body: Any = ErrorResponse() if status else SessionSetupResponse()
    stream = dialogue.stream
    assert isinstance(stream, ScriptedStream)
    stream.packets.append((0, answer(request, body, session_id=1, status=status)))
    with pytest.raises(StatusError if status else ProtocolViolation):
        await dialogue.ntlm_challenge()
