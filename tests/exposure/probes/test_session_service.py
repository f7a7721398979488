"""What a session request to port 139 tells."""

from __future__ import annotations

import pytest

from nethood.errors import Malformed, ProtocolViolation, TimedOut
from nethood.exposure.model import (
    Answer,
    NetbiosFacts,
    PortFacts,
    PortState,
    SessionServiceFacts,
    known,
)
from nethood.exposure.probes.session_service import probe_session_service
from nethood.nbt.name import NetbiosName, encode_name
from tests.exposure.probes.nbt_network import OneHost, SessionStream, context_of

ANY = encode_name(NetbiosName("*SMBSERVER", 0x20))
OWN = encode_name(NetbiosName("OFFICE", 0x20))


def open_139(answers: dict[bytes, tuple[int, bytes]]) -> OneHost:
    """Return a host whose port 139 gives *answers*."""
    return OneHost(stream=lambda: SessionStream(answers))


async def ask(network: OneHost, *, named: bool = False) -> Answer[SessionServiceFacts]:
    """Probe a host whose port was seen open, and whose name is known where *named*."""
    context = context_of(network)
    context.report.ports["tcp/139"] = known(PortFacts(PortState.OPEN))
    if named:
        context.report.netbios = known(NetbiosFacts([], "OFFICE", "WORK", "", [], [], 50, 157))
    return await probe_session_service(context)


def facts(answer: Answer[SessionServiceFacts]) -> SessionServiceFacts:
    """Return what is known, which must be something."""
    assert answer.value is not None
    return answer.value


async def test_a_positive_response() -> None:
    network = open_139({ANY: (0x82, b"")})
    found = facts(await ask(network))
    assert (found.accepted, found.called_name, found.error_code) == (True, "*SMBSERVER", None)
    assert network.streams[0].sent[0][0] == 0x81
    assert network.streams[0].closed


async def test_a_refusal_and_its_reason() -> None:
    result = await ask(open_139({ANY: (0x83, b"\x80")}))
    assert (facts(result).accepted, facts(result).error_code) == (False, 0x80)
    assert result.evidence[0].got == "negative session response: not listening on called name"


async def test_the_own_name_is_tried_where_the_alias_is_unknown() -> None:
    network = open_139({ANY: (0x83, b"\x82"), OWN: (0x82, b"")})
    result = await ask(network, named=True)
    assert (facts(result).accepted, facts(result).called_name) == (True, "OFFICE")
    assert len(result.evidence) == 2
    assert all(stream.closed for stream in network.streams)


async def test_without_a_name_the_refusal_stands() -> None:
    result = await ask(open_139({ANY: (0x83, b"\x82"), OWN: (0x82, b"")}))
    assert (facts(result).accepted, facts(result).called_name) == (False, "*SMBSERVER")


async def test_a_retarget_is_no_acceptance() -> None:
    assert not facts(await ask(open_139({ANY: (0x84, bytes(6))}))).accepted


@pytest.mark.parametrize(
    ("answer", "error"), [((0x00, b"x"), ProtocolViolation), ((0x83, b""), Malformed)]
)
async def test_nonsense_is_an_error(answer: tuple[int, bytes], error: type[Exception]) -> None:
    network = open_139({ANY: answer})
    with pytest.raises(error):
        await ask(network)
    assert network.streams[0].closed


async def test_silence_is_an_error() -> None:
    with pytest.raises(TimedOut):
        await ask(open_139({}))


async def test_a_closed_port_is_not_asked() -> None:
    result = await probe_session_service(context_of(open_139({})))
    assert result.unknown == "tcp/139 is not open"
