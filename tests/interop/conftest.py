"""Fixtures of the tests against other people's software."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.interop import peers
from tests.interop.server import STAND_IN, RunningServer, ServerOptions, start

HERE = Path(__file__).parent

ServerFactory = Callable[..., RunningServer]


def pytest_report_header() -> str:
    names = (*peers.PROGRAMS, *peers.LIBRARIES)
    known = ", ".join(f"{name} {peers.version(name) or 'MISSING'}" for name in names)
    return f"peers: {known}" + (" (against smbd, not nethood)" if STAND_IN else "")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.interop)


@pytest.fixture(scope="session")
def start_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerFactory]:
    """Return a function from ServerOptions fields to a running server; equal options share one."""
    running: dict[ServerOptions, RunningServer] = {}

    def ask(**options: Any) -> RunningServer:
        wanted = ServerOptions(**options)
        server = running.get(wanted)
        if server is None or server.process.poll() is not None:
            server = running[wanted] = start(wanted, tmp_path_factory.mktemp("server"))
        return server

    yield ask
    for server in running.values():
        server.stop()


@pytest.fixture(scope="session")
def server(start_server: ServerFactory) -> RunningServer:
    """A server with default options on a free port."""
    return start_server()


@pytest.fixture(scope="session")
def make_namespace() -> Iterator[Callable[[], str]]:
    """Return a maker of network namespaces with nothing but loopback: 445 and 139 are free."""
    made: list[str] = []

    def make() -> str:
        peers.need_root()
        name = f"nethood-{os.getpid()}-{len(made)}"
        ran = peers.run(["ip", "netns", "add", name], 10)
        if ran.status:
            peers.missing(f"no network namespace can be made here: {ran.output.strip()}")
        made.append(name)
        up = peers.run(["ip", "link", "set", "lo", "up"], 10, namespace=name)
        assert up.status == 0, up.output
        return name

    yield make
    for name in made:
        peers.run(["ip", "netns", "delete", name], 10)


@pytest.fixture(scope="session")
def real_ports(start_server: ServerFactory, make_namespace: Callable[[], str]) -> RunningServer:
    """A server on ports 445 and 139 of a network namespace."""
    return start_server(namespace=make_namespace())


@pytest.fixture
def local(tmp_path: Path) -> Path:
    """The client's own folder."""
    folder = tmp_path / "local"
    folder.mkdir()
    return folder
