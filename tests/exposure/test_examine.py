"""One host in full: what a bad one costs, what an earlier answer spares a later one."""

from __future__ import annotations

import dataclasses
from random import Random
from typing import Any

import pytest

from fuzz.mutate import mutate
from nethood.errors import (
    ConnectError,
    ConnectionLost,
    Error,
    LocalError,
    Malformed,
    TimedOut,
)
from nethood.exposure.context import ProbeOptions, Stream
from nethood.exposure.examine import ROWS, examine, with_needs
from nethood.exposure.model import Answer, HostReport, PortFacts, PortState, Target, known
from nethood.nbt.session import (
    NEGATIVE_SESSION_RESPONSE,
    POSITIVE_SESSION_RESPONSE,
    SESSION_REQUEST,
)
from tests.exposure.probes.fake_smb import ADDRESS, Answerer, FakeNetwork, FakeStream, greeting
from tests.exposure.probes.fake_smb1 import Smb1Server
from tests.exposure.probes.test_hello import Server

SMB_FIELDS = ("server", "ntlm", "smb1", "dialects", "algorithms", "ms17_010")


def answers(report: HostReport) -> dict[str, Answer[Any]]:
    values = ((f.name, getattr(report, f.name)) for f in dataclasses.fields(report))
    return {name: value for name, value in values if isinstance(value, Answer)}


async def look_at(peer: Answerer, **changes: Any) -> tuple[HostReport, FakeNetwork]:
    network = FakeNetwork(peer, **changes)
    return await examine(Target(ADDRESS), network), network


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (TimedOut("no"), "no answer to NEGOTIATE within 3 s"),
        (Malformed("Session packet", "type is 0x48"), "the answer makes no sense: "),
        (b"HTTP/1.1 400 Bad Request" * 4, "the answer makes no sense: "),
    ],
)
async def test_a_host_that_hangs_or_babbles_is_asked_once(
    failure: Error | bytes, reason: str
) -> None:
    report, network = await look_at(lambda _: failure)
    assert len(network.streams) == 2, "the port's state, and one question"
    assert report.server.unknown.startswith(reason)
    assert report.ntlm.unknown.startswith(reason)
    for name in ("smb1", "dialects", "algorithms", "ms17_010"):
        assert answers(report)[name].unknown.startswith(f"not asked after: {reason}")
    assert "3.1.1 is unknown" in report.smbghost.unknown


async def test_a_host_that_resets_costs_no_time_and_tells_nothing() -> None:
    report, _ = await look_at(lambda _: ConnectionLost("reset"))
    for name in SMB_FIELDS:
        answer = answers(report)[name]
        assert answer.value is None
        assert "the connection was closed without an answer" in answer.unknown


async def test_resets_that_take_their_time_end_the_asking(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 100000, 1))
    monkeypatch.setattr("time.perf_counter", lambda: float(next(clock)))
    report, network = await look_at(lambda _: ConnectionLost("reset"))
    assert len(network.streams) < 6
    assert report.ms17_010.value is None
    assert "failures that took" in report.algorithms.unknown


async def test_closed_ports_are_the_reason() -> None:
    report, network = await look_at(greeting, ports=())
    assert report.ports["tcp/445"].value == PortFacts(PortState.CLOSED)
    for name in SMB_FIELDS:
        assert answers(report)[name].unknown == "port 445 is closed and port 139 is closed"
    assert network.connected == [445, 139]
    assert report.is_alive


@pytest.mark.parametrize(
    ("error", "state", "reason"),
    [
        (TimedOut("silence"), PortState.FILTERED, "port 445 is filtered and port 139 is filtered"),
        (ConnectError("no such host"), PortState.CLOSED, "port 445 is closed"),
    ],
)
async def test_port_states(error: Error, state: PortState, reason: str) -> None:
    report, _ = await look_at(greeting, connect_error=error)
    port = report.ports["tcp/445"].value
    assert port is not None
    assert port.state is state
    assert report.server.unknown.startswith(reason)


async def test_a_port_nobody_can_ask_is_unknown_not_closed() -> None:
    error = ConnectError("no connection to port 445: too many files are open here")
    error.__cause__ = OSError(24, "Too many open files")
    report, _ = await look_at(greeting, connect_error=error)
    assert report.ports["tcp/445"].value is None
    assert "too many files" in report.ports["tcp/445"].unknown
    assert "too many files" in report.server.unknown


async def test_a_port_that_was_named_is_not_exchanged_for_139() -> None:
    network = FakeNetwork(greeting, ports=(139,))
    report = await examine(Target(ADDRESS, 4455), network)
    assert report.server.unknown == "port 4455 is closed"


async def test_ports_somebody_found_are_not_asked_again() -> None:
    network = FakeNetwork(greeting)
    ports = {"tcp/445": known(PortFacts(PortState.OPEN, 1.5))}
    report = await examine(Target(ADDRESS), network, ports=ports, only={"dialects"})
    assert report.ports == ports
    assert report.dialects.value is not None
    assert [f.supported for f in report.dialects.value] == [True] * 5


class SessionNetwork(FakeNetwork):
    """A host whose SMB is behind sessions on 139."""

    async def connect(self, address: str, port: int, timeout_s: float) -> Stream:
        await super().connect(address, port, timeout_s)
        self.streams[-1] = SessionStream(self.peer)
        return self.streams[-1]


class SessionStream(FakeStream):
    """A connection that needs a session request first."""

    async def receive(self) -> tuple[int, bytes]:
        kind, message = self.sent[-1]
        if kind == SESSION_REQUEST:
            return POSITIVE_SESSION_RESPONSE, b""
        assert self.sent[0][0] == SESSION_REQUEST, "no session"
        return 0, await self._answered(message)

    async def _answered(self, message: bytes) -> bytes:
        answer = self.answer(message)
        if isinstance(answer, Error):
            raise answer
        return answer


class NoSessionStream(FakeStream):
    async def receive(self) -> tuple[int, bytes]:
        return NEGATIVE_SESSION_RESPONSE, b"\x82"


class NoSessionNetwork(FakeNetwork):
    """A host whose port 139 takes no session."""

    async def connect(self, address: str, port: int, timeout_s: float) -> Stream:
        await super().connect(address, port, timeout_s)
        self.streams[-1] = NoSessionStream(self.peer)
        return self.streams[-1]


async def test_without_445_the_way_is_a_session() -> None:
    network = SessionNetwork(greeting, ports=(139,))
    report = await examine(Target(ADDRESS), network)
    assert report.server.value is not None
    assert report.dialects.value is not None
    assert set(network.connected) == {445, 139}
    assert not any(stream.is_open for stream in network.streams)


async def test_a_session_that_is_refused_is_the_reason() -> None:
    network = NoSessionNetwork(greeting, ports=(139,))
    report = await examine(Target(ADDRESS), network)
    assert "port 139 takes no session: *SMBSERVER: called name not present" in (
        report.server.unknown
    )
    assert not any(stream.is_open for stream in network.streams)


async def test_every_answer_is_told_once_as_it_comes() -> None:
    heard: list[str] = []
    await examine(
        Target(ADDRESS), FakeNetwork(greeting), on_answer=lambda name, _: heard.append(name)
    )
    assert heard[:2] == ["tcp/445", "tcp/139"]
    assert len(heard) == len(set(heard))
    assert {name for row in ROWS for name in row.fields} <= set(heard)


async def test_only_what_was_asked_for_and_what_it_needs() -> None:
    report = await examine(
        Target(ADDRESS), FakeNetwork(Smb1Server()), ProbeOptions(), only={"ms17_010"}
    )
    assert report.ms17_010.value is not None
    assert report.dialects.unknown == "not asked"
    assert report.netbios.unknown == "not asked"
    assert with_needs({"smbghost"}) >= {"server", "ntlm", "algorithms"}
    assert with_needs({"netbios"}) == {"netbios"}


async def test_a_host_that_speaks_smb1_alone() -> None:
    report, _ = await look_at(Smb1Server())
    assert report.smb1.value is not None
    assert report.smb1.value.enabled
    assert report.dialects.value is not None
    assert [facts.supported for facts in report.dialects.value] == [False] * 5
    assert report.smbghost.value is not None
    assert report.smbghost.value.exposed is False
    assert report.ms17_010.value is not None


async def test_time_is_taken_of_each() -> None:
    report, _ = await look_at(greeting)
    assert report.ended_unix >= report.started_unix > 0
    assert all(answer.elapsed_s > 0 for answer in (report.server, report.dialects))


async def test_a_fault_of_ours_is_an_answer_too(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(self: FakeNetwork, *_: object) -> Stream:
        raise LocalError("a name does not fit")

    monkeypatch.setattr(FakeNetwork, "connect", broken)
    ports = {"tcp/445": known(PortFacts(PortState.OPEN))}
    report = await examine(Target(ADDRESS), FakeNetwork(greeting), ports=ports)
    assert report.server.unknown == "a name does not fit"


@pytest.mark.parametrize("seed", range(60))
async def test_no_bytes_a_host_sends_break_it(seed: int) -> None:
    """A peer whose right answers have been tampered with, in SMB1 as in SMB2."""
    random, smb1, hello = Random(seed), Smb1Server(), Server()

    def tampering(request: bytes) -> bytes | Error:
        right = smb1(request) if request[:4] == b"\xffSMB" else hello(request)
        if isinstance(right, Error) or random.random() < 0.3:
            return right
        return mutate(random, right)

    report, network = await look_at(tampering)
    assert all(answer.value is not None or answer.unknown for answer in answers(report).values())
    assert not any(stream.is_open for stream in network.streams)


def test_every_row_fills_fields_of_the_report() -> None:
    names = [name for row in ROWS for name in row.fields]
    assert len(names) == len(set(names))
    fields = {field.name for field in dataclasses.fields(HostReport)}
    assert set(names) <= fields
    for at, row in enumerate(ROWS):
        earlier = {name for before in ROWS[:at] for name in before.fields}
        assert set(row.needs) <= earlier, f"{row.fields} looks at what comes later"
