"""Reads captured traffic for the tests: pcap and pcapng, TCP reassembly, session-service frames.

Loss is normal in captures: after a gap a direction starts again at the next frame it recognises.
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from struct import unpack, unpack_from

ROOT = Path(__file__).parents[2]
PORTS = (139, 445)
MAGICS = (b"\xffSMB", b"\xfeSMB", b"\xfdSMB", b"\xfcSMB")
ETHERNET, RAW_IP, RAW_IP_BSD, LINUX_COOKED, NULL = 1, 101, 12, 113, 0


def folder() -> Path | None:
    """Return the folder of captures: $NETHOOD_CAPTURES, else shared/captures beside the project."""
    named = os.environ.get("NETHOOD_CAPTURES")
    path = Path(named) if named else ROOT.parent / "shared" / "captures"
    return path if path.is_dir() else None


def files() -> list[Path]:
    """Return every capture there is; none where the folder is missing."""
    where = folder()
    names = (".pcap", ".pcapng", ".pcap.gz")
    return sorted(p for p in where.iterdir() if p.name.endswith(names)) if where else []


@dataclass(slots=True)
class Frame:
    """One session-service packet: its type, and what follows its 4-byte header."""

    from_client: bool
    type: int
    payload: bytes


@dataclass(slots=True)
class Conversation:
    """The frames of one TCP connection, in the order they were complete."""

    client: tuple[bytes, int]
    server: tuple[bytes, int]
    frames: list[Frame] = field(default_factory=list)
    gaps: int = 0


def conversations(path: Path) -> list[Conversation]:
    """Return what was said on ports 139 and 445 in the capture *path*."""
    found: dict[tuple[tuple[bytes, int], tuple[bytes, int]], Conversation] = {}
    directions: dict[tuple[tuple[bytes, int], tuple[bytes, int]], _Direction] = {}
    for segment in _segments(path):
        to_server = segment.destination[1] in PORTS
        if not to_server and segment.source[1] not in PORTS:
            continue
        ends = (segment.source, segment.destination)
        key = ends if to_server else ends[::-1]
        talk = found.setdefault(key, Conversation(*key))
        if ends not in directions:
            directions[ends] = _Direction(talk, to_server, talk.server[1] == 445)
        directions[ends].add(segment)
    for direction in directions.values():
        direction.finish()
    return list(found.values())


@dataclass(slots=True)
class _Segment:
    source: tuple[bytes, int]
    destination: tuple[bytes, int]
    sequence: int
    length: int
    data: bytes


class _Direction:
    """One direction of a connection: segments in, frames out."""

    def __init__(self, talk: Conversation, from_client: bool, direct: bool) -> None:
        self._talk = talk
        self._from_client = from_client
        self._direct = direct
        self._next: int | None = None
        self._waiting: dict[int, _Segment] = {}
        self._buffer = bytearray()
        self._synced = True

    def add(self, segment: _Segment) -> None:
        if not segment.length:
            return
        if self._next is None:
            self._next = segment.sequence
        self._waiting.setdefault(segment.sequence, segment)
        self._drain()
        if len(self._waiting) > 200:
            self._skip_gap()

    def finish(self) -> None:
        while self._waiting:
            self._skip_gap()

    def _drain(self) -> None:
        assert self._next is not None
        progress = True
        while progress and self._waiting:
            progress = False
            for sequence in sorted(self._waiting):
                behind = (self._next - sequence) & 0xFFFFFFFF
                if behind < 0x80000000:
                    self._take(self._waiting.pop(sequence), behind)
                    progress = True

    def _take(self, segment: _Segment, behind: int) -> None:
        assert self._next is not None
        fresh = segment.length - behind
        if fresh <= 0:
            return
        self._buffer += segment.data[behind:]
        self._next = (self._next + fresh) & 0xFFFFFFFF
        self._frames()
        if len(segment.data) < segment.length:
            self._lose()

    def _skip_gap(self) -> None:
        assert self._next is not None
        start = self._next
        self._next = min(self._waiting, key=lambda s: (s - start) & 0xFFFFFFFF)
        self._lose()
        self._drain()

    def _lose(self) -> None:
        self._talk.gaps += 1
        self._buffer.clear()
        self._synced = False

    def _frames(self) -> None:
        while self._synced or self._resync():
            buffer = self._buffer
            if len(buffer) < 4:
                return
            kind, length = buffer[0], int.from_bytes(buffer[1:4], "big")
            limit = 0xFFFFFF if self._direct else 0x1FFFF
            if (kind and not 0x81 <= kind <= 0x85) or length > limit:
                self._synced = False
                del buffer[:1]
                continue
            if len(buffer) < 4 + length:
                return
            payload = bytes(buffer[4 : 4 + length])
            self._talk.frames.append(Frame(self._from_client, kind, payload))
            del buffer[: 4 + length]

    def _resync(self) -> bool:
        places = [at for magic in MAGICS if (at := self._buffer.find(magic, 4)) >= 0]
        if not places:
            del self._buffer[: max(0, len(self._buffer) - 7)]
            return False
        del self._buffer[: min(places) - 4]
        if self._buffer[0]:
            del self._buffer[:5]
            return self._resync()
        self._synced = True
        return True


def _segments(path: Path) -> Iterator[_Segment]:
    for link, frame in _packets(path):
        packet = _strip_link(link, frame)
        if packet and (ip := _strip_ip(packet)):
            source, destination, tcp, size = ip
            if len(tcp) >= 20:
                source_port, destination_port, sequence = unpack_from(">HHI", tcp)
                head = (tcp[12] >> 4) * 4
                if tcp[13] & 2:
                    continue
                yield _Segment(
                    (source, source_port),
                    (destination, destination_port),
                    sequence,
                    max(0, size - head),
                    tcp[head:size],
                )


def _strip_link(link: int, frame: bytes) -> bytes:
    if link == ETHERNET:
        at = 14
        while frame[at - 2 : at] == b"\x81\x00":
            at += 4
        return frame[at:] if frame[at - 2 : at] in (b"\x08\x00", b"\x86\xdd") else b""
    skip = {LINUX_COOKED: 16, NULL: 4, RAW_IP: 0, RAW_IP_BSD: 0}.get(link)
    assert skip is not None, f"link type {link} is not known here"
    return frame[skip:]


def _strip_ip(packet: bytes) -> tuple[bytes, bytes, bytes, int] | None:
    """Return source, destination, the TCP packet and its full size."""
    if packet[0] >> 4 == 4:
        head = (packet[0] & 15) * 4
        total = int.from_bytes(packet[2:4], "big") or len(packet)
        if packet[9] != 6 or int.from_bytes(packet[6:8], "big") & 0x3FFF:
            return None
        return packet[12:16], packet[16:20], packet[head:total], total - head
    if packet[0] >> 4 == 6 and packet[6] == 6:
        size = int.from_bytes(packet[4:6], "big")
        return packet[8:24], packet[24:40], packet[40 : 40 + size], size
    return None


def _packets(path: Path) -> Iterator[tuple[int, bytes]]:
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return _pcapng(raw) if raw[:4] == b"\x0a\x0d\x0d\x0a" else _pcap(raw)


def _pcap(raw: bytes) -> Iterator[tuple[int, bytes]]:
    order = "<" if raw[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    (link,) = unpack_from(order + "I", raw, 20)
    at = 24
    while at + 16 <= len(raw):
        (size,) = unpack_from(order + "I", raw, at + 8)
        yield link & 0xFFFF, raw[at + 16 : at + 16 + size]
        at += 16 + size


def _pcapng(raw: bytes) -> Iterator[tuple[int, bytes]]:
    order = "<"
    links: list[int] = []
    at = 0
    while at + 12 <= len(raw):
        if raw[at : at + 4] == b"\x0a\x0d\x0d\x0a":
            order = "<" if raw[at + 8 : at + 12] == b"\x4d\x3c\x2b\x1a" else ">"
            links = []
        kind, size = unpack_from(order + "II", raw, at)
        if kind == 1:
            links.append(unpack_from(order + "H", raw, at + 8)[0])
        elif kind == 6:
            interface, _, _, length = unpack_from(order + "IIII", raw, at + 8)
            yield links[interface], raw[at + 28 : at + 28 + length]
        elif kind == 3:
            (length,) = unpack(order + "I", raw[at + 8 : at + 12])
            yield links[0], raw[at + 12 : at + 12 + min(length, size - 16)]
        at += max(size, 12)
