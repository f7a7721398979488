"""A host that tells its NetBIOS names: `python -m tests.interop.name_teller ADDRESS`."""

from __future__ import annotations

import socket
import sys

from tests.neighborhood.hosts import status_answer

if __name__ == "__main__":
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((sys.argv[1], 137))
        print("listening", flush=True)
        while True:
            data, sender = sock.recvfrom(2048)
            for answer in status_answer(data):
                sock.sendto(answer, sender)
