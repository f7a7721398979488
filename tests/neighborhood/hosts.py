"""Name services for tests: each answers what the test says, on a free port of 127.0.0.1."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager

from nethood.nbt.name_service import NodeStatus, StatusName, node_status_response
from nethood.nbt.node_status import NAME_FLAGS_ACT, NAME_FLAGS_G
from nethood.nbt.packet import Packet
from nethood.net.udp import UdpEndpoint

HERE = "127.0.0.1"
Answer = Callable[[bytes], Iterable[bytes]]

STATUS = NodeStatus(
    (
        StatusName("ATTIC", 0x00),
        StatusName("HOUSE", 0x00, NAME_FLAGS_G | NAME_FLAGS_ACT),
        StatusName("ATTIC", 0x20),
    ),
    bytes.fromhex("020304050607"),
)


def status_answer(data: bytes) -> list[bytes]:
    """Answer a node status request with STATUS."""
    request = Packet.decode(data)
    response = node_status_response(request.name_trn_id, request.questions[0].name, STATUS)
    return [response.encode()]


def silent(asked: list[bytes]) -> Answer:
    """Return what keeps the questions in *asked* and answers nothing."""

    def answer(data: bytes) -> list[bytes]:
        asked.append(data)
        return []

    return answer


@contextmanager
def threaded_host(answer: Answer) -> Iterator[int]:
    """Run a host in a thread of its own, for callers that block; give its port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as here:
        here.bind((HERE, 0))
        port: int = here.getsockname()[1]
        thread = threading.Thread(target=_serve, args=(here, answer), daemon=True)
        thread.start()
        try:
            yield port
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
                last.sendto(b"", (HERE, port))
            thread.join(5)


def _serve(here: socket.socket, answer: Answer) -> None:
    while True:
        data, sender = here.recvfrom(2048)
        if not data:
            return
        for packet in answer(data):
            here.sendto(packet, sender)


@asynccontextmanager
async def host(answer: Answer) -> AsyncIterator[int]:
    """Run a host in the test's own event loop; give its port."""

    def receive(data: bytes, source: tuple[str, int]) -> None:
        for packet in answer(data):
            endpoint.send(packet, source)

    endpoint = UdpEndpoint.open(asyncio.get_running_loop(), HERE, 0, receive)
    try:
        yield endpoint.address[1]
    finally:
        endpoint.close()
