"""Algorithms of 3.1.1, each alone in its context."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from nethood.erref import STATUS_INVALID_PARAMETER
from nethood.errors import ConnectionLost, Error, TimedOut
from nethood.exposure.model import AlgorithmFacts, DialectFacts, ServerFacts, Signing, known
from nethood.exposure.probes.algorithms import probe_algorithms
from nethood.smb2.negotiate_contexts import (
    CompressionCapabilities,
    EncryptionCapabilities,
    NegotiateContext,
    PreauthIntegrityCapabilities,
    SigningCapabilities,
)
from tests.exposure.probes.fake_smb import (
    Answerer,
    FakeNetwork,
    context_of,
    context_on,
    error_body,
    greeting,
    offer_of,
    reply,
)


def spec_server(
    ciphers: Iterable[int] = (), signing: Iterable[int] = (), compression: Iterable[int] = ()
) -> Answerer:
    """Return a server that does as [MS-SMB2] 3.3.5.4 says; an empty list leaves its context out."""

    def peer(request: bytes) -> bytes:
        contexts: list[NegotiateContext] = [PreauthIntegrityCapabilities(salt=bytes(32))]
        for asked in offer_of(request).contexts:
            if isinstance(asked, EncryptionCapabilities) and ciphers:
                common = [number for number in asked.ciphers if number in ciphers]
                contexts.append(EncryptionCapabilities(common[:1] or [0]))
            if isinstance(asked, SigningCapabilities) and signing:
                common = [number for number in asked.signing_algorithms if number in signing]
                contexts.append(SigningCapabilities(common[:1] or [1]))
            if isinstance(asked, CompressionCapabilities) and compression:
                common = [n for n in asked.compression_algorithms if n in compression]
                contexts.append(CompressionCapabilities(common or [0]))
        return greeting(request, contexts=contexts)

    return peer


async def facts_of(peer: Answerer) -> AlgorithmFacts:
    answer = await probe_algorithms(context_of(peer))
    assert answer.value is not None, answer.unknown
    return answer.value


def yes(facts: dict[str, bool | None]) -> list[str]:
    assert None not in facts.values()
    return [name for name, value in facts.items() if value]


async def test_what_the_server_has_is_found() -> None:
    facts = await facts_of(spec_server((2, 4), (1, 2), (1, 3, 5)))
    assert yes(facts.ciphers) == ["AES-128-GCM", "AES-256-GCM"]
    assert yes(facts.signing) == ["AES-CMAC", "AES-GMAC"]
    assert yes(facts.compression) == ["LZNT1", "LZ77+Huffman", "LZ4"]


async def test_without_contexts_there_is_nothing_but_cmac() -> None:
    facts = await facts_of(spec_server())
    assert yes(facts.ciphers) == []
    assert yes(facts.signing) == ["AES-CMAC"]
    assert yes(facts.compression) == []


async def test_every_algorithm_stands_alone_in_its_context() -> None:
    network = FakeNetwork(spec_server((1,), (1,), (1,)))
    await probe_algorithms(context_on(network))
    assert len(network.streams) == 5
    for stream in network.streams:
        request = offer_of(stream.sent[0][1])
        assert request.dialects == [0x0311]
        for context in request.contexts:
            if isinstance(context, EncryptionCapabilities):
                assert len(context.ciphers) in (1, 4)
            if isinstance(context, SigningCapabilities):
                assert len(context.signing_algorithms) in (1, 3)
            if isinstance(context, CompressionCapabilities):
                assert len(context.compression_algorithms) == 1


async def test_a_refused_offer_is_asked_for_apart() -> None:
    honest = spec_server((1, 2, 3, 4), (0, 1, 2), (1,))

    def peer(request: bytes) -> bytes:
        contexts = offer_of(request).contexts
        if any(isinstance(c, CompressionCapabilities) for c in contexts):
            return reply(request, error_body(), status=STATUS_INVALID_PARAMETER)
        return honest(request)  # type: ignore[return-value]

    facts = await facts_of(peer)
    assert len(yes(facts.ciphers)) == 4
    assert len(yes(facts.signing)) == 3
    assert set(facts.compression.values()) == {None}


async def test_an_algorithm_nobody_offered_says_nothing() -> None:
    def peer(request: bytes) -> bytes:
        return greeting(request, contexts=[EncryptionCapabilities([9]), SigningCapabilities([7])])

    facts = await facts_of(peer)
    assert set(facts.ciphers.values()) == {None}
    assert set(facts.signing.values()) == {None}


@pytest.mark.parametrize("error", [ConnectionLost("gone"), TimedOut("silence")])
async def test_one_failure_leaves_the_rest(error: Error) -> None:
    honest = spec_server((1,), (1,), (1,))
    asked: list[bytes] = []

    def peer(request: bytes) -> bytes | Error:
        asked.append(request)
        return error if len(asked) == 2 else honest(request)

    facts = await facts_of(peer)
    assert facts.ciphers["AES-128-CCM"] is True
    assert facts.ciphers["AES-128-GCM"] is None
    assert facts.ciphers["AES-256-GCM"] is (None if isinstance(error, TimedOut) else False)
    assert len(asked) == (2 if isinstance(error, TimedOut) else 5)


async def test_it_is_not_asked_where_3_1_1_is_not_spoken() -> None:
    for dialects, server in ((False, True), (True, False)):
        context = context_of(lambda _: ConnectionLost("not to be asked"))
        if dialects:
            context.report.dialects = known([DialectFacts(0x0311, "3.1.1", False)])
        if server:
            context.report.server = known(
                ServerFacts(0x0302, Signing.ENABLED, "", None, None, None, [], [])
            )
        answer = await probe_algorithms(context)
        assert answer.value is None
        assert "3.1.1" in answer.unknown
        assert not answer.evidence
