"""One specification of targets as a person writes it, and files of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path

from nethood.errors import LocalError

SMB_PORT = 445
MAX_FILE_SIZE = 64 << 20
"""In bytes: some four million lines."""

_NAME = re.compile(r"(?=.{1,253}$)(?=.*[A-Za-z_])[A-Za-z0-9_][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*\.?")
_LOOKS_NUMERIC = re.compile(r"[0-9.:/-]+")
_EXAMPLES = "write it like 192.168.1.7, 192.168.1.0/24, 192.168.1.1-20, files.example or @list.txt"


@dataclass(frozen=True, slots=True)
class Block:
    """Addresses *first* to *last* of one IP version, as numbers; *port* is 0 where none is given.

    *zone* is that of an IPv6 link-local address with its percent sign: "%eth0".
    """

    version: int
    zone: str
    first: int
    last: int
    port: int


@dataclass(frozen=True, slots=True)
class Spec:
    """A specification: its *text*, and a block of addresses or else the name of a host."""

    text: str
    host: str
    block: Block | None
    port: int


def read_specs(texts: Sequence[str]) -> Iterator[Spec]:
    """Read specifications one by one, those of each `@file` in its place.

    A file has one a line; what follows a `#` is a comment. Raises LocalError for a file that
    can't be read, and for a specification that is wrong, with its line.
    """
    for text in texts:
        if not text.startswith("@"):
            yield parse_spec(text.strip())
            continue
        path = Path(text[1:])
        for number, line in _lines(path):
            try:
                yield parse_spec(line)
            except LocalError as error:
                raise LocalError(f"{path}, line {number}: {error}") from None


def read_files(texts: Sequence[str]) -> Iterator[str]:
    """Yield the texts of specifications, those of each `@file` in its place. Raises LocalError."""
    for text in texts:
        if text.startswith("@"):
            yield from (line for _, line in _lines(Path(text[1:])))
        else:
            yield text.strip()


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield what a file has in it, with the number of the line."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            content = file.read(MAX_FILE_SIZE + 1)
    except OSError as error:
        raise LocalError(f"can't read {path}: {error.strerror or error}") from error
    except UnicodeDecodeError:
        raise LocalError(f"can't read {path}: it is no text in UTF-8") from None
    if len(content) > MAX_FILE_SIZE:
        raise LocalError(f"can't read {path}: it is larger than {MAX_FILE_SIZE >> 20} MiB")
    for number, line in enumerate(content.splitlines(), 1):
        if spec := line.partition("#")[0].strip():
            if spec.startswith("@"):
                raise LocalError(f"{path} names another file, {spec}; put its lines there")
            yield number, spec


def parse_spec(text: str) -> Spec:
    """Read one specification. Raises LocalError with a sentence."""
    where, port = _split_port(text)
    block = _block(text, where, port)
    if block is not None:
        return Spec(text, "", block, port)
    if _LOOKS_NUMERIC.fullmatch(where) or not _NAME.fullmatch(where):
        raise LocalError(f"{text!r} is no target; {_EXAMPLES}")
    return Spec(text, where, None, port)


def _split_port(text: str) -> tuple[str, int]:
    """Cut off `:PORT`; an IPv6 address with a port is in brackets."""
    if text.startswith("["):
        where, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise LocalError(f"{text!r} is no target; write an IPv6 address with a port [::1]:445")
        return where, _port(text, rest[1:]) if rest else 0
    if text.count(":") != 1:
        return text, 0
    where, _, port = text.partition(":")
    return where, _port(text, port)


def _port(text: str, port: str) -> int:
    if not port.isascii() or not port.isdigit() or not 1 <= int(port[:6]) <= 65535:
        raise LocalError(f"{text!r} has no port from 1 to 65535 behind its colon")
    return int(port[:6])


def _block(text: str, where: str, port: int) -> Block | None:
    """Read addresses; None where *where* may be a name."""
    plain, percent, zone = where.partition("%")
    try:
        if "/" in plain:
            return _network(plain, percent + zone, port)
        if "-" in plain:
            return _range(text, plain, percent + zone, port)
        number = ip_address(plain)
    except ValueError:
        return None
    if number.version == 6 and number.is_link_local and not zone:
        raise LocalError(f"{text!r} is on every network; name the interface too: {plain}%eth0")
    return Block(number.version, percent + zone, int(number), int(number), port)


def _network(plain: str, zone: str, port: int) -> Block:
    """Read a CIDR block; the network's and the broadcast address are no hosts."""
    network = ip_network(plain, strict=False)
    first, last = int(network[0]), int(network[-1])
    if network.version == 4 and network.prefixlen < 31:
        first, last = first + 1, last - 1
    return Block(network.version, zone, first, last, port)


def _range(text: str, plain: str, zone: str, port: int) -> Block:
    """Read 10.0.0.1-10.0.0.20 or 10.0.0.1-20. Raises ValueError where it is none."""
    left, _, right = plain.partition("-")
    first = ip_address(left)
    last = _last(first, right)
    if first.version != last.version:
        raise ValueError
    if int(last) < int(first):
        raise LocalError(f"{text!r} ends before it begins; write it like 192.168.1.1-20")
    return Block(first.version, zone, int(first), int(last), port)


def _last(first: IPv4Address | IPv6Address, right: str) -> IPv4Address | IPv6Address:
    if first.version == 4 and right.isascii() and right.isdigit():
        if len(right) > 3 or int(right) > 255:
            raise LocalError(f"{first}-{right}: the last number of an address ends at 255")
        return IPv4Address(int(first) & ~0xFF | int(right))
    return ip_address(right)
