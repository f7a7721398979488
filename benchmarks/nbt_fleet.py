"""A fleet of simulated hosts on 127/8 that answer NetBIOS node status requests.

One process and one socket: bound to every address, it learns from IP_PKTINFO which one was asked,
and answers from that one, as nbtscan and nmap expect. By default every second address answers.
"""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

_SO_RCVBUFFORCE = 33
_PKTINFO = getattr(socket, "IP_PKTINFO", 8)
_BUFFER = 256 << 20
_REQUEST_SIZE = 50
_MARK = b"\xf1\xf2\xf3\xf4"
_HEADER = bytes.fromhex("8400 0000 0001 0000 0000")
_STAR = b"\x20CKAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\0"
_RECORD = bytes.fromhex("0021 0001 00000000")
_ROOT = Path(__file__).parents[1]


def answer_tail(host: bytes) -> bytes:
    """Return a node status response without its transaction id, from the address *host*."""
    name = b"PC-" + host.hex().upper().encode()
    names = name.ljust(15) + b"\x00\x04\x00" + name.ljust(15) + b"\x20\x04\x00"
    names += b"FLEET".ljust(15) + b"\x00\x84\x00"
    rdata = b"\x03" + names + b"\x02\x00" + host + bytes(40)
    return _HEADER + _STAR + _RECORD + len(rdata).to_bytes(2, "big") + rdata


def serve(port: int, every: int) -> None:
    """Answer on *port* of every address divisible by *every*, until the process ends."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as fleet:
        try:
            fleet.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
        except PermissionError:
            fleet.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        fleet.setsockopt(socket.IPPROTO_IP, _PKTINFO, 1)
        fleet.bind(("0.0.0.0", port))
        print(fleet.getsockname()[1], flush=True)
        _answer(fleet, every)


def _answer(fleet: socket.socket, every: int) -> None:
    template = answer_tail(_MARK)
    mark_name = _MARK.hex().upper().encode()
    recvmsg, sendmsg = fleet.recvmsg, fleet.sendmsg
    while True:
        data, control, _, sender = recvmsg(512, 64)
        host = control[0][2][8:12]
        if host[3] % every or len(data) != _REQUEST_SIZE:
            continue
        tail = template.replace(mark_name, host.hex().upper().encode()).replace(_MARK, host)
        info = bytes(4) + host + bytes(4)
        sendmsg([data[:2], tail], [(socket.IPPROTO_IP, _PKTINFO, info)], 0, sender)


@contextmanager
def running(port: int = 0, every: int = 2) -> Iterator[int]:
    """Run a fleet as a process of its own; give its port."""
    command = [sys.executable, "-m", "benchmarks.nbt_fleet", "--port", str(port)]
    process = subprocess.Popen(
        [*command, "--every", str(every)], stdout=subprocess.PIPE, text=True, cwd=_ROOT
    )
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline())
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()
        if process.stdout:
            process.stdout.close()


@click.command()
@click.option("--port", default=137, show_default=True)
@click.option("--every", default=2, show_default=True, help="Each how-manieth address answers.")
def main(port: int, every: int) -> None:
    """Answer node status requests on all of 127/8 until ended; print the port."""
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    serve(port, every)


if __name__ == "__main__":
    main()
