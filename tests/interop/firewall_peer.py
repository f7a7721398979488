"""Both ends of a firewall: something that answers on every port, and somebody who tries them."""

from __future__ import annotations

import json
import socket
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

TCP_PORTS, UDP_PORTS = (139, 445), (137,)
OURS = "10.77.0.1"
TIMEOUT_S = 0.5


def answer() -> None:
    """Take connections and answer datagrams until ended."""
    listeners = [socket.create_server(("0.0.0.0", port), backlog=64) for port in TCP_PORTS]
    datagrams = [socket.socket(type=socket.SOCK_DGRAM) for _ in UDP_PORTS]
    for one, port in zip(datagrams, UDP_PORTS, strict=True):
        one.bind((OURS, port))  # so that answers come from the address that was asked
        threading.Thread(target=echo, args=(one,), daemon=True).start()
    print("ready", flush=True)
    while True:
        for one in listeners:
            one.settimeout(0.02)
            try:
                one.accept()[0].close()
            except TimeoutError:
                continue


def echo(one: socket.socket) -> None:
    """Send everything back."""
    while True:
        data, sender = one.recvfrom(100)
        one.sendto(data, sender)


def attempt(host: str, case: str) -> str:
    """Return what becomes of "tcp:445:SOURCE"."""
    protocol, port, source = case.split(":")
    kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
    with socket.socket(type=kind) as one:
        one.settimeout(TIMEOUT_S)
        one.bind((source, 0))
        try:
            one.connect((host, int(port)))
            if protocol == "udp":
                one.send(b"x")
                one.recv(100)
        except TimeoutError:
            return "dropped"
        except OSError:
            return "rejected"
    return "open"


def main() -> None:
    """Answer, or try all cases at once."""
    if sys.argv[1] == "answer":
        answer()
    host, *cases = sys.argv[2:]
    with ThreadPoolExecutor(len(cases)) as pool:
        outcomes = list(pool.map(lambda case: attempt(host, case), cases))
    print(json.dumps(dict(zip(cases, outcomes, strict=True))))


if __name__ == "__main__":
    main()
