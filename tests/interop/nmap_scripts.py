"""What nmap's scripts and nbtscan say of hosts, in words that can be compared with ours."""

from __future__ import annotations

import re
from calendar import timegm
from dataclasses import dataclass
from pathlib import Path
from time import strptime
from xml.etree import ElementTree

from tests.interop import peers
from tests.interop.scan_lab import NMBD, Lab

SCRIPTS = (
    "smb-os-discovery",
    "smb-protocols",
    "smb2-security-mode",
    "smb2-capabilities",
    "smb2-time",
    "smb-security-mode",
    "smb-vuln-ms17-010",
)
_DIALECTS = {"202": "2.0.2", "210": "2.1", "300": "3.0", "302": "3.0.2", "311": "3.1.1"}
_CAPABILITIES = {
    "Distributed File System": "DFS",
    "Leasing": "LEASING",
    "Multi-credit operations": "LARGE_MTU",
    "Multi-channel support": "MULTI_CHANNEL",
    "Persistent handles": "PERSISTENT_HANDLES",
    "Directory leasing": "DIRECTORY_LEASING",
    "Encryption support": "ENCRYPTION",
}

Scripts = dict[str, str]
"""Script -> what it printed of a host, where it printed anything."""


@dataclass(frozen=True)
class Names:
    """A name table as another tool saw it."""

    names: set[tuple[str, int, bool]]
    """(name, suffix, whether it is a group's)."""
    mac: str


def ask_nmap(lab: Lab, home: Path, addresses: list[str]) -> dict[str, Scripts]:
    """Run the scripts over *addresses* and return by address what they printed."""
    peers.need("nmap")
    told: dict[str, Scripts] = {address: {} for address in addresses}
    tcp = ["-sT", "-p445", "--script", ",".join(SCRIPTS), *addresses]
    for words in (tcp, ["-sU", "-p137", "--script", "nbstat", NMBD.address]):
        file = home / "nmap.xml"
        ran = lab.run(["nmap", "-n", "-Pn", "-T5", "-oX", file, *words], home)
        assert ran.status == 0, ran.output
        for host in ElementTree.parse(file).getroot().iter("host"):
            address = host.find("address[@addrtype='ipv4']")
            assert address is not None
            for script in host.iter("script"):
                told[address.attrib["addr"]][script.attrib["id"]] = script.attrib["output"]
    return told


def ask_nbtscan(lab: Lab, home: Path, address: str) -> Names:
    """Return the name table that nbtscan prints."""
    peers.need("nbtscan")
    ran = lab.run(["nbtscan", "-v", "-s", "|", address], home)
    cells = [line.split("|")[1:] for line in ran.output.splitlines() if line.startswith(address)]
    found = {
        (name.strip(), int(kind[:2], 16), kind[2:].strip() == "G")
        for name, kind in cells
        if name != "MAC"
    }
    return Names(found, next(kind.strip() for name, kind in cells if name == "MAC"))


def read_nbstat(text: str) -> Names:
    """Return the name table in the output of nbstat."""
    rows = re.findall(r"^ *(.+?)<([0-9a-f]{2})> +Flags: <(unique|group)>", text, re.M)
    mac = re.search(r"NetBIOS MAC: ([0-9a-f]{12})", text)
    assert mac is not None, text
    pairs = ":".join(re.findall("..", mac[1]))
    return Names({(name, int(suffix, 16), kind == "group") for name, suffix, kind in rows}, pairs)


def dialects_of(text: str) -> set[str]:
    """Return the dialects that smb-protocols lists."""
    found = {name for line, name in _DIALECTS.items() if re.search(rf"^ *{line}\b", text, re.M)}
    return found | ({"NT LM 0.12"} if "NT LM 0.12" in text else set())


def capabilities_of(text: str) -> dict[str, set[str]]:
    """Return dialect -> capabilities from smb2-capabilities."""
    parts = re.split(r"^ *(\d{3}): *$", text, flags=re.M)[1:]
    return {
        _DIALECTS[dialect]: {ours for words, ours in _CAPABILITIES.items() if words in listed}
        for dialect, listed in zip(parts[::2], parts[1::2], strict=True)
    }


def fields_of(text: str) -> dict[str, str]:
    """Return the fields of a script that prints one a line."""
    pairs = (line.split(":", 1) for line in text.splitlines() if ":" in line)
    return {name.strip(): value.strip() for name, value in pairs}


def unix_of(text: str) -> float:
    """Return the time a script prints as seconds since 1970."""
    return timegm(strptime(text[:19], "%Y-%m-%dT%H:%M:%S"))
