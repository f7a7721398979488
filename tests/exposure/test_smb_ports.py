"""The way to SMB: which port, and which name a session is asked for with."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from nethood.errors import ConnectError, ConnectionLost, Error, Malformed, TimedOut
from nethood.exposure.context import ProbeContext, Stream
from nethood.exposure.model import NetbiosFacts, SessionServiceFacts, Target, known, unknown
from nethood.exposure.smb_ports import open_smb, ports_of, why_no_smb
from nethood.nbt.session import SESSION_REQUEST, SessionRequest
from tests.exposure.probes.fake_smb import ADDRESS, FakeNetwork, FakeStream, context_on, greeting

YES, NO, ELSEWHERE = (0x82, b""), (0x83, b"\x82"), (0x84, bytes(6))


@dataclass
class Session(FakeStream):
    """A connection whose session service answers by the called name."""

    answers: dict[str, tuple[int, bytes] | Error] = field(default_factory=dict)

    async def receive(self) -> tuple[int, bytes]:
        kind, trailer = self.sent[-1]
        assert kind == SESSION_REQUEST
        answer = self.answers[str(SessionRequest.decode(trailer).called)]
        if isinstance(answer, Error):
            raise answer
        return answer


class SessionNetwork(FakeNetwork):
    """A host with port 139 alone."""

    answers: dict[str, tuple[int, bytes] | Error]

    async def connect(self, address: str, port: int, timeout_s: float) -> Stream:
        await super().connect(address, port, timeout_s)
        self.streams[-1] = Session(greeting, answers=self.answers)
        return self.streams[-1]


def behind_139(
    answers: dict[str, tuple[int, bytes] | Error], computer: str = "OLDBOX"
) -> tuple[ProbeContext, SessionNetwork]:
    network = SessionNetwork(greeting, ports=(139,))
    network.answers = answers
    context = context_on(network)
    context.report.netbios = known(NetbiosFacts([], computer, "", "", [], [], 50, 100))
    return context, network


def called(network: FakeNetwork) -> list[str]:
    return [str(SessionRequest.decode(s.sent[0][1]).called) for s in network.streams]


async def test_445_comes_first() -> None:
    network = FakeNetwork(greeting, ports=(445, 139))
    async with await open_smb(context_on(network)):
        assert network.connected == [445]


async def test_a_session_for_any_server_then_for_the_computer() -> None:
    context, network = behind_139({"*SMBSERVER<20>": NO, "OLDBOX<20>": YES})
    async with await open_smb(context):
        assert called(network) == ["*SMBSERVER<20>", "OLDBOX<20>"]
        assert [stream.is_open for stream in network.streams] == [False, True]


async def test_a_name_that_was_taken_before_comes_first() -> None:
    context, network = behind_139({"OLDBOX<20>": YES})
    context.report.session_service = known(SessionServiceFacts(True, "OLDBOX"))
    async with await open_smb(context):
        assert called(network) == ["OLDBOX<20>"]


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (NO, ConnectError, "OLDBOX: called name not present"),
        (ELSEWHERE, ConnectError, "OLDBOX: it sends us elsewhere"),
        (TimedOut(""), TimedOut, r"no answer within 3 s to a session request for \*SMBSERVER"),
        (ConnectionLost(""), ConnectionLost, "a closed connection to a session request"),
        ((0x00, b""), Malformed, "answers no session request"),
        ((0x83, b""), Malformed, "Negative session response"),
    ],
)
async def test_why_there_is_no_session(
    answer: tuple[int, bytes] | Error, error: type[Error], words: str
) -> None:
    context, network = behind_139({"*SMBSERVER<20>": answer, "OLDBOX<20>": answer})
    with pytest.raises(error, match=words):
        await open_smb(context)
    assert not any(stream.is_open for stream in network.streams)


async def test_a_name_that_is_none_is_no_fault() -> None:
    context, network = behind_139({"*SMBSERVER<20>": NO}, computer="much too long a name")
    with pytest.raises(ConnectError, match="longer than 15"):
        await open_smb(context)
    assert not any(stream.is_open for stream in network.streams)


def test_a_port_that_was_named_has_no_other_way() -> None:
    context = context_on(FakeNetwork(greeting, ports=(139,)))
    assert ports_of(context) == (445, 139)
    context.target = Target(ADDRESS, 4455)
    assert ports_of(context) == (4455,)
    context.target = Target(ADDRESS, 139)
    assert ports_of(context) == (139,)


async def test_what_closed_ports_are_called() -> None:
    context = context_on(FakeNetwork(greeting, ports=()))
    assert why_no_smb(context) == "port 445 is closed and port 139 is closed"
    context.report.ports["tcp/139"] = unknown("too many files are open here")
    assert why_no_smb(context).endswith("and port 139: too many files are open here")
    with pytest.raises(ConnectError, match="port 445 is closed"):
        await open_smb(context)
