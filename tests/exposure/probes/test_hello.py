"""What a server tells before anyone logs on, from one connection."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

import pytest

from nethood.auth.ntlm_messages import (
    MSV_AV_DNS_COMPUTER_NAME,
    MSV_AV_DNS_DOMAIN_NAME,
    MSV_AV_DNS_TREE_NAME,
    MSV_AV_NB_COMPUTER_NAME,
    MSV_AV_NB_DOMAIN_NAME,
    MSV_AV_TIMESTAMP,
    ChallengeMessage,
    NegotiateFlags,
    encode_av_pairs,
)
from nethood.auth.spnego_tokens import (
    KERBEROS_OID,
    NTLMSSP_OID,
    NegTokenResp,
    encode_neg_token_init_2,
    encode_neg_token_resp,
)
from nethood.erref import (
    STATUS_LOGON_FAILURE,
    STATUS_MORE_PROCESSING_REQUIRED,
    STATUS_NOT_SUPPORTED,
)
from nethood.errors import ConnectionLost, Error, StatusError, TimedOut
from nethood.exposure.model import Answer, NtlmFacts, ServerFacts, Signing
from nethood.exposure.probes.hello import probe_hello
from nethood.filetime import from_unix_ns
from nethood.smb2.header import Header
from nethood.smb2.session_setup import SessionSetupRequest, SessionSetupResponse
from nethood.text import encode_utf16
from tests.exposure.probes.fake_smb import (
    NOW,
    FakeNetwork,
    context_on,
    error_body,
    greeting,
    offer_of,
    reply,
)

GUID = UUID("00112233-4455-6677-8899-aabbccddeeff")
TIME = from_unix_ns(int(NOW - 90) * 10**9)
TARGET_INFO = [
    (MSV_AV_NB_DOMAIN_NAME, encode_utf16("CORP")),
    (MSV_AV_NB_COMPUTER_NAME, encode_utf16("FILES")),
    (MSV_AV_DNS_DOMAIN_NAME, encode_utf16("corp.example")),
    (MSV_AV_DNS_COMPUTER_NAME, encode_utf16("files.corp.example")),
    (MSV_AV_DNS_TREE_NAME, encode_utf16("example")),
    (MSV_AV_TIMESTAMP, struct.pack("<Q", TIME)),
]


def challenge(flags: int = 0, version: bytes = b"\x0a\0\x63\x45\0\0\0\x0f") -> bytes:
    flags |= NegotiateFlags.UNICODE | NegotiateFlags.TARGET_INFO | NegotiateFlags.VERSION
    message = ChallengeMessage(
        negotiate_flags=flags,
        version=version,
        target_name=encode_utf16("CORP"),
        target_info=encode_av_pairs(TARGET_INFO),
    )
    return encode_neg_token_resp(NegTokenResp(1, NTLMSSP_OID, message.encode()))


@dataclass
class Server:
    """An answerer that greets and then challenges."""

    mechanisms: tuple[str, ...] = (KERBEROS_OID, NTLMSSP_OID)
    token: bytes = field(default_factory=challenge)
    setup_status: int = STATUS_MORE_PROCESSING_REQUIRED
    instead: Error | bytes | None = None
    security_buffer: bytes | None = None
    fields: dict[str, object] = field(default_factory=dict)

    def __call__(self, request: bytes) -> bytes | Error:
        if Header.decode(request).command == 0:
            buffer = self.security_buffer
            if buffer is None:
                buffer = encode_neg_token_init_2(list(self.mechanisms))
            return greeting(request, security_buffer=buffer, **self.fields)
        if self.instead is not None:
            return self.instead
        body = SessionSetupResponse(security_buffer=self.token).encode()
        return reply(request, body, status=self.setup_status)


async def ask(server: Callable[[bytes], bytes | Error]) -> tuple[ServerFacts, Answer[NtlmFacts]]:
    answer, ntlm = await probe_hello(context_on(FakeNetwork(server)))
    assert answer.value is not None, answer.unknown
    return answer.value, ntlm


async def test_everything_comes_from_one_connection() -> None:
    network = FakeNetwork(Server())
    await probe_hello(context_on(network))
    (stream,) = network.streams
    assert not stream.is_open
    hello, setup = (message for _, message in stream.sent)
    assert offer_of(hello).dialects == [0x0202, 0x0210, 0x0300, 0x0302, 0x0311]
    token = bytes(SessionSetupRequest.decode(setup, 64).security_buffer)
    assert b"NTLMSSP\0\1\0\0\0" in token
    assert b"NTLMSSP\0\3\0\0\0" not in token


async def test_what_the_server_tells() -> None:
    fields: dict[str, object] = {
        "server_guid": GUID.bytes_le,
        "system_time": TIME,
        "server_start_time": TIME - 3600 * 10**7,
        "capabilities": 0x07,
        "security_mode": 3,
    }
    facts, _ = await ask(Server(fields=fields))
    assert facts == ServerFacts(
        preferred_dialect=0x0311,
        signing=Signing.REQUIRED,
        server_guid=str(GUID),
        system_time_unix=NOW - 90,
        skew_s=-90,
        boot_time_unix=NOW - 3690,
        capabilities=["DFS", "LEASING", "LARGE_MTU"],
        mechanisms=["Kerberos", "NTLM"],
    )


async def test_zero_times_are_unknown() -> None:
    facts, _ = await ask(Server())
    assert (facts.system_time_unix, facts.skew_s, facts.boot_time_unix) == (None, None, None)


async def test_what_ntlm_tells() -> None:
    _, ntlm = await ask(Server())
    assert ntlm.value == NtlmFacts(
        netbios_computer="FILES",
        netbios_domain="CORP",
        dns_computer="files.corp.example",
        dns_domain="corp.example",
        dns_forest="example",
        os_version="10.0.17763",
        os_build=17763,
        timestamp_unix=NOW - 90,
    )


async def test_no_version_is_no_build() -> None:
    _, ntlm = await ask(Server(token=challenge(version=bytes(8))))
    assert ntlm.value is not None
    assert (ntlm.value.os_version, ntlm.value.os_build) == ("", None)


async def test_a_server_without_ntlm_is_not_asked_for_it() -> None:
    network = FakeNetwork(Server(mechanisms=(KERBEROS_OID,)))
    _, ntlm = await probe_hello(context_on(network))
    assert ntlm.value is None
    assert ntlm.unknown == "the server offers Kerberos, not NTLM"
    assert len(network.streams[0].sent) == 1


async def test_an_unreadable_security_buffer_leaves_mechanisms_out() -> None:
    facts, ntlm = await ask(Server(security_buffer=b"\x60\xff\xff"))
    assert facts.mechanisms == []
    assert ntlm.value is not None


@pytest.mark.parametrize(
    ("server", "reason"),
    [
        (Server(setup_status=STATUS_LOGON_FAILURE), "SESSION_SETUP was answered with"),
        (Server(token=b"garbage"), "the answer makes no sense"),
        (Server(token=b"NTLMSSP\0\2\0\0\0"), "the answer makes no sense"),
        (Server(instead=ConnectionLost("")), "the connection was closed without an answer"),
        (Server(instead=b"\xfeSMB"), "the answer makes no sense"),
        (Server(instead=TimedOut("")), "no answer to SESSION_SETUP within 3 s"),
    ],
)
async def test_without_a_challenge_the_server_is_known_still(server: Server, reason: str) -> None:
    context = context_on(FakeNetwork(server))
    answer, ntlm = await probe_hello(context)
    assert answer.value is not None
    assert ntlm.value is None
    assert ntlm.unknown.startswith(reason)
    assert bool(context.given_up) is isinstance(server.instead, TimedOut)


async def test_a_refused_negotiate_is_a_status() -> None:
    with pytest.raises(StatusError, match="STATUS_NOT_SUPPORTED"):
        await ask(lambda request: reply(request, error_body(), status=STATUS_NOT_SUPPORTED))
