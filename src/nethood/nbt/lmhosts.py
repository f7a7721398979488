r"""LMHOSTS files: names and addresses by hand, [MS-NBTE] 2.2.3 and 3.1.8.

    10.0.0.7    FILES                          # a comment
    10.0.0.8    DC1             #PRE #DOM:OFFICE
    10.0.0.9    "APP            \0x41"         #MH
    #INCLUDE    /etc/nethood/lmhosts.shared
    #BEGIN_ALTERNATE
    #INCLUDE    /mnt/one/lmhosts
    #INCLUDE    /mnt/two/lmhosts
    #END_ALTERNATE

Reading files is the caller's: the parser is given a function that does it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address

from nethood.nbt.name import NAME_SIZE, NetbiosName
from nethood.nbt.suffix import DOMAIN_CONTROLLERS

ReadFile = Callable[[str], str | None]
"""Returns the text of the file at a path, None where it can't be read."""

_MAX_ENTRIES = 10_000
_MAX_DEPTH = 8
_ENTRY = re.compile(r'\s*(\S+)\s+(?:"([^"]*)"|([^\s#]+))(.*)')
_BYTE = re.compile(r"\\0x([0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True)
class LmhostsEntry:
    """A line: *name* is upper-case text, *suffix* None for a name that serves any suffix."""

    address: IPv4Address
    name: str
    suffix: int | None
    preload: bool = False
    domain: str | None = None
    multihomed: bool = False

    def matches(self, name: NetbiosName) -> bool:
        """Whether this entry is about *name*, in upper or lower case."""
        wanted = name.name.upper()
        if self.domain is not None and name.suffix == DOMAIN_CONTROLLERS:
            return wanted == self.domain
        return wanted == self.name and self.suffix in (None, name.suffix)


class Lmhosts:
    """The entries of an LMHOSTS file and of all it includes, in their order.

    *problems* has a sentence for every line that made no sense; the others count all the same.
    """

    def __init__(self, entries: list[LmhostsEntry], problems: list[str]) -> None:
        self.entries = entries
        self.problems = problems

    def find(self, name: NetbiosName) -> tuple[IPv4Address, ...]:
        """Return the addresses of *name*: those of the first match, or of all that say #MH.

        For a domain's controllers (suffix 1C) every #DOM entry of the domain counts.
        """
        found: list[IPv4Address] = []
        for entry in self.entries:
            if entry.matches(name) and entry.address not in found:
                found.append(entry.address)
                if not entry.multihomed and name.suffix != DOMAIN_CONTROLLERS:
                    break
        return tuple(found)

    def preloaded(self) -> Iterator[tuple[NetbiosName, tuple[IPv4Address, ...]]]:
        """Yield what #PRE puts into the name cache; a plain name under the suffixes 00, 03, 20."""
        for entry in self.entries:
            if entry.preload:
                for suffix in (0x00, 0x03, 0x20) if entry.suffix is None else (entry.suffix,):
                    name = NetbiosName(entry.name, suffix)
                    yield name, self.find(name)
                if entry.domain is not None:
                    name = NetbiosName(entry.domain, DOMAIN_CONTROLLERS)
                    yield name, self.find(name)


def read_lmhosts(path: str, read_file: ReadFile) -> Lmhosts:
    """Read the file at *path* and what it includes; a file that can't be read has no entries.

    A file that includes itself, however far around, is read once.
    """
    reader = _Reader(read_file)
    reader.read(path)
    return Lmhosts(reader.entries, reader.problems)


class _Reader:
    def __init__(self, read_file: ReadFile) -> None:
        self._read_file = read_file
        self.entries: list[LmhostsEntry] = []
        self.problems: list[str] = []
        self._open: list[str] = []

    def read(self, path: str) -> bool:
        """Take a file in; return whether it could be read."""
        if path in self._open or len(self._open) >= _MAX_DEPTH:
            self.problems.append(f"{path}: is included by itself, or too deep; not read again")
            return False
        text = self._read_file(path)
        if text is None:
            self.problems.append(f"{path}: can't be read")
            return False
        self._open.append(path)
        self._take(path, text.splitlines())
        self._open.pop()
        return True

    def _take(self, path: str, lines: list[str]) -> None:
        in_block = satisfied = False
        for number, line in enumerate(lines, 1):
            keyword, _, rest = line.strip().partition(" ")
            word = keyword.upper()
            if word == "#BEGIN_ALTERNATE":
                in_block, satisfied = True, False
            elif word == "#END_ALTERNATE":
                in_block = False
            elif word == "#INCLUDE":
                # Of a block of alternatives, the first file that can be read counts.
                if not (in_block and satisfied):
                    satisfied = self.read(rest.strip().strip('"'))
            elif keyword and not keyword.startswith("#"):
                self._take_entry(line, f"{path}: line {number}")

    def _take_entry(self, line: str, where: str) -> None:
        entry = parse_entry(line)
        if entry is None:
            self.problems.append(f"{where}: is not an address and a name")
        elif len(self.entries) >= _MAX_ENTRIES:
            self.problems.append(f"{where}: is beyond {_MAX_ENTRIES} entries")
        else:
            self.entries.append(entry)


def parse_entry(line: str) -> LmhostsEntry | None:
    """Read one line with an address and a name, None when it is not one."""
    found = _ENTRY.match(line)
    if found is None:
        return None
    try:
        address = IPv4Address(found[1])
    except AddressValueError:
        return None
    named = _parse_name(found[2] if found[2] is not None else found[3])
    if named is None:
        return None
    words = [word.strip() for word in found[4].upper().split("#")[1:]]
    domain = next((w[4:].split()[0] for w in words if w.startswith("DOM:") and w[4:].split()), None)
    return LmhostsEntry(address, *named, "PRE" in words, domain, "MH" in words)


def _parse_name(text: str) -> tuple[str, int | None] | None:
    r"""Return name and suffix; ``\0xNN`` stands for a byte, 16 bytes have a suffix."""
    if not text.isascii():
        return None
    raw = _BYTE.sub(lambda found: chr(int(found[1], 16)), text)
    if len(raw) == NAME_SIZE:
        return raw[:-1].rstrip().upper(), ord(raw[-1])
    return (raw.rstrip().upper(), None) if 0 < len(raw) < NAME_SIZE else None
