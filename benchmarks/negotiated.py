"""What client and server really agreed on, read off the wire through a small relay.

Decoded here by hand, so that the answer depends on neither server's code.
"""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from benchmarks.servers import Server

_DIALECTS = {0x0202: "2.0.2", 0x0210: "2.1", 0x0300: "3.0", 0x0302: "3.0.2", 0x0311: "3.1.1"}
_CIPHERS = {1: "AES-128-CCM", 2: "AES-128-GCM", 3: "AES-256-CCM", 4: "AES-256-GCM"}
_SIGNING = {0: "HMAC-SHA256", 1: "AES-CMAC", 2: "AES-GMAC"}
_ENCRYPTION_CONTEXT, _SIGNING_CONTEXT = 2, 8
_READ, _SIGNED_FLAG = 8, 8


@dataclass
class Relay:
    """A relay in front of a server; answers holds the first bytes of what the server sent."""

    port: int = 0
    answers: bytearray = field(default_factory=bytearray)


@contextmanager
def relay(server: Server) -> Iterator[Relay]:
    """Listen on a free port and pass one connection on to server."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        seen = Relay(port=listener.getsockname()[1])
        worker = threading.Thread(target=_serve, args=(listener, server.port, seen), daemon=True)
        worker.start()
        yield seen
        worker.join(10)


def describe(answers: bytes) -> str:
    """Name dialect, cipher or signing algorithm from the server's bytes of one connection."""
    frames = list(_frames(answers))
    dialect, contexts = _negotiate_response(frames[0])
    sealed = any(frame.startswith(b"\xfdSMB") for frame in frames)
    reads = [f for f in frames if f.startswith(b"\xfeSMB") and f[12:14] == bytes((_READ, 0))]
    signed = any(f[16] & _SIGNED_FLAG for f in reads)
    if sealed:
        how = "encrypted with " + _CIPHERS.get(contexts.get(_ENCRYPTION_CONTEXT, 1), "?")
    elif signed:
        how = "signed with " + _SIGNING.get(contexts.get(_SIGNING_CONTEXT, 1), "?")
    else:
        how = "neither signed nor encrypted"
    return f"SMB {_DIALECTS.get(dialect, hex(dialect))}, {how}"


def _negotiate_response(frame: bytes) -> tuple[int, dict[int, int]]:
    """Return the dialect and, by context type, the first algorithm chosen."""
    dialect, count = struct.unpack_from("<HH", frame, 64 + 4)
    (offset,) = struct.unpack_from("<I", frame, 64 + 60)
    chosen = {}
    for _ in range(count if dialect == 0x0311 else 0):
        kind, length = struct.unpack_from("<HH", frame, offset)
        if kind in (_ENCRYPTION_CONTEXT, _SIGNING_CONTEXT):
            (chosen[kind],) = struct.unpack_from("<H", frame, offset + 8 + 2)
        offset += (8 + length + 7) // 8 * 8
    return dialect, chosen


def _frames(data: bytes) -> Iterator[bytes]:
    at = 0
    while at + 4 <= len(data):
        size = int.from_bytes(data[at + 1 : at + 4], "big")
        yield data[at + 4 : at + 4 + size]
        at += 4 + size


def _serve(listener: socket.socket, port: int, seen: Relay) -> None:
    client, _ = listener.accept()
    with client, socket.create_connection(("127.0.0.1", port)) as server:
        up = threading.Thread(target=_copy, args=(client, server, bytearray()), daemon=True)
        up.start()
        _copy(server, client, seen.answers)
        up.join(10)


def _copy(source: socket.socket, target: socket.socket, kept: bytearray) -> None:
    try:
        while data := source.recv(65536):
            kept += data[: 65536 - len(kept)]
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:  # either side left
        target.close()
