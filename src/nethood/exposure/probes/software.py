"""What software answers, concluded from what other probes were told; nothing is sent.

How sure: "certain" where the server names itself in words (SMB1's NativeOS and NativeLanMan),
"likely" where it has the marks one implementation is known for, "possible" for mere hints. Marks
come from public sources, each named where it is used; all of them could be forged.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from uuid import UUID

from nethood.exposure.context import ProbeContext
from nethood.exposure.model import (
    Answer,
    Confidence,
    HostReport,
    NtlmFacts,
    ServerFacts,
    SoftwareFacts,
    known,
    unknown,
)
from nethood.exposure.probes.software_builds import (
    BUILDS,
    MAKERS_OF_MACS,
    MAKERS_OF_NAMES,
    WINDOWS_7_BUILD,
    Release,
)

APPLE_LOCAL_KDC = "1.2.752.43.14.3"
"""A mechanism of Apple's Heimdal alone: linux/oid_registry.h, and a log of a MacBook's offer."""

_NO_VERSION = (6, 1, 0)
"""What stands for no build: [MS-NLMP] 2.2.2.10 filled in by those who are not Windows."""
_IMPACKET_VERSION = (255, 255, 65535)
_NEWEST = (10, 0)
"""The version of Windows whose builds still grow."""
_DOMAIN_CONTROLLER = 0x1C
_MAX_TEXT = 80
_SAMBA = re.compile(r"samba\s+(\S{1,40})", re.IGNORECASE)
_WORD_RELEASES = {
    # rapid7/recog xml/smb_native_os.xml: before Vista the system names no edition.
    "Windows NT 4.0": "Windows NT 4.0",
    "Windows 5.0": "Windows 2000",
    "Windows 5.1": "Windows XP",
}


async def probe_software(context: ProbeContext) -> Answer[SoftwareFacts]:
    """Conclude from the report what answers."""
    report = context.report
    facts = next((facts for rule in _RULES if (facts := rule(report)) is not None), None)
    hints = _appliance_hints(report)
    if facts is not None:
        facts.told_by += [f"{told}: possibly a {device}" for device, told in hints]
        return known(facts)
    if hints:
        device = hints[0][0]
        return known(SoftwareFacts(device, "", Confidence.GUESS, [told for _, told in hints]))
    return unknown(_why_unknown(report))


def _why_unknown(report: HostReport) -> str:
    if report.ntlm.value is None and report.server.value is None:
        smb1 = report.smb1.value
        if smb1 is None or not smb1.enabled:
            return f"nothing was told that says it: {report.server.unknown}"
    return "what was told fits no software known here"


# Rules, the surest first


def _by_smb1(report: HostReport) -> SoftwareFacts | None:
    """Take the words of SMB1. Samba says "Windows 6.1" for its NativeOS, so its name decides."""
    smb1 = report.smb1.value
    if smb1 is None or not smb1.enabled:
        return None
    system, manager = _text(smb1.native_os), _text(smb1.native_lan_manager)
    samba = _SAMBA.match(manager)
    told = [f'SMB1 NativeOS "{system}", NativeLanMan "{manager}"']
    if samba:
        return SoftwareFacts("Samba", samba[1], Confidence.CERTAIN, told)
    if not system.startswith("Windows ") or not manager.startswith(("Windows ", "NT LAN Manager")):
        return None
    build = re.search(r"\b(\d{4,5})\b(?!.*\b\d{4,5}\b)", system)
    version = build[1] if build and int(build[1]) in BUILDS else ""
    name = _WORD_RELEASES.get(system, system)
    return SoftwareFacts(name, version, Confidence.CERTAIN, told)


def _samba(report: HostReport) -> SoftwareFacts | None:
    """Know Samba by its server GUID, the computer's name in lower case (its negprot.c)."""
    server, ntlm = report.server.value, report.ntlm.value
    if server is None:
        return None
    name = _name_in_guid(server.server_guid)
    if not name:
        return None
    told = [f'the server GUID is the name "{name}", as Samba makes it']
    is_own = ntlm is not None and ntlm.netbios_computer.lower() == name
    if ntlm is not None and _version(ntlm) == _NO_VERSION:
        told.append("NTLM version 6.1 without a build")
    elif not is_own:
        return None
    return SoftwareFacts("Samba", "", Confidence.LIKELY, told)


def _impacket(report: HostReport) -> SoftwareFacts | None:
    """Know impacket's smbserver.py by its constants: GUID 16 times "A", version 8 times 0xFF."""
    server, ntlm = report.server.value, report.ntlm.value
    told = []
    if server is not None and _guid_bytes(server.server_guid) == b"A" * 16:
        told.append('the server GUID is 16 times "A"')
    if ntlm is not None and _version(ntlm) == _IMPACKET_VERSION:
        told.append("the NTLM version is filled with 0xFF")
    if not told:
        return None
    return SoftwareFacts("impacket smbserver", "", Confidence.LIKELY, told)


def _macos(report: HostReport) -> SoftwareFacts | None:
    server = report.server.value
    if server is None or APPLE_LOCAL_KDC not in server.mechanisms:
        return None
    told = [f"it offers the mechanism {APPLE_LOCAL_KDC}, Apple's local KDC"]
    return SoftwareFacts("macOS", "", Confidence.LIKELY, told)


def _ksmbd(report: HostReport) -> SoftwareFacts | None:
    """Know ksmbd by what it leaves out (linux fs/smb/server/smb2pdu.c, auth.c)."""
    server, ntlm = report.server.value, report.ntlm.value
    if server is None or ntlm is None or any(_guid_bytes(server.server_guid)):
        return None
    if ntlm.os_version or ntlm.timestamp_unix is not None or "NEGOEX" in server.mechanisms:
        return None
    told = ["the server GUID is zero", "NTLM tells neither a version nor a time"]
    return SoftwareFacts("ksmbd", "", Confidence.LIKELY, told)


def _windows(report: HostReport) -> SoftwareFacts | None:
    """Take the build NTLM tells, where version and build are of one release."""
    ntlm, server = report.ntlm.value, report.server.value
    version = _version(ntlm) if ntlm is not None else None
    if version is None:
        return _windows_by_negoex(server)
    major, minor, build = version
    release = BUILDS.get(build)
    if (release.version if release else _NEWEST) != (major, minor):
        return None
    told = [f"NTLM version {major}.{minor}.{build}"]
    confidence = Confidence.LIKELY
    if release is None:
        confidence = Confidence.GUESS
        told.append("but the build is of no release known here")
    if server is not None and build >= WINDOWS_7_BUILD and _lacks_negoex(server):
        confidence = Confidence.GUESS
        told.append("but NEGOEX is not offered, as Windows does since 7")
    name = _release_name(release, report, told) if release else "Windows"
    return SoftwareFacts(name, f"{major}.{minor}.{build}", confidence, told)


def _windows_by_negoex(server: ServerFacts | None) -> SoftwareFacts | None:
    if server is None or "NEGOEX" not in server.mechanisms:
        return None
    return SoftwareFacts("Windows", "", Confidence.GUESS, ["NEGOEX is offered"])


def _lacks_negoex(server: ServerFacts) -> bool:
    return bool(server.mechanisms) and "NEGOEX" not in server.mechanisms


def _release_name(release: Release, report: HostReport, told: list[str]) -> str:
    """Return the releases with a build; a domain controller is a server."""
    client, server = release.client, release.server
    if client and server and _is_domain_controller(report):
        told.append("its NetBIOS names are those of a domain controller")
        client = ""
    return " or ".join(name for name in (client, server) if name)


def _is_domain_controller(report: HostReport) -> bool:
    netbios = report.netbios.value
    return netbios is not None and any(
        name.suffix == _DOMAIN_CONTROLLER and name.is_group for name in netbios.names
    )


def _nethood(report: HostReport) -> SoftwareFacts | None:
    """Tell our own server from Samba by what it does not do: no name for a GUID, no DFS, no leases.

    Others may look the same, so this is never more than possible.
    """
    server, ntlm = report.server.value, report.ntlm.value
    if server is None or ntlm is None or _version(ntlm) != _NO_VERSION:
        return None
    if server.mechanisms != ["NTLM"] or not any(_guid_bytes(server.server_guid)):
        return None
    if not set(server.capabilities) <= {"LARGE_MTU", "ENCRYPTION"}:
        return None
    told = [
        "NTLM version 6.1 without a build",
        "a random server GUID, neither DFS nor leases, NTLM alone",
    ]
    return SoftwareFacts("nethood", "", Confidence.GUESS, told)


_RULES: tuple[Callable[[HostReport], SoftwareFacts | None], ...] = (
    _by_smb1,
    _samba,
    _impacket,
    _macos,
    _ksmbd,
    _nethood,
    _windows,
)


# Hints


def _appliance_hints(report: HostReport) -> list[tuple[str, str]]:
    """Return devices that names or the MAC address point to, each with what was told."""
    hints = [
        (device, f'the name "{_text(name)}"')
        for name in dict.fromkeys(_names(report))
        for start, device in MAKERS_OF_NAMES.items()
        if name.upper().startswith(start)
    ]
    netbios = report.netbios.value
    if netbios is not None:
        device = MAKERS_OF_MACS.get(netbios.mac[:8].upper().replace("-", ":"), "")
        if device:
            hints.append((device, f"the MAC address {_text(netbios.mac)}"))
    return list(dict(hints).items())


def _names(report: HostReport) -> Iterator[str]:
    if report.ntlm.value is not None:
        yield report.ntlm.value.netbios_computer
    if report.netbios.value is not None:
        yield report.netbios.value.computer
    if report.smb1.value is not None:
        yield report.smb1.value.server_name


# What was told, taken apart


def _text(told: str) -> str:
    shown = told.strip()[:_MAX_TEXT]
    return "".join(char if char.isprintable() else "?" for char in shown)


def _version(ntlm: NtlmFacts) -> tuple[int, int, int] | None:
    parts = ntlm.os_version.split(".")
    if len(parts) != 3 or not all(part.isdecimal() for part in parts):
        return None
    return int(parts[0]), int(parts[1]), int(parts[2])


def _guid_bytes(text: str) -> bytes:
    """Return a server GUID as it came, 16 bytes."""
    try:
        return UUID(text).bytes_le
    except ValueError:
        return b""


def _name_in_guid(text: str) -> str:
    """Return the computer name a GUID is made of, padded with zeros; "" where it is none."""
    name = _guid_bytes(text).rstrip(b"\0")
    if not name or not all(0x20 < byte < 0x7F for byte in name):
        return ""
    found = name.decode("ascii")
    return found if found == found.lower() else ""
