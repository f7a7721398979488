"""SMBGhost: "no" only where it is certain, never "yes"."""

from __future__ import annotations

import pytest

from nethood.errors import ConnectionLost
from nethood.exposure.context import ProbeContext
from nethood.exposure.model import (
    AlgorithmFacts,
    Confidence,
    DialectFacts,
    NtlmFacts,
    ServerFacts,
    Signing,
    SmbGhostFacts,
    SoftwareFacts,
    known,
    unknown,
)
from nethood.exposure.probes.smbghost import probe_smbghost
from tests.exposure.probes.fake_smb import context_of


def host(
    *,
    dialect: int = 0x0311,
    build: int | None = 18362,
    compression: tuple[bool | None, ...] | None = (True, False),
) -> ProbeContext:
    context = context_of(lambda _: ConnectionLost("not to be asked"))
    report = context.report
    report.server = known(ServerFacts(dialect, Signing.ENABLED, "", None, None, None, [], []))
    report.ntlm = known(NtlmFacts("", "", "", "", "", "", build, None))
    if compression is not None:
        names = dict(zip(("LZNT1", "LZ77"), compression, strict=True))
        report.algorithms = known(AlgorithmFacts({}, {}, names))
    return context


async def judged(context: ProbeContext) -> SmbGhostFacts:
    answer = await probe_smbghost(context)
    assert answer.value is not None, answer.unknown
    return answer.value


@pytest.mark.parametrize("build", [18362, 18363])
async def test_an_affected_build_that_compresses_is_in_doubt(build: int) -> None:
    facts = await judged(host(build=build))
    assert facts.exposed is None
    assert "KB4551762" in facts.why


@pytest.mark.parametrize(
    ("context", "why"),
    [
        (host(dialect=0x0302, compression=None), "3.1.1 is not supported"),
        (host(compression=(False, False)), "offers no compression"),
        (host(build=17763), "build 17763 is not affected"),
        (host(build=19041, compression=None), "build 19041 is not affected"),
    ],
)
async def test_no_is_said_where_it_is_certain(context: ProbeContext, why: str) -> None:
    facts = await judged(context)
    assert facts.exposed is False
    assert why in facts.why


@pytest.mark.parametrize(
    ("context", "why"),
    [
        (host(compression=None), "whether compression is on is unknown"),
        (host(compression=(False, None)), "not every question had an answer"),
        (host(build=None), "tells no build"),
        (host(build=0), "tells no build"),
    ],
)
async def test_doubt_stays_doubt(context: ProbeContext, why: str) -> None:
    facts = await judged(context)
    assert facts.exposed is None
    assert why in facts.why


async def test_a_single_dialect_counts_more_than_the_preferred_one() -> None:
    context = host(build=18362)
    context.report.dialects = known([DialectFacts(0x0311, "3.1.1", False)])
    assert (await judged(context)).exposed is False


@pytest.mark.parametrize(
    ("confidence", "exposed"), [(Confidence.CERTAIN, False), (Confidence.LIKELY, None)]
)
async def test_other_software_is_a_no_where_it_is_certain(
    confidence: Confidence, exposed: bool | None
) -> None:
    context = host(build=0)
    context.report.software = known(SoftwareFacts("Samba", "", confidence, []))
    assert (await judged(context)).exposed is exposed


async def test_an_unknown_build_is_said_to_be() -> None:
    context = host()
    context.report.ntlm = unknown("the server offers Kerberos, not NTLM")
    facts = await judged(context)
    assert facts.exposed is None
    assert "Kerberos" in facts.why


async def test_nothing_known_is_unknown() -> None:
    context = context_of(lambda _: ConnectionLost("not to be asked"))
    context.report.server = unknown("port 445 is closed")
    context.report.dialects = unknown("port 445 is closed")
    answer = await probe_smbghost(context)
    assert answer.value is None
    assert answer.unknown == "whether the server speaks 3.1.1 is unknown: port 445 is closed"
