"""SMB1: on, off, or not to be known, and what it says of itself."""

from __future__ import annotations

import pytest

from nethood.erref import STATUS_ACCESS_DENIED, STATUS_LOGON_FAILURE, STATUS_NOT_SUPPORTED
from nethood.errors import ConnectionLost, Error, Malformed, ProtocolViolation, TimedOut
from nethood.exposure.context import ProbeContext, Stream
from nethood.exposure.model import NtlmFacts, ServerFacts, Signing, known
from nethood.exposure.probes.smb1 import probe_smb1
from nethood.smb1 import constants as c
from nethood.smb1.header import Header
from nethood.smb1.session_setup import PasswordSessionSetupRequest, SessionSetupRequest
from tests.exposure.probes.fake_smb import FakeNetwork, FakeStream, context_of, context_on
from tests.exposure.probes.fake_smb1 import Smb1Server
from tests.exposure.probes.test_hello import challenge


def context_with_smb2(server: Smb1Server) -> ProbeContext:
    context = context_of(server)
    context.report.server = known(
        ServerFacts(0x0311, Signing.ENABLED, "", None, None, None, [], [])
    )
    return context


async def test_on_with_everything_it_tells() -> None:
    answer = await probe_smb1(context_of(Smb1Server()))
    facts = answer.value
    assert facts is not None
    assert facts.enabled
    assert (facts.dialect, facts.native_os) == ("NT LM 0.12", "Windows 5.1")
    assert facts.native_lan_manager == "Windows 2000 LAN Manager"
    assert facts.user_level_security is True
    assert facts.plaintext_passwords is False
    assert facts.system_time_unix == 1_795_449_600
    assert facts.time_zone_min == -60
    assert facts.extended_security is True
    assert [e.data_hex[:8] for e in answer.evidence] == ["ff534d42"] * 2


@pytest.mark.parametrize(
    ("mode", "signing"),
    [(0x03, Signing.OFF), (0x07, Signing.ENABLED), (0x0F, Signing.REQUIRED)],
)
async def test_signing_is_what_the_server_states(mode: int, signing: Signing) -> None:
    answer = await probe_smb1(context_of(Smb1Server(mode)))
    assert answer.value is not None
    assert answer.value.signing is signing


async def test_share_level_and_plaintext_are_told() -> None:
    answer = await probe_smb1(context_of(Smb1Server(0)))
    assert answer.value is not None
    assert answer.value.user_level_security is False
    assert answer.value.plaintext_passwords is True


async def test_with_extended_security_the_logon_ends_at_the_challenge() -> None:
    network = FakeNetwork(Smb1Server())
    await probe_smb1(context_on(network))
    (stream,) = network.streams
    assert len(stream.sent) == 2
    setup = SessionSetupRequest.decode(stream.sent[1][1])
    assert b"NTLMSSP\0\1" in setup.security_blob
    assert setup.session_key == 0x1234


async def test_the_challenge_is_taken_where_smb2_gave_none() -> None:
    context = context_of(Smb1Server(token=challenge()))
    await probe_smb1(context)
    assert context.report.ntlm.value is not None
    assert context.report.ntlm.value.dns_computer == "files.corp.example"
    assert context.report.ntlm.value.os_version == "10.0.17763"
    garbled = context_of(Smb1Server(token=b"token"))
    assert (await probe_smb1(garbled)).value is not None
    assert garbled.report.ntlm.unknown.startswith("the answer makes no sense")
    told = context_of(Smb1Server(token=challenge()))
    told.report.ntlm = known(NtlmFacts("SMB2", "", "", "", "", "", None, None))
    before = told.report.ntlm
    await probe_smb1(told)
    assert told.report.ntlm is before


async def test_without_it_nobody_logs_on() -> None:
    network = FakeNetwork(Smb1Server(extended_security=False))
    answer = await probe_smb1(context_on(network))
    setup = PasswordSessionSetupRequest.decode(network.streams[0].sent[1][1])
    assert setup.oem_password == setup.unicode_password == b""
    assert setup.account_name == ""
    assert answer.value is not None
    assert answer.value.primary_domain == "GROUP"
    assert answer.value.server_name == "OLD"


@pytest.mark.parametrize(
    "setup",
    [
        Smb1Server(status={c.SMB_COM_SESSION_SETUP_ANDX: STATUS_LOGON_FAILURE}),
        Smb1Server(instead={c.SMB_COM_SESSION_SETUP_ANDX: ConnectionLost("gone")}),
        Smb1Server(instead={c.SMB_COM_SESSION_SETUP_ANDX: b"\xffSMB"}),
    ],
)
async def test_a_refused_logon_leaves_the_rest(setup: Smb1Server) -> None:
    answer = await probe_smb1(context_of(setup))
    assert answer.value is not None
    assert answer.value.enabled
    assert answer.value.native_os == ""
    assert len(answer.evidence) == 2


@pytest.mark.parametrize(
    "server",
    [
        Smb1Server(dialect_index=c.NO_DIALECT),
        Smb1Server(status={c.SMB_COM_NEGOTIATE: STATUS_NOT_SUPPORTED}),
        Smb1Server(instead={c.SMB_COM_NEGOTIATE: ConnectionLost("closed")}),
        Smb1Server(instead={c.SMB_COM_NEGOTIATE: b"\xfeSMB" + bytes(60)}),
    ],
)
async def test_off_where_smb2_was_answered(server: Smb1Server) -> None:
    answer = await probe_smb1(context_with_smb2(server))
    assert answer.value is not None
    assert answer.value.enabled is False
    assert answer.evidence


@pytest.mark.parametrize("error", [ConnectionLost(""), TimedOut("")])
async def test_a_host_that_never_answered_says_nothing(error: Error) -> None:
    with pytest.raises(type(error), match="an SMB1 NEGOTIATE"):
        await probe_smb1(context_of(Smb1Server(instead={c.SMB_COM_NEGOTIATE: error})))


async def test_an_answer_to_another_message_is_not_a_no() -> None:
    stray = Header(command=c.SMB_COM_NEGOTIATE, flags=c.SMB_FLAGS_REPLY, mid=9).encode()
    with pytest.raises(ProtocolViolation, match="belongs to another message"):
        await probe_smb1(context_with_smb2(Smb1Server(instead={c.SMB_COM_NEGOTIATE: stray})))


async def test_a_session_that_does_not_come_about_is_not_a_no() -> None:
    class Closing(FakeStream):
        async def receive(self) -> tuple[int, bytes]:
            raise ConnectionLost("closed")

    class SessionNetwork(FakeNetwork):
        async def connect(self, address: str, port: int, timeout_s: float) -> Stream:
            return Closing(self.peer)

    context = context_on(SessionNetwork(Smb1Server(), ports=(139,)))
    context.report.server = context_with_smb2(Smb1Server()).report.server
    with pytest.raises(ConnectionLost, match="a session request for"):
        await probe_smb1(context)


async def test_silence_to_smb1_alone_does_not_end_the_asking() -> None:
    context = context_with_smb2(Smb1Server(instead={c.SMB_COM_NEGOTIATE: TimedOut("")}))
    answer = await probe_smb1(context)
    assert answer.value is None
    assert answer.unknown == "no answer to an SMB1 NEGOTIATE within 3 s"
    assert not context.given_up


async def test_another_refusal_is_unknown() -> None:
    server = Smb1Server(status={c.SMB_COM_NEGOTIATE: STATUS_ACCESS_DENIED})
    answer = await probe_smb1(context_of(server))
    assert answer.value is None
    assert "STATUS_ACCESS_DENIED" in answer.unknown
    lie = await probe_smb1(context_of(Smb1Server(dialect_index=7)))
    assert lie.value is None


@pytest.mark.parametrize("answer", [b"\xffSMB", b"HTTP/1.1 400", Malformed("frame", "is none")])
async def test_garbage_is_malformed(answer: bytes | Error) -> None:
    server = Smb1Server(instead={c.SMB_COM_NEGOTIATE: answer})
    with pytest.raises(Malformed):
        await probe_smb1(context_of(server))
