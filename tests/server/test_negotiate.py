"""What a connection agrees on: dialects, contexts, algorithms, and the way in from SMB1."""

from __future__ import annotations

from itertools import combinations

import pytest

from nethood import erref
from nethood.server.options import Options
from nethood.smb2 import constants as c
from nethood.smb2.header import Header
from nethood.smb2.messages import decode_response
from nethood.smb2.negotiate import NegotiateResponse
from nethood.smb2.negotiate_contexts import (
    CompressionCapabilities,
    EncryptionCapabilities,
    NegotiateContext,
    PreauthIntegrityCapabilities,
    RawNegotiateContext,
    SigningCapabilities,
)
from tests.server.client import DIALECTS, Reply, default_contexts
from tests.server.files import Client
from tests.server.harness import Harness, connection_of, is_dropped, transport_of

OFFERS = [offer for size in range(1, 6) for offer in combinations(DIALECTS, size)]


def smb1_negotiate(*dialects: bytes) -> bytes:
    """Return an SMB_COM_NEGOTIATE request with its prefix ([MS-CIFS] 2.2.4.52.1)."""
    listed = b"".join(b"\x02" + d + b"\0" for d in dialects)
    message = b"\xffSMB\x72" + bytes(27) + b"\x00" + len(listed).to_bytes(2, "little") + listed
    return len(message).to_bytes(4, "big") + message


def answer_to_smb1(client: Client, *dialects: bytes) -> NegotiateResponse:
    client.link.send(smb1_negotiate(*dialects))
    frame = client.link.receive()
    assert frame is not None
    body = decode_response(Header.decode(frame, 4), frame, 68)
    assert isinstance(body, NegotiateResponse)
    return body


@pytest.mark.parametrize("offer", OFFERS, ids=str)
def test_the_highest_common_dialect_is_chosen(harness: Harness, offer: tuple[int, ...]) -> None:
    client = harness.connect()
    assert client.negotiate(*offer).body.dialect_revision == max(offer)
    client.login()
    client.tree_connect()


def test_dialects_nobody_knows_are_passed_over(harness: Harness) -> None:
    offer = (0x0000, 0x0222, 0x02FF, 0x0210, 0x0310, 0xFFFF)
    assert harness.connect().negotiate(*offer).body.dialect_revision == 0x0210


@pytest.mark.parametrize("low", DIALECTS)
@pytest.mark.parametrize("high", DIALECTS)
def test_only_dialects_in_the_allowed_range(low: int, high: int) -> None:
    if low > high:
        return
    harness = Harness(options=Options(min_dialect=low, max_dialect=high))
    assert harness.connect().negotiate().body.dialect_revision == high
    for dialect in DIALECTS:
        status = 0 if low <= dialect <= high else erref.STATUS_NOT_SUPPORTED
        harness.connect().negotiate(dialect, status=status)


def test_a_refused_dialect_is_said(harness: Harness) -> None:
    harness.connect("10.1.2.3").negotiate(0x0222, status=erref.STATUS_NOT_SUPPORTED)
    (sentence,) = harness.sentences("refused")
    assert "10.1.2.3" in sentence
    assert "min_dialect" in sentence


def test_no_dialect_at_all(harness: Harness) -> None:
    client = harness.connect()
    client.dialects = []
    request = Header(command=c.SMB2_NEGOTIATE, credits=1).encode() + b"\x24" + bytes(35)
    client.send_message(request)
    client.wait(0, erref.STATUS_INVALID_PARAMETER)


def test_sizes_and_capabilities_grow_with_the_dialect(harness: Harness) -> None:
    for dialect in DIALECTS:
        body = harness.connect().negotiate(dialect).body
        large = dialect > c.DIALECT_2_0_2
        sizes = {body.max_transact_size, body.max_read_size, body.max_write_size}
        assert sizes == {harness.options.limits.max_transact if large else 65536}
        expected = c.SMB2_GLOBAL_CAP_LARGE_MTU if large else 0
        if dialect in (c.DIALECT_3_0, c.DIALECT_3_0_2):
            expected |= c.SMB2_GLOBAL_CAP_ENCRYPTION
        assert body.capabilities == expected
        assert body.security_mode == 3
        assert body.server_guid == harness.core.server_guid
        assert body.system_time == harness.clock.filetime()


def test_no_encryption_for_a_3_0_client_that_has_none(harness: Harness) -> None:
    client = harness.connect()
    client.client_capabilities = 0
    assert client.negotiate(c.DIALECT_3_0).body.capabilities == c.SMB2_GLOBAL_CAP_LARGE_MTU
    client.login()
    assert connection_of(client).core.cipher == 0


def test_port_139_has_no_multi_credit_requests(harness: Harness) -> None:
    for dialect in DIALECTS:
        body = harness.connect(netbios=True).negotiate(dialect).body
        assert not body.capabilities & c.SMB2_GLOBAL_CAP_LARGE_MTU
        assert body.max_read_size == 65536


def test_a_second_negotiate_ends_the_connection(harness: Harness) -> None:
    for dialect in DIALECTS:
        client = harness.connect()
        client.negotiate(dialect)
        message = Header(command=c.SMB2_NEGOTIATE, message_id=1).encode() + bytes(36)
        client.send_message(message)
        assert is_dropped(client)
        assert not transport_of(client).sent


def test_session_setup_before_negotiate_ends_the_connection(harness: Harness) -> None:
    client = harness.connect()
    client.hint = b""
    with pytest.raises(AssertionError, match="no answer"):
        client.begin_login(protocol="ntlm")
    assert is_dropped(client)


# SMB1


def test_smb_2_002_alone_chooses_2_0_2(harness: Harness) -> None:
    client = harness.connect()
    body = answer_to_smb1(client, b"NT LM 0.12", b"SMB 2.002")
    assert body.dialect_revision == c.DIALECT_2_0_2
    client.message_id = 1
    client.negotiated(body)
    client.login()
    client.tree_connect()


@pytest.mark.parametrize("dialect", DIALECTS)
def test_smb_2_wildcard_leads_to_a_second_negotiate(harness: Harness, dialect: int) -> None:
    client = harness.connect()
    body = answer_to_smb1(client, b"NT LM 0.12", b"SMB 2.002", b"SMB 2.???")
    assert body.dialect_revision == c.DIALECT_WILDCARD
    client.message_id = 1
    assert client.negotiate(dialect).body.dialect_revision == dialect
    client.login()
    client.tree_connect()


def test_the_wildcard_is_not_offered_where_2_0_2_is_the_highest() -> None:
    harness = Harness(options=Options(max_dialect=c.DIALECT_2_0_2))
    body = answer_to_smb1(harness.connect(), b"SMB 2.002", b"SMB 2.???")
    assert body.dialect_revision == c.DIALECT_2_0_2


@pytest.mark.parametrize(
    "frame",
    [
        smb1_negotiate(b"NT LM 0.12"),
        smb1_negotiate(),
        smb1_negotiate(b"SMB 2.0020"),
        smb1_negotiate(b"SMB 2.002").replace(b"\xffSMB\x72", b"\xffSMB\x73"),
        b"\0\0\0\x04\xffSMB",
        smb1_negotiate(*[b"SMB 2.002"] * 1000),
    ],
)
def test_other_smb1_is_refused(harness: Harness, frame: bytes) -> None:
    client = harness.connect()
    client.link.send(frame)
    assert is_dropped(client)
    assert not transport_of(client).sent
    assert "SMB1 is off" in harness.sentences("refused")[0]


def test_smb_2_002_is_refused_where_2_0_2_is_too_low() -> None:
    harness = Harness(options=Options(min_dialect=c.DIALECT_3_0))
    client = harness.connect()
    client.link.send(smb1_negotiate(b"SMB 2.002"))
    assert is_dropped(client)


def test_smb1_after_negotiate_ends_the_connection(harness: Harness) -> None:
    client = harness.connect()
    client.negotiate()
    client.link.send(smb1_negotiate(b"SMB 2.002"))
    assert is_dropped(client)


# Contexts of 3.1.1


def offer(harness: Harness, *contexts: NegotiateContext, status: int = 0) -> Reply:
    return harness.connect().negotiate(0x0311, contexts=list(contexts), status=status)


def chosen(reply: Reply) -> dict[type, list[int]]:
    """Return what the answer's contexts choose."""
    found: dict[type, list[int]] = {}
    for context in reply.body.contexts:
        if isinstance(context, EncryptionCapabilities):
            found[EncryptionCapabilities] = context.ciphers
        elif isinstance(context, SigningCapabilities):
            found[SigningCapabilities] = context.signing_algorithms
        elif isinstance(context, CompressionCapabilities):
            found[CompressionCapabilities] = context.compression_algorithms
    return found


PREAUTH = PreauthIntegrityCapabilities([c.SHA_512], b"s" * 32)
INVALID = erref.STATUS_INVALID_PARAMETER


def test_preauthentication_is_answered_with_a_salt_of_its_own(harness: Harness) -> None:
    salts = set()
    for _ in range(2):
        (context,) = offer(harness, PREAUTH).body.contexts
        assert context.hash_algorithms == [c.SHA_512]
        salts.add(bytes(context.salt))
    assert len(salts) == 2
    assert all(len(salt) == 32 for salt in salts)


def test_preauthentication_must_be_offered(harness: Harness) -> None:
    offer(harness, status=INVALID)
    offer(harness, EncryptionCapabilities([c.AES_128_GCM]), status=INVALID)
    offer(harness, PreauthIntegrityCapabilities([], b""), status=INVALID)


def test_no_hash_in_common(harness: Harness) -> None:
    no_overlap = erref.STATUS_SMB_NO_PREAUTH_INTEGRITY_HASH_OVERLAP
    offer(harness, PreauthIntegrityCapabilities([2, 7], b""), status=no_overlap)
    offer(harness, PreauthIntegrityCapabilities([2, c.SHA_512], b""))


@pytest.mark.parametrize(
    "context",
    [
        PREAUTH,
        EncryptionCapabilities([c.AES_128_GCM]),
        CompressionCapabilities([c.COMPRESSION_LZ77]),
        SigningCapabilities([c.SIGNING_AES_GMAC]),
    ],
    ids=lambda context: type(context).__name__,
)
def test_a_context_may_come_once_only(harness: Harness, context: NegotiateContext) -> None:
    others = [] if context is PREAUTH else [PREAUTH]
    offer(harness, *others, context)
    offer(harness, *others, context, context, status=INVALID)


@pytest.mark.parametrize(
    "context",
    [EncryptionCapabilities([]), CompressionCapabilities([]), SigningCapabilities([])],
    ids=lambda context: type(context).__name__,
)
def test_a_context_must_offer_something(harness: Harness, context: NegotiateContext) -> None:
    offer(harness, PREAUTH, context, status=INVALID)


def test_unknown_contexts_are_ignored(harness: Harness) -> None:
    unknown = [RawNegotiateContext(0x0100, b"x" * 5), RawNegotiateContext(0x7777, b"")]
    reply = offer(harness, *unknown, PREAUTH, *unknown)
    assert len(reply.body.contexts) == 1


@pytest.mark.parametrize(
    ("offered", "cipher"),
    [
        ([c.AES_128_CCM, c.AES_128_GCM], c.AES_128_GCM),
        ([c.AES_256_GCM, c.AES_256_CCM], c.AES_256_GCM),
        ([c.AES_256_CCM, c.AES_128_CCM], c.AES_128_CCM),
        ([c.AES_256_CCM], c.AES_256_CCM),
        ([77, c.AES_128_CCM], c.AES_128_CCM),
        ([77], 0),
    ],
)
def test_the_cipher_is_the_best_of_both(harness: Harness, offered: list[int], cipher: int) -> None:
    client = harness.connect()
    reply = client.negotiate(0x0311, contexts=default_contexts(offered))
    assert chosen(reply)[EncryptionCapabilities] == [cipher]
    client.login()
    client.tree_connect()
    assert connection_of(client).core.cipher == cipher
    if cipher:
        assert client.session is not None
        client.session.encrypt = True
        client.put("a", b"hidden")
        assert client.get("a") == b"hidden"


@pytest.mark.parametrize(
    ("offered", "algorithm"),
    [
        ([c.SIGNING_HMAC_SHA256, c.SIGNING_AES_CMAC, c.SIGNING_AES_GMAC], c.SIGNING_AES_GMAC),
        ([c.SIGNING_HMAC_SHA256, c.SIGNING_AES_CMAC], c.SIGNING_AES_CMAC),
        ([c.SIGNING_HMAC_SHA256], c.SIGNING_HMAC_SHA256),
        ([99], c.SIGNING_AES_CMAC),
    ],
)
def test_the_signing_algorithm_is_the_best_of_both(
    harness: Harness, offered: list[int], algorithm: int
) -> None:
    client = harness.connect()
    reply = client.negotiate(0x0311, contexts=default_contexts(signing=offered))
    assert chosen(reply)[SigningCapabilities] == [algorithm]
    client.login()
    client.tree_connect()
    client.put("a", b"signed")
    assert client.get("a") == b"signed"


def test_no_signing_context_means_cmac(harness: Harness) -> None:
    client = harness.connect()
    reply = client.negotiate(0x0311, contexts=[PREAUTH])
    assert SigningCapabilities not in chosen(reply)
    client.login()
    client.tree_connect()


def test_compression_is_declined(harness: Harness) -> None:
    reply = offer(harness, PREAUTH, CompressionCapabilities([c.COMPRESSION_LZ77]))
    assert chosen(reply)[CompressionCapabilities] == [c.COMPRESSION_NONE]


def test_a_failed_negotiate_leaves_nothing_behind(harness: Harness) -> None:
    """A cipher agreed on in a refused NEGOTIATE must not be used after the next one."""
    for dialect in (c.DIALECT_2_0_2, c.DIALECT_2_1, c.DIALECT_3_1_1):
        client = harness.connect()
        bad = [*default_contexts(signing=()), CompressionCapabilities([])]
        client.negotiate(0x0311, contexts=bad, status=INVALID)
        client.negotiate(dialect, contexts=[PREAUTH] if dialect == 0x0311 else [])
        assert connection_of(client).core.cipher == 0
        client.login()
        client.tree_connect()


# Preauthentication integrity


@pytest.mark.parametrize("byte", [8, 40, 100])
def test_a_changed_negotiate_makes_the_login_fail_the_proof(harness: Harness, byte: int) -> None:
    """Whoever changes what the client saw of NEGOTIATE changes every key of the session."""
    client = harness.connect()
    client.negotiate()
    raw = bytearray(client.preauth.value)
    raw[byte % 64] ^= 1
    client.preauth.value = bytes(raw)
    login = client.begin_login()
    with pytest.raises(AssertionError):
        client.finish_login(login)


def test_two_logins_on_one_connection_have_keys_of_their_own(harness: Harness) -> None:
    client = harness.login()
    first = client.session
    client.login("bob", "hunter2")
    assert client.session is not first
    client.tree_connect()
    client.put("bobs", b"b")
    client.session = first
    assert client.get("bobs") == b"b"
