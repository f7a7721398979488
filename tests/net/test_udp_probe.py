"""UDP to many hosts: answers and refusals come with the address they are about."""

from __future__ import annotations

import asyncio
import errno
import socket
import sys

import pytest

from nethood.errors import ConnectError, TimedOut
from nethood.net.udp_probe import Address, UdpProbe
from nethood.net.udp_question import ask_udp
from tests.neighborhood.hosts import host

HERE = "127.0.0.1"
linux = pytest.mark.skipif(sys.platform != "linux", reason="ICMP errors are told by Linux only")


def closed_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((HERE, 0))
        return int(sock.getsockname()[1])


class Heard:
    """What a probe tells, and a wait for it."""

    def __init__(self) -> None:
        self.answers: list[tuple[bytes, Address]] = []
        self.refusals: list[tuple[Address, int]] = []
        self._news = asyncio.Event()

    def answer(self, data: bytes, sender: Address) -> None:
        self.answers.append((data, sender))
        self._news.set()

    def refusal(self, about: Address, error: int) -> None:
        self.refusals.append((about, error))
        self._news.set()

    async def until(self, count: int) -> None:
        async with asyncio.timeout(5):
            while len(self.answers) + len(self.refusals) < count:
                self._news.clear()
                await self._news.wait()


@linux
async def test_an_answer_and_a_refusal() -> None:
    heard = Heard()
    probe = UdpProbe(heard.answer, heard.refusal)
    nobody = closed_port()
    async with host(lambda data: [data[::-1]]) as port:
        assert probe.send(b"abc", (HERE, nobody)) == 0
        assert probe.send(b"abc", (HERE, port)) == 0
        await heard.until(2)
    assert heard.answers == [(b"cba", (HERE, port))]
    assert heard.refusals == [((HERE, nobody), errno.ECONNREFUSED)]
    probe.close()
    probe.close()


@linux
async def test_many_refusals_do_not_stop_the_sending() -> None:
    heard = Heard()
    probe = UdpProbe(heard.answer, heard.refusal)
    nobody = closed_port()
    destinations = [(f"127.3.0.{number}", nobody) for number in range(1, 201)]
    assert {probe.send(b"abc", destination) for destination in destinations} == {0}
    await heard.until(200)
    assert sorted(heard.refusals) == sorted((d, errno.ECONNREFUSED) for d in destinations)
    probe.close()


async def test_what_can_not_be_sent_is_an_errno() -> None:
    heard = Heard()
    probe = UdpProbe(heard.answer, heard.refusal)
    assert probe.send(b"abc", ("255.255.255.255", 137)) == errno.EACCES
    probe.close()


async def test_a_question_takes_the_answer_that_fits() -> None:
    async with host(lambda data: [b"stray", data + b"!"]) as port:
        answer = await ask_udp(HERE, port, b"who", lambda data: data.startswith(b"who"), 5)
    assert answer == b"who!"


async def test_a_question_nobody_answers() -> None:
    async with host(lambda _: []) as port:
        with pytest.raises(TimedOut, match=f"no answer from {HERE} UDP port {port} in 0.05 s"):
            await ask_udp(HERE, port, b"who", lambda _: True, 0.05)


async def test_a_question_to_a_closed_port() -> None:
    port = closed_port()
    with pytest.raises(ConnectError, match=f"{HERE} says its UDP port {port} is closed"):
        await ask_udp(HERE, port, b"who", lambda _: True, 5)
