"""Logons without an account: yes, no, and neither; how many are tried, and over what."""

from __future__ import annotations

import pytest

from nethood.erref import (
    STATUS_ACCESS_DENIED,
    STATUS_ACCOUNT_DISABLED,
    STATUS_INSUFF_SERVER_RESOURCES,
    STATUS_LOGON_FAILURE,
    STATUS_REQUEST_NOT_ACCEPTED,
    STATUS_SUCCESS,
)
from nethood.errors import ConnectionLost, TimedOut
from nethood.exposure.context import ProbeContext, ProbeOptions
from nethood.exposure.dialogue import SmbDialogue
from nethood.exposure.model import (
    Answer,
    Evidence,
    LogonFacts,
    ServerFacts,
    ShareFacts,
    Signing,
    Smb1Facts,
    known,
    unknown,
)
from nethood.exposure.probes import logon
from nethood.exposure.probes.logon import NOT_ASKED_GUEST, Answers, probe_logons
from nethood.exposure.probes.pipes import PIPES
from nethood.smb2 import constants as c
from tests.exposure.probes.fake_logon import LogonServer
from tests.exposure.probes.fake_smb import FakeNetwork, context_on

REFUSED = (STATUS_LOGON_FAILURE, 0)


def server_facts(*mechanisms: str) -> Answer[ServerFacts]:
    return known(
        ServerFacts(0x0210, Signing.ENABLED, "", None, None, None, [], list(mechanisms or ["NTLM"]))
    )


def context_of(server: LogonServer, *, guest: bool = False) -> tuple[ProbeContext, FakeNetwork]:
    network = FakeNetwork(server)
    context = context_on(network, ProbeOptions(guest=guest))
    context.report.server = server_facts()
    return context, network


async def look(server: LogonServer, *, guest: bool = False) -> Answers:
    context, network = context_of(server, guest=guest)
    answers = await probe_logons(context)
    assert not any(stream.is_open for stream in network.streams)
    return answers


async def test_nobody_is_let_in_and_looks_around_in_one_connection() -> None:
    server = LogonServer(pipes={"srvsvc": STATUS_ACCESS_DENIED, "lsarpc": STATUS_SUCCESS})
    context, network = context_of(server)
    anonymous, guest, shares, pipes = await probe_logons(context)
    assert anonymous.value == LogonFacts(True, "STATUS_SUCCESS", is_null=True)
    assert "SessionFlags 0x0002" in anonymous.evidence[0].got
    assert guest.unknown == NOT_ASKED_GUEST
    assert shares.value is None
    assert shares.unknown.startswith("refused: the server answered CREATE of the pipe srvsvc")
    assert pipes.value is not None
    assert [pipe.name for pipe in pipes.value if pipe.opens] == ["lsarpc"]
    assert len(network.streams) == 1
    assert server.users == [""]
    assert server.commands.count(c.SMB2_TREE_CONNECT) == 1
    assert server.commands.count(c.SMB2_CREATE) == len(PIPES) + 1
    assert server.commands[-2:] == [c.SMB2_TREE_DISCONNECT, c.SMB2_LOGOFF]
    assert c.SMB2_READ not in server.commands


@pytest.mark.parametrize("status", [STATUS_LOGON_FAILURE, STATUS_ACCESS_DENIED])
async def test_a_refusal_is_known(status: int) -> None:
    anonymous, _, shares, pipes = await look(LogonServer(nobody=(status, 0)))
    assert anonymous.value is not None
    assert not anonymous.value.allowed
    for answer in (shares, pipes):
        assert answer.unknown == (
            f"refused: SESSION_SETUP as nobody was answered with {anonymous.value.status}"
        )


@pytest.mark.parametrize("status", [STATUS_INSUFF_SERVER_RESOURCES, STATUS_REQUEST_NOT_ACCEPTED])
async def test_a_server_that_could_not_did_not_refuse(status: int) -> None:
    anonymous, _, shares, _ = await look(LogonServer(nobody=(status, 0)))
    assert anonymous.value is None
    assert "says neither" in anonymous.unknown
    assert shares.unknown == anonymous.unknown


async def test_a_session_that_leads_nowhere() -> None:
    anonymous, _, shares, pipes = await look(LogonServer(ipc=STATUS_ACCESS_DENIED))
    assert anonymous.value is not None
    assert anonymous.value.allowed
    for answer in (shares, pipes):
        assert answer.unknown.startswith("refused: the server answered TREE_CONNECT to")
        assert answer.unknown.endswith(r"IPC$ with STATUS_ACCESS_DENIED")


async def test_nobody_may_be_made_a_guest() -> None:
    server = LogonServer(nobody=(STATUS_SUCCESS, c.SMB2_SESSION_FLAG_IS_GUEST))
    anonymous, *_ = await look(server)
    assert anonymous.value == LogonFacts(True, "STATUS_SUCCESS", is_guest=True)


async def test_guest_is_tried_once_and_only_if_asked_for() -> None:
    server = LogonServer(nobody=REFUSED, guest=(STATUS_ACCOUNT_DISABLED, 0))
    _, guest, shares, _ = await look(server, guest=True)
    assert guest.value == LogonFacts(False, "STATUS_ACCOUNT_DISABLED")
    assert server.users == ["", "guest"]
    assert shares.unknown.startswith("refused: SESSION_SETUP as nobody")


async def test_the_guest_lists_shares_where_nobody_may_not() -> None:
    server = LogonServer(nobody=REFUSED)
    _, guest, _, pipes = await look(server, guest=True)
    assert guest.value == LogonFacts(True, "STATUS_SUCCESS", is_guest=True)
    assert server.commands.count(c.SMB2_CREATE) == 1, "srvsvc, but not the other pipes"
    assert pipes.unknown.startswith("refused: SESSION_SETUP as nobody")


async def test_what_the_guest_is_told_stands_behind_the_refusal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def list_shares(dialogue: SmbDialogue) -> Answer[list[ShareFacts]]:
        assert dialogue.session is not None
        if dialogue.session.is_guest:
            return known([ShareFacts("files", "disk")], Evidence("as guest", "1 shares"))
        return unknown("refused: no", Evidence("as nobody", "no"))

    monkeypatch.setattr(logon, "list_shares", list_shares)
    _, _, shares, _ = await look(LogonServer(), guest=True)
    assert shares.value == [ShareFacts("files", "disk")]
    assert [seen.sent for seen in shares.evidence] == ["as nobody", "as guest"]
    _, _, shares, _ = await look(LogonServer(guest=REFUSED), guest=True)
    assert shares.unknown == "refused: no"


@pytest.mark.parametrize("error", [TimedOut("no answer"), ConnectionLost("closed")])
async def test_a_host_that_hangs_is_not_asked_again(error: TimedOut | ConnectionLost) -> None:
    server = LogonServer(hangs_at={c.SMB2_NEGOTIATE: error})
    context, network = context_of(server, guest=True)
    anonymous, guest, shares, pipes = await probe_logons(context)
    hangs = isinstance(error, TimedOut)
    assert len(network.streams) == (1 if hangs else 2)
    assert bool(context.given_up) is hangs
    assert anonymous.unknown == shares.unknown == pipes.unknown == str(error)
    assert guest.unknown == ("not asked after: no answer" if hangs else str(error))


async def test_what_was_answered_before_the_silence_stays() -> None:
    server = LogonServer(hangs_at={c.SMB2_TREE_CONNECT: TimedOut("no answer")})
    context, _ = context_of(server)
    anonymous, _, shares, pipes = await probe_logons(context)
    assert anonymous.value is not None
    assert anonymous.value.allowed
    assert shares.unknown == pipes.unknown == "no answer"
    assert not context.given_up, "it does answer"


@pytest.mark.parametrize(
    ("server", "smb1", "reason"),
    [
        (server_facts("Kerberos"), None, "the server offers Kerberos, not NTLM"),
        (unknown("closed"), Smb1Facts(enabled=True), "the server speaks SMB1 alone, and"),
        (unknown("closed"), None, "what the server speaks is unknown: closed"),
    ],
)
async def test_where_asking_makes_no_sense(
    server: Answer[ServerFacts], smb1: Smb1Facts | None, reason: str
) -> None:
    context, network = context_of(LogonServer(), guest=True)
    context.report.server = server
    context.report.smb1 = unknown("?") if smb1 is None else known(smb1)
    answers = await probe_logons(context)
    assert all(answer.unknown.startswith(reason) for answer in answers)
    assert network.streams == []
