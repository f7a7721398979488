"""Dialects one by one: what counts as yes, as no, and as no answer."""

from __future__ import annotations

import pytest

from nethood.erref import (
    STATUS_ACCESS_DENIED,
    STATUS_INVALID_PARAMETER,
    STATUS_NOT_SUPPORTED,
)
from nethood.errors import ConnectError, ConnectionLost, Error, Malformed, TimedOut
from nethood.exposure.model import DialectFacts, ServerFacts, Signing, Smb1Facts, known
from nethood.exposure.probes.dialects import probe_dialects
from nethood.smb2.constants import PROTOCOL_ID_SMB1
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

SERVER = ServerFacts(0x0311, Signing.ENABLED, "", None, None, None, [], [])


def only(wanted: int, otherwise: Answerer) -> Answerer:
    """Return a peer that takes the dialect *wanted* and does *otherwise* with any other."""

    def peer(request: bytes) -> bytes | Error:
        return greeting(request) if offer_of(request).dialects == [wanted] else otherwise(request)

    return peer


def refuse(request: bytes) -> bytes:
    return reply(request, error_body(), status=STATUS_NOT_SUPPORTED)


async def facts_of(peer: Answerer) -> dict[str, DialectFacts]:
    answer = await probe_dialects(context_of(peer))
    assert answer.value is not None, answer.unknown
    return {facts.name: facts for facts in answer.value}


async def test_each_dialect_is_asked_for_alone_in_a_connection_of_its_own() -> None:
    network = FakeNetwork(greeting)
    await probe_dialects(context_on(network))
    asked = [offer_of(stream.sent[0][1]).dialects for stream in network.streams]
    assert asked == [[0x0202], [0x0210], [0x0300], [0x0302], [0x0311]]
    assert not any(stream.is_open for stream in network.streams)


async def test_not_supported_is_a_no() -> None:
    facts = await facts_of(only(0x0302, refuse))
    assert {name: f.supported for name, f in facts.items()} == {
        "2.0.2": False, "2.1": False, "3.0": False, "3.0.2": True, "3.1.1": False
    }  # fmt: skip
    assert not any(f.problem for f in facts.values())


@pytest.mark.parametrize(
    ("security_mode", "signing"),
    [(0, Signing.OFF), (1, Signing.ENABLED), (2, Signing.REQUIRED), (3, Signing.REQUIRED)],
)
async def test_signing_is_what_the_server_states(security_mode: int, signing: Signing) -> None:
    facts = await facts_of(lambda request: greeting(request, security_mode=security_mode))
    assert {f.signing for f in facts.values()} == {signing}
    assert {f.security_mode for f in facts.values()} == {security_mode}


async def test_capabilities_and_sizes_are_told() -> None:
    facts = await facts_of(
        lambda request: greeting(request, capabilities=0x145, max_read_size=1, max_write_size=2)
    )
    assert facts["3.0"].capabilities == ["DFS", "LARGE_MTU", "ENCRYPTION", "0x00000100"]
    assert (facts["3.0"].max_read_size, facts["3.0"].max_write_size) == (1, 2)


async def test_3_x_capabilities_are_offered_to_3_x_alone() -> None:
    network = FakeNetwork(greeting)
    await probe_dialects(context_on(network))
    offered = [offer_of(stream.sent[0][1]).capabilities for stream in network.streams]
    assert offered == [0, 0, 0x7F, 0x7F, 0xFF]


@pytest.mark.parametrize(
    ("otherwise", "problem"),
    [
        (lambda _: ConnectionLost("x"), "the connection was closed without an answer to NEGOTIATE"),
        (
            lambda r: reply(r, error_body(), status=STATUS_INVALID_PARAMETER),
            "NEGOTIATE was answered with STATUS_INVALID_PARAMETER",
        ),
        (lambda r: greeting(r)[:70], "the answer makes no sense: "),
        (lambda r: reply(r, b"", flags=0), "the answer is marked as a request"),
        (
            lambda r: PROTOCOL_ID_SMB1.to_bytes(4, "little") + r[4:],
            "an SMB2 message was answered in SMB1",
        ),
    ],
)
async def test_what_is_no_answer_leaves_that_dialect_unknown(
    otherwise: Answerer, problem: str
) -> None:
    context = context_of(only(0x0210, otherwise))
    context.report.server = known(SERVER)
    answer = await probe_dialects(context)
    assert answer.value is not None
    assert [f.supported for f in answer.value] == [None, True, None, None, None]
    assert all(f.problem.startswith(problem) for f in answer.value if f.supported is None)


@pytest.mark.parametrize(("taken", "name"), [(0x0202, "2.0.2"), (0x02FF, "0x02FF")])
async def test_another_dialect_than_the_one_offered_is_a_no(taken: int, name: str) -> None:
    context = context_of(lambda request: greeting(request, dialect_revision=taken))
    answer = await probe_dialects(context)
    assert answer.value is not None
    *others, newest = answer.value
    assert (newest.supported, newest.signing) == (False, None)
    assert newest.problem == f"NEGOTIATE was answered with dialect {name}, not offered"
    assert answer.evidence[-1].got.startswith(f"STATUS_SUCCESS, DialectRevision 0x{taken:04X}")
    assert [f.supported for f in others] == [taken == 0x0202, False, False, False]
    assert not context.given_up


async def test_silence_ends_the_asking() -> None:
    network = FakeNetwork(only(0x0202, lambda _: TimedOut("silence")))
    context = context_on(network)
    answer = await probe_dialects(context)
    assert len(network.streams) == 2
    assert context.given_up == "no answer to NEGOTIATE within 3 s"
    assert answer.value is not None
    assert [f.supported for f in answer.value] == [True, None, None, None, None]
    assert answer.value[4].problem == "not asked after: no answer to NEGOTIATE within 3 s"


async def test_closing_on_smb2_is_a_no_where_smb1_was_answered() -> None:
    context = context_of(lambda _: ConnectionLost("closed"))
    context.report.smb1 = known(Smb1Facts(enabled=True))
    answer = await probe_dialects(context)
    assert answer.value is not None
    assert [f.supported for f in answer.value] == [False] * 5
    assert "SMB1 alone" in answer.value[0].problem


@pytest.mark.parametrize(
    "error", [ConnectionLost("gone"), ConnectError("closed"), Malformed("", "")]
)
async def test_no_answer_at_all_is_unknown(error: Error) -> None:
    answer = await probe_dialects(context_of(lambda _: error))
    assert answer.value is None
    assert answer.unknown


async def test_evidence_says_it_in_words_and_bytes() -> None:
    answer = await probe_dialects(
        context_of(only(0x0311, lambda r: reply(r, error_body(), status=STATUS_ACCESS_DENIED)))
    )
    said = answer.evidence[-1]
    assert "STATUS_SUCCESS, DialectRevision 0x0311, SecurityMode 0x0001" in said.got
    assert said.data_hex.startswith("fe534d42")
    assert len(said.data_hex) <= 256
    assert answer.evidence[0].got == "STATUS_ACCESS_DENIED"
