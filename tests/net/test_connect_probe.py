"""Mass connects: open, closed and silent ports told apart, in bounded time and descriptors."""

from __future__ import annotations

import asyncio
import errno
import os
import select
import socket
import sys
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from nethood.net.connect_probe import (
    NO_WAY,
    ConnectProbe,
    Outcome,
    outcome_of,
    raise_open_files,
)

HERE = "127.0.0.1"
WATCHES = [
    False,
    pytest.param(True, marks=pytest.mark.skipif(not hasattr(select, "epoll"), reason="no epoll")),
]


@pytest.fixture
def listening() -> Iterator[int]:
    """Give a port that accepts into its backlog."""
    with socket.socket() as server:
        server.bind((HERE, 0))
        server.listen(256)
        yield server.getsockname()[1]


@pytest.fixture
def closed() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as sock:
        sock.bind((HERE, 0))
        return int(sock.getsockname()[1])


@pytest.fixture
def silent() -> Iterator[int]:
    """Give a port whose backlog is full: the kernel drops what comes."""
    with socket.socket() as server:
        server.bind((HERE, 0))
        server.listen(0)
        fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(server.getsockname())
            fillers.append(filler)
        yield server.getsockname()[1]
        for filler in fillers:
            filler.close()


class Gathered:
    """Outcomes by key, and a wait for so many of them."""

    def __init__(self) -> None:
        self.outcomes: dict[int, Outcome] = {}
        self._news = asyncio.Event()

    def __call__(self, key: int, outcome: Outcome) -> None:
        assert key not in self.outcomes
        self.outcomes[key] = outcome
        self._news.set()

    async def wait_for(self, count: int) -> None:
        async with asyncio.timeout(10):
            while len(self.outcomes) < count:
                self._news.clear()
                await self._news.wait()


@pytest.mark.parametrize("nested", WATCHES)
async def test_three_kinds_of_port(listening: int, closed: int, silent: int, nested: bool) -> None:
    gathered = Gathered()
    probe = ConnectProbe(gathered, wait_s=0.2, nested=nested)
    for key, port in enumerate((listening, closed, silent)):
        assert probe.start(key, HERE, port)
    await gathered.wait_for(3)
    open_, refused, nothing = (gathered.outcomes[key] for key in range(3))
    assert open_.state == "open"
    assert open_.connect_ms is not None
    assert 0 < open_.connect_ms < 200
    assert refused == Outcome("closed")
    assert nothing == Outcome("filtered", reason="no answer")
    assert len(probe) == 0
    probe.close()


@pytest.mark.parametrize("nested", WATCHES)
async def test_the_limit_is_kept_and_room_comes_back(silent: int, nested: bool) -> None:
    gathered = Gathered()
    probe = ConnectProbe(gathered, wait_s=0.1, limit=3, nested=nested)
    assert [probe.start(key, HERE, silent) for key in range(4)] == [True, True, True, False]
    await gathered.wait_for(3)
    assert probe.start(4, HERE, silent)
    probe.close()
    assert len(gathered.outcomes) == 3


async def test_time_outs_come_in_order_and_in_time(silent: int) -> None:
    gathered = Gathered()
    probe = ConnectProbe(gathered, wait_s=0.15)
    began = time.monotonic()
    for key in range(50):
        assert probe.start(key, HERE, silent)
    await gathered.wait_for(50)
    assert list(gathered.outcomes) == list(range(50))
    assert 0.15 <= time.monotonic() - began < 1
    probe.close()


async def test_no_room_in_the_system_is_no_outcome(
    listening: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> socket.socket:
        raise OSError(errno.EMFILE, "too many")

    gathered = Gathered()
    probe = ConnectProbe(gathered, wait_s=0.1)
    with monkeypatch.context() as patch:
        patch.setattr("nethood.net.connect_probe._socket", full)
        assert not probe.start(0, HERE, listening)
    assert not gathered.outcomes
    probe.close()


async def test_an_accepted_connection_is_reset_and_no_byte_is_sent(listening: int) -> None:
    gathered = Gathered()
    with socket.socket() as server:
        server.bind((HERE, 0))
        server.listen(1)
        server.setblocking(False)
        probe = ConnectProbe(gathered, wait_s=1)
        assert probe.start(0, HERE, server.getsockname()[1])
        await gathered.wait_for(1)
        peer, _ = await asyncio.get_running_loop().sock_accept(server)
        with peer, pytest.raises(ConnectionResetError):
            await asyncio.get_running_loop().sock_recv(peer, 1)
        probe.close()


async def test_a_zone_that_does_not_exist_is_an_outcome() -> None:
    gathered = Gathered()
    probe = ConnectProbe(gathered, wait_s=0.1)
    assert probe.start(0, "fe80::1%nosuch0", 445)
    assert gathered.outcomes[0].state == "filtered"
    assert gathered.outcomes[0].reason
    probe.close()


@pytest.mark.parametrize(
    ("error", "state", "word"),
    [
        (0, "open", ""),
        (errno.ECONNREFUSED, "closed", ""),
        (errno.ECONNRESET, "closed", ""),
        (errno.EHOSTUNREACH, "filtered", "can't be reached"),
        (errno.ENETUNREACH, "filtered", "no route"),
        (errno.EACCES, "filtered", "firewall"),
        (errno.ETIMEDOUT, "filtered", "no answer"),
        (errno.EPIPE, "filtered", os.strerror(errno.EPIPE)),
    ],
)
def test_what_an_error_says(error: int, state: str, word: str) -> None:
    outcome = outcome_of(error)
    assert outcome.state == state
    assert word in outcome.reason


@pytest.mark.skipif(sys.platform != "linux", reason="needs all of 127/8")
async def test_twenty_thousand_connects_a_second(closed: int) -> None:
    """Busy machines get three tries; an idle one makes 90,000 a second."""
    rates = []
    for _ in range(3):
        gathered = Gathered()
        probe = ConnectProbe(gathered, wait_s=0.9)
        began = time.monotonic()
        for key in range(5000):
            assert probe.start(key, f"127.1.{key >> 8}.{key & 255}", closed)
        await gathered.wait_for(5000)
        rates.append(5000 / (time.monotonic() - began))
        probe.close()
        assert Counter(o.state for o in gathered.outcomes.values()) == {"closed": 5000}
        if rates[-1] > 20_000:
            break
    assert max(rates) > 20_000


def test_the_limit_of_files_is_at_its_highest() -> None:
    resource = pytest.importorskip("resource")
    limit = raise_open_files()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert limit == (1 << 16 if soft == resource.RLIM_INFINITY else soft)
    assert hard in (soft, resource.RLIM_INFINITY)


@pytest.mark.parametrize("has_source", [True, False])
async def test_no_address_to_ask_from_is_an_outcome_and_no_free_port_is_none(
    has_source: bool, closed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def connect(sock: socket.socket, _destination: object) -> int:
        works = has_source and sock.type == socket.SOCK_DGRAM
        return 0 if works else errno.EADDRNOTAVAIL

    monkeypatch.setattr(socket.socket, "connect_ex", connect)
    told: list[Outcome] = []
    probe = ConnectProbe[int](lambda _key, outcome: told.append(outcome), wait_s=1.0)
    assert probe.start(1, HERE, closed) is not has_source
    assert [outcome.reason in NO_WAY for outcome in told] == ([] if has_source else [True])
    probe.close()
