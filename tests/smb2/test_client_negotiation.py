from __future__ import annotations

from typing import Any

import pytest

from nethood.errors import ProtocolViolation
from nethood.smb2 import constants as c
from nethood.smb2.client_negotiation import (
    ALL_CIPHERS,
    Negotiated,
    Offer,
    judge_answer,
    multi_protocol_request,
    negotiate_request,
)
from nethood.smb2.negotiate import NegotiateRequest
from nethood.smb2.negotiate_contexts import (
    CompressionCapabilities,
    EncryptionCapabilities,
    NegotiateContext,
    NetnameNegotiateContextId,
    PreauthIntegrityCapabilities,
    RawNegotiateContext,
    RdmaTransformCapabilities,
    SigningCapabilities,
    TransportCapabilities,
)
from tests.smb2.client_peer import GUID, negotiate_answer

PREAUTH = PreauthIntegrityCapabilities([c.SHA_512], b"salt")
OFFER = Offer(compression_algorithms=(1, 2, 3), rdma_transform_ids=(1,))


def judge(*contexts: NegotiateContext, offer: Offer = OFFER, **fields: Any) -> Negotiated:
    answer = negotiate_answer(contexts=list(contexts), **fields)
    return judge_answer(offer, answer, multi_protocol=False)


def test_the_request_holds_the_offer() -> None:
    offer = Offer(
        security_mode=3, ciphers=(4, 1), signing_algorithms=(2,), compression_algorithms=(3,),
        compression_flags=1, net_name="srv",
    )  # fmt: skip
    body = negotiate_request(offer, GUID, b"salt")
    assert NegotiateRequest.decode(bytes(64) + body.encode()) == body
    assert body.client_guid == GUID
    assert (body.security_mode, body.capabilities) == (3, 0x44)
    assert body.contexts == [
        PreauthIntegrityCapabilities([1], b"salt"),
        EncryptionCapabilities([4, 1]),
        CompressionCapabilities([3], 1),
        SigningCapabilities([2]),
        NetnameNegotiateContextId("srv"),
    ]


@pytest.mark.parametrize(("dialects", "guid", "capabilities"), [
    ((0x0202,), bytes(16), 0),
    ((0x0202, 0x0210), GUID, 0),
    ((0x0300,), GUID, 0x44),
])  # fmt: skip
def test_old_dialects_have_no_contexts(
    dialects: tuple[int, ...], guid: bytes, capabilities: int
) -> None:
    body = negotiate_request(Offer(dialects), GUID, b"salt")
    assert (body.contexts, body.client_guid, body.capabilities) == ([], guid, capabilities)


def test_the_multi_protocol_request_lists_two_dialects() -> None:
    message = multi_protocol_request()
    assert message[:5] == b"\xffSMB\x72"
    word_count, byte_count = message[32], int.from_bytes(message[33:35], "little")
    assert (word_count, byte_count) == (0, len(message) - 35)
    assert message[35:] == b"\x02SMB 2.002\0\x02SMB 2.???\0"


def test_all_facts_of_an_answer() -> None:
    found = judge(
        PREAUTH, EncryptionCapabilities([2]), SigningCapabilities([0]),
        CompressionCapabilities([3, 1], 1), RdmaTransformCapabilities([1]),
        TransportCapabilities(1), RawNegotiateContext(0x777, b"?"),
        security_mode=3, capabilities=0x46, system_time=7, server_start_time=5,
        security_buffer=b"token",
    )  # fmt: skip
    assert (found.dialect_revision, found.security_mode, found.capabilities) == (0x0311, 3, 0x46)
    assert (found.cipher, found.signing_algorithm, found.encryption_cipher) == (2, 0, 2)
    assert (found.compression_algorithms, found.compression_flags) == ((3, 1), 1)
    assert (found.system_time, found.server_start_time) == (7, 5)
    assert (found.security_buffer, found.server_guid) == (b"token", GUID)
    assert found.signing_required
    assert found.signing_enabled
    assert found.supports_multi_credit
    assert found.effective_signing_algorithm == c.SIGNING_HMAC_SHA256


def test_what_the_server_leaves_out_is_none() -> None:
    found = judge(PREAUTH)
    assert (found.cipher, found.signing_algorithm, found.compression_algorithms) == (None,) * 3
    assert found.effective_signing_algorithm == c.SIGNING_AES_CMAC
    assert judge(PREAUTH, EncryptionCapabilities([0])).cipher == 0
    assert judge(PREAUTH, CompressionCapabilities([0])).compression_algorithms == ()


@pytest.mark.parametrize(("dialect", "capabilities", "cipher"), [
    (0x0210, 0x40, 0), (0x0300, 0x40, c.AES_128_CCM), (0x0302, 0x40, c.AES_128_CCM), (0x0300, 4, 0),
])  # fmt: skip
def test_older_dialects_say_by_a_bit_that_they_encrypt(
    dialect: int, capabilities: int, cipher: int
) -> None:
    found = judge(dialect=dialect, capabilities=capabilities)
    assert found.encryption_cipher == cipher


BAD: dict[str, list[NegotiateContext]] = {
    "no preauth": [],
    "two preauths": [PREAUTH, PREAUTH],
    "two hashes": [PreauthIntegrityCapabilities([1, 2], b"")],
    "another hash": [PreauthIntegrityCapabilities([2], b"")],
    "two cipher contexts": [PREAUTH, *[EncryptionCapabilities([2])] * 2],
    "two ciphers": [PREAUTH, EncryptionCapabilities([1, 2])],
    "no cipher": [PREAUTH, EncryptionCapabilities([])],
    "a cipher nobody offered": [PREAUTH, EncryptionCapabilities([9])],
    "two signing contexts": [PREAUTH, *[SigningCapabilities([1])] * 2],
    "two signing algorithms": [PREAUTH, SigningCapabilities([1, 2])],
    "a signing algorithm nobody offered": [PREAUTH, SigningCapabilities([9])],
    "two compression contexts": [PREAUTH, *[CompressionCapabilities([1])] * 2],
    "no compression": [PREAUTH, CompressionCapabilities([])],
    "a compression twice": [PREAUTH, CompressionCapabilities([1, 1])],
    "a compression nobody offered": [PREAUTH, CompressionCapabilities([5])],
    "a compression beyond 31": [PREAUTH, CompressionCapabilities([32])],
    "two rdma contexts": [PREAUTH, *[RdmaTransformCapabilities([1])] * 2],
    "an rdma transform nobody offered": [PREAUTH, RdmaTransformCapabilities([2])],
    "more rdma transforms": [PREAUTH, RdmaTransformCapabilities([1, 1])],
    "two transport contexts": [PREAUTH, *[TransportCapabilities(1)] * 2],
}


@pytest.mark.parametrize("name", BAD)
def test_answers_that_do_not_fit(name: str) -> None:
    with pytest.raises(ProtocolViolation, match="server"):
        judge(*BAD[name])


@pytest.mark.parametrize("cipher", ALL_CIPHERS)
def test_a_cipher_must_have_been_offered(cipher: int) -> None:
    others = tuple(each for each in ALL_CIPHERS if each != cipher)
    assert judge(PREAUTH, EncryptionCapabilities([cipher])).cipher == cipher
    with pytest.raises(ProtocolViolation, match="ciphers"):
        judge(PREAUTH, EncryptionCapabilities([cipher]), offer=Offer(ciphers=others))


@pytest.mark.parametrize("dialect", [0x0311, 0x02FF, 0x0201, 0xFFFF])
def test_a_dialect_must_have_been_offered(dialect: int) -> None:
    with pytest.raises(ProtocolViolation, match="not offered"):
        judge(dialect=dialect, offer=Offer((0x0202, 0x0300)))


def test_multi_protocol_answers_are_2_0_2_or_the_wildcard() -> None:
    for dialect in (0x0202, 0x02FF):
        answer = negotiate_answer(dialect)
        assert judge_answer(Offer(), answer, multi_protocol=True).dialect_revision == dialect
    with pytest.raises(ProtocolViolation, match=r"3\.0"):
        judge_answer(Offer(), negotiate_answer(0x0300), multi_protocol=True)
