"""Bursts: everything is sent at its pace, every answer is taken in."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from nethood.errors import LocalError
from nethood.net.burst import BurstSocket

HERE = "127.0.0.1"


@pytest.fixture
def echo() -> Iterator[socket.socket]:
    """A socket on a free port; the test answers from it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind((HERE, 0))
        peer.settimeout(5)
        yield peer


def test_what_is_sent_arrives_in_order(echo: socket.socket) -> None:
    packets = [bytes([n]) for n in range(100)]
    with BurstSocket(lambda *_: None) as burst:
        burst.send_all((packet, echo.getsockname()) for packet in packets)
        assert (burst.sent, burst.unsendable) == (100, 0)
    assert [echo.recv(10) for _ in packets] == packets


def test_answers_come_with_their_sender(echo: socket.socket) -> None:
    got: list[tuple[bytes, tuple[str, int]]] = []
    with BurstSocket(lambda data, sender: got.append((data, sender))) as burst:
        burst.send_all([(b"?", echo.getsockname())])
        _, sender = echo.recvfrom(10)
        for n in range(500):
            echo.sendto(n.to_bytes(2, "big"), sender)
        burst.collect(0.1)
    assert [data for data, _ in got] == [n.to_bytes(2, "big") for n in range(500)]
    assert {sender for _, sender in got} == {echo.getsockname()}


@pytest.mark.parametrize(("count", "rate"), [(60, 100.0), (1500, 3000.0), (10, 20.0)])
def test_the_rate_is_kept_within_five_percent(echo: socket.socket, count: int, rate: float) -> None:
    with BurstSocket(lambda *_: None) as burst:
        start = time.monotonic()
        burst.send_all(((b"x", echo.getsockname()) for _ in range(count)), rate)
        duration_s = time.monotonic() - start
    # The last packet leaves one interval before the count is full. A busy machine may be
    # slower; being faster than asked for would be a fault.
    assert count / (duration_s + 1 / rate) <= rate * 1.05
    assert duration_s < 2 * count / rate


def test_what_the_system_refuses_is_counted_and_left_out(echo: socket.socket) -> None:
    broadcast = ("255.255.255.255", echo.getsockname()[1])
    with BurstSocket(lambda *_: None) as burst:
        burst.send_all([(b"a", broadcast), (b"b", echo.getsockname())])
        assert (burst.sent, burst.unsendable) == (1, 1)
    assert echo.recv(10) == b"b"


def test_collecting_ends_when_nothing_comes() -> None:
    with BurstSocket(lambda *_: None) as burst:
        start = time.monotonic()
        burst.collect(0.05)
        assert 0.05 <= time.monotonic() - start < 2


def test_an_address_of_others_is_one_sentence() -> None:
    with pytest.raises(LocalError, match=r"^can't send from 192\.0\.2\.1: "):
        BurstSocket(lambda *_: None, "192.0.2.1")
