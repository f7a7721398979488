"""Listening: all addresses or none, accepted connections handed on, ports given back."""

from __future__ import annotations

import asyncio
import errno
import socket

import pytest

from nethood.errors import ConnectError, LocalError
from nethood.net.listener import Listeners, bind

Taken = list[tuple[socket.socket, tuple[str, int], int]]
PATIENCE_S = 20.0


def test_port_0_takes_free_ports() -> None:
    sockets = bind([("127.0.0.1", 0), ("127.0.0.1", 0)])
    ports = {sock.getsockname()[1] for sock in sockets}
    for sock in sockets:
        assert not sock.getblocking()
        sock.close()
    assert len(ports) == 2
    assert 0 not in ports


def test_all_addresses_or_none() -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder, socket.socket() as probe:
        taken = holder.getsockname()[1]
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]
        probe.close()
        with pytest.raises(ConnectError, match="another program holds it"):
            bind([("127.0.0.1", free), ("127.0.0.1", taken)])
        (again,) = bind([("127.0.0.1", free)])
        again.close()


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_an_address_of_another_machine(host: str) -> None:
    with pytest.raises(ConnectError, match="this machine has no such address"):
        bind([(host, 0)])


def test_the_reason_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: socket.socket, address: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", refuse)
    with pytest.raises(ConnectError, match="ports below 1024 need privileges"):
        bind([("127.0.0.1", 445)])


async def test_connections_are_handed_on_with_their_addresses() -> None:
    loop = asyncio.get_running_loop()
    taken: Taken = []
    arrived = asyncio.Event()

    def accepted(sock: socket.socket, peer: tuple[str, int], port: int) -> None:
        taken.append((sock, peer, port))
        if len(taken) == 20:
            arrived.set()

    listeners = Listeners(loop, bind([("127.0.0.1", 0)]), accepted)
    listeners.start()
    ((_, port),) = listeners.addresses
    clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(20)]
    async with asyncio.timeout(PATIENCE_S):
        await arrived.wait()
    assert {peer for _, peer, _ in taken} == {client.getsockname() for client in clients}
    assert {p for _, _, p in taken} == {port}
    for sock, _, _ in taken:
        assert not sock.getblocking()
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        sock.close()
    listeners.close()
    listeners.close()
    for client in clients:
        client.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


class NoFiles(socket.socket):
    """A listener of a process that has no file descriptors left, at first."""

    refusals = 2

    def accept(self) -> tuple[socket.socket, object]:
        if self.refusals:
            self.refusals -= 1
            raise OSError(errno.EMFILE, "Too many open files")
        return super().accept()


async def test_no_file_descriptors_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """The listener is left alone for a moment instead of spinning, and goes on then."""
    monkeypatch.setattr("nethood.net.listener._RETRY_S", 0.01)
    loop = asyncio.get_running_loop()
    listener = NoFiles()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    listener.setblocking(False)
    arrived = asyncio.Event()
    taken: list[socket.socket] = []

    def accepted(sock: socket.socket, peer: tuple[str, int], port: int) -> None:
        taken.append(sock)
        arrived.set()

    listeners = Listeners(loop, [listener], accepted)
    listeners.start()
    client = socket.create_connection(listener.getsockname())
    async with asyncio.timeout(PATIENCE_S):
        await arrived.wait()
    assert listener.refusals == 0
    for sock in (*taken, client):
        sock.close()
    listeners.close()


def test_an_event_loop_that_can_not_watch_sockets() -> None:
    class Proactor(asyncio.SelectorEventLoop):
        def add_reader(self, fd: object, callback: object, *args: object) -> None:
            raise NotImplementedError

    loop = Proactor()
    listeners = Listeners(loop, bind([("127.0.0.1", 0)]), lambda *_: None)
    with pytest.raises(LocalError, match="SelectorEventLoop"):
        listeners.start()
    loop.remove_reader = lambda fd: False  # type: ignore[method-assign]
    listeners.close()
    loop.close()
