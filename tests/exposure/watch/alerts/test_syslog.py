"""Syslog against real sockets: UDP, TCP, a local socket of either kind."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from nethood.exposure.watch.alerts.syslog import SyslogChannel, encode_message
from nethood.exposure.watch.events import AlertKind, Fate, Outcome
from nethood.exposure.watch.policy_file import SyslogTable
from tests.exposure.watch.alerts.examples import DEVIATES

# RFC 5424 6: a header of seven fields, no structured data, a BOM, the message.
LINE = re.compile(r"<(\d{1,3})>1 (\S+) (\S+) nethood (\d+) (\S+) - \ufeff(.*)", re.DOTALL)


async def send(address: str, facility: str = "daemon") -> Outcome:
    table = SyslogTable.model_validate(
        {"kind": "syslog", "address": address, "facility": facility, "timeout": "2s"}
    )
    return await SyslogChannel("log", table, "watcher.example").send(DEVIATES)


@contextmanager
def datagrams(family: int, address: tuple[str, int] | str) -> Iterator[socket.socket]:
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.bind(address)
        sock.settimeout(5)
        yield sock


def check_line(message: bytes, priority: int) -> None:
    found = LINE.fullmatch(message.decode())
    assert found is not None, message
    assert int(found[1]) == priority
    assert found.group(2, 3, 5) == ("2026-11-21T00:02:05.000Z", "watcher.example", "deviates")
    assert found[6].startswith("DEVIATES nas.example (10.1.0.7): port 445 is open")
    assert DEVIATES.id in found[6]
    assert "deviation 17" in found[6]


async def test_udp() -> None:
    with datagrams(socket.AF_INET, ("127.0.0.1", 0)) as sock:
        outcome = await send(f"udp://127.0.0.1:{sock.getsockname()[1]}", "local3")
        check_line(sock.recv(4096), 19 * 8 + 4)
    assert outcome.fate is Fate.SENT


async def test_udp_over_ipv6() -> None:
    with datagrams(socket.AF_INET6, ("::1", 0)) as sock:
        assert (await send(f"udp://[::1]:{sock.getsockname()[1]}")).fate is Fate.SENT
        check_line(sock.recv(4096), 3 * 8 + 4)


async def test_udp_that_is_refused_is_noticed() -> None:
    with datagrams(socket.AF_INET, ("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
    outcome = await send(f"udp://127.0.0.1:{port}")
    assert (outcome.fate, outcome.why) == (
        Fate.FAILED,
        f"syslog to 127.0.0.1 port {port}: connection refused",
    )


async def test_tcp_with_octet_counting() -> None:
    got: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.set_result(await reader.read())
        writer.close()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    outcome = await send(f"tcp://127.0.0.1:{listener.sockets[0].getsockname()[1]}")
    listener.close()
    length, _, message = (await got).partition(b" ")
    assert int(length) == len(message)
    check_line(message, 3 * 8 + 4)
    assert outcome.fate is Fate.SENT


async def test_tcp_nobody_there(free_port: int) -> None:
    outcome = await send(f"tcp://127.0.0.1:{free_port}")
    assert (outcome.fate, outcome.why) == (
        Fate.FAILED,
        f"syslog to 127.0.0.1 port {free_port}: connection refused",
    )


async def test_tcp_that_breaks_is_uncertain() -> None:
    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()  # what came is not read: a reset

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    sock = listener.sockets[0]
    fates = {(await send(f"tcp://127.0.0.1:{sock.getsockname()[1]}")).fate for _ in range(5)}
    listener.close()
    assert Fate.UNCERTAIN in fates
    assert fates <= {Fate.UNCERTAIN, Fate.SENT}


async def test_a_local_socket_of_datagrams(tmp_path: Path) -> None:
    path = str(tmp_path / "log")
    with datagrams(socket.AF_UNIX, path) as sock:
        outcome = await send(f"unix://{path}")
        check_line(sock.recv(4096), 3 * 8 + 4)
    assert outcome.fate is Fate.DELIVERED


async def test_a_local_socket_of_a_stream(tmp_path: Path) -> None:
    got: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.set_result(await reader.read())
        writer.close()

    path = str(tmp_path / "log")
    listener = await asyncio.start_unix_server(serve, path)
    assert (await send(f"unix://{path}")).fate is Fate.DELIVERED
    listener.close()
    check_line((await got).partition(b" ")[2], 3 * 8 + 4)


async def test_no_local_socket(tmp_path: Path) -> None:
    outcome = await send(f"unix://{tmp_path}/none")
    assert outcome.fate is Fate.FAILED
    assert outcome.why == f"syslog to {tmp_path}/none: no such file or directory"


@pytest.mark.parametrize(
    ("kind", "severity"),
    [(AlertKind.DEVIATES, 4), (AlertKind.RECOVERED, 5), (AlertKind.HEARTBEAT, 6)],
)
def test_severities(kind: AlertKind, severity: int) -> None:
    message = encode_message(replace(DEVIATES, kind=kind), "kern", "h")
    assert message.startswith(f"<{severity}>1 ".encode())


def test_a_message_is_one_line_and_not_too_long() -> None:
    long = replace(DEVIATES, members=("é\n" * 200,) * 50)
    message = encode_message(long, "daemon", "a host\nwith ünfit name")
    assert len(message) <= 2048
    assert b"\n" not in message
    found = LINE.fullmatch(message.decode())
    assert found is not None
    assert found[3] == "ahostwithnfitname"
