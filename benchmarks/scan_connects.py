"""How many TCP ports of loopback a second the scanner's engine gets through on one core."""

import asyncio
import multiprocessing
import socket
import time
from multiprocessing.connection import Connection

from nethood.net.connect_probe import ConnectProbe

COUNT = 30_000
ROUNDS = 3


def sentence() -> str:
    """Measure closed ports and open ones; return a line."""
    closed = max(asyncio.run(_rate(_free_port())) for _ in range(ROUNDS))
    here, there = multiprocessing.Pipe()
    accepting = multiprocessing.Process(target=_accept, args=(there,), daemon=True)
    accepting.start()
    port = here.recv()
    opened = max(asyncio.run(_rate(port)) for _ in range(ROUNDS))
    accepting.terminate()
    accepting.join()
    return (
        f"Connections a second to loopback, one process, best of {ROUNDS}: {closed:,.0f} where"
        f" the port is closed, {opened:,.0f} where another process accepts (aim: above 20,000)."
    )


async def _rate(port: int) -> float:
    left = COUNT
    news = asyncio.Event()

    def count(_key: int, _outcome: object) -> None:
        nonlocal left
        left -= 1
        news.set()

    probe = ConnectProbe[int](count, wait_s=0.9)
    began = time.perf_counter()
    for number in range(COUNT):
        while not probe.start(number, f"127.1.{number >> 8}.{number & 255}", port):
            news.clear()
            await news.wait()
        if not number % 64:
            await asyncio.sleep(0)
    while left:
        news.clear()
        await news.wait()
    probe.close()
    return COUNT / (time.perf_counter() - began)


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("", 0))
        return int(sock.getsockname()[1])


def _accept(tell: Connection) -> None:
    with socket.socket() as server:
        server.bind(("", 0))
        server.listen(4096)
        tell.send(server.getsockname()[1])
        while True:
            server.accept()[0].close()


if __name__ == "__main__":
    print(sentence())
