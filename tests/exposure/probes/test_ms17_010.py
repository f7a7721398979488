"""MS17-010: the status of TRANS_PEEK_NMPIPE, and everything that keeps it from being asked."""

from __future__ import annotations

import pytest

from nethood.erref import (
    STATUS_ACCESS_DENIED,
    STATUS_INSUFF_SERVER_RESOURCES,
    STATUS_INVALID_HANDLE,
    STATUS_NOT_SUPPORTED,
)
from nethood.errors import ConnectionLost
from nethood.exposure.model import Answer, Smb1Facts, known, unknown
from nethood.exposure.probes.ms17_010 import probe_ms17_010
from nethood.smb1 import constants as c
from nethood.smb1.transaction import TransactionRequest
from nethood.smb1.tree_connect import TreeConnectRequest
from tests.exposure.probes.fake_smb import ADDRESS, FakeNetwork, context_on
from tests.exposure.probes.fake_smb1 import TID, UID, Smb1Server

ON: Answer[Smb1Facts] = known(Smb1Facts(enabled=True))


@pytest.mark.parametrize(
    ("status", "missing"),
    [
        (STATUS_INSUFF_SERVER_RESOURCES, True),
        (STATUS_ACCESS_DENIED, False),
        (STATUS_INVALID_HANDLE, False),
    ],
)
async def test_the_status_tells(status: int, missing: bool) -> None:
    context = context_on(FakeNetwork(Smb1Server(peek_status=status)))
    context.report.smb1 = ON
    answer = await probe_ms17_010(context)
    assert answer.value is not None
    assert answer.value.missing is missing
    assert answer.value.status.startswith("STATUS_")
    assert len(answer.evidence) == 4


@pytest.mark.parametrize("status", [0, STATUS_NOT_SUPPORTED, 0xC00000FF])
async def test_any_other_status_says_nothing(status: int) -> None:
    context = context_on(FakeNetwork(Smb1Server(peek_status=status)))
    context.report.smb1 = ON
    answer = await probe_ms17_010(context)
    assert answer.value is None
    assert "says neither" in answer.unknown


async def test_what_is_sent_is_well_formed() -> None:
    server = Smb1Server()
    network = FakeNetwork(server)
    context = context_on(network)
    context.report.smb1 = ON
    await probe_ms17_010(context)
    (stream,) = network.streams
    tree, peek = (message for _, message in stream.sent[2:])
    assert TreeConnectRequest.decode(tree).path == rf"\\{ADDRESS}\IPC$"
    assert TransactionRequest.decode(peek).setup == (0x23, 0)
    assert [h.uid for h in server.heard] == [0, 0, UID, UID]
    assert server.heard[3].tid == TID
    assert not any(h.flags2 & c.SMB_FLAGS2_EXTENDED_SECURITY for h in server.heard)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (c.SMB_COM_NEGOTIATE, "NEGOTIATE was answered"),
        (c.SMB_COM_SESSION_SETUP_ANDX, "an anonymous SMB1 session was refused"),
        (c.SMB_COM_TREE_CONNECT_ANDX, "IPC$ was refused"),
    ],
)
async def test_a_refusal_on_the_way_is_unknown(command: int, words: str) -> None:
    context = context_on(FakeNetwork(Smb1Server(status={command: STATUS_ACCESS_DENIED})))
    context.report.smb1 = ON
    answer = await probe_ms17_010(context)
    assert answer.value is None
    assert answer.unknown.endswith("STATUS_ACCESS_DENIED")
    assert answer.evidence[-1].got == "STATUS_ACCESS_DENIED"
    assert words in answer.unknown


@pytest.mark.parametrize(
    ("smb1", "words"),
    [
        (known(Smb1Facts(enabled=False)), "SMB1 is off"),
        (unknown("no answer"), "whether SMB1 is on is unknown: no answer"),
    ],
)
async def test_it_is_asked_only_where_smb1_is_on(smb1: Answer[Smb1Facts], words: str) -> None:
    network = FakeNetwork(lambda _: ConnectionLost("not to be asked"))
    context = context_on(network)
    context.report.smb1 = smb1
    answer = await probe_ms17_010(context)
    assert answer.value is None
    assert words in answer.unknown
    assert not network.connected
