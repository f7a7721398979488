"""Known holes that can be seen without using them, and releases nobody mends any more."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

from nethood.exposure.findings.kinds.base import (
    APPLIANCE,
    CRITICAL,
    HIGH,
    MEDIUM,
    SAMBA,
    SERVER_PARAMETERS,
    WINDOWS,
    Kind,
    cve,
    learn,
    powershell,
    registry,
    words,
)
from nethood.exposure.findings.kinds.releases import SAMBA_3_ENDED, WINDOWS_BUILDS
from nethood.exposure.findings.kinds.smb1 import OFF
from nethood.exposure.findings.model import Entry, Platform, Reference, Step
from nethood.exposure.findings.platform import platform_of
from nethood.exposure.findings.words import clean
from nethood.exposure.model import HostReport

BULLETIN = learn("security bulletin MS17-010", "security-updates/securitybulletins/2017/ms17-010")
SMBGHOST_UPDATE = Reference(
    "Microsoft: KB4551762, the update for CVE-2020-0796",
    "https://support.microsoft.com/help/4551762",
)
LIFECYCLE = learn("product lifecycle", "lifecycle/products/")
SAMBA_RELEASES = Reference(
    "Samba: release planning", "https://wiki.samba.org/index.php/Samba_Release_Planning"
)

SMBGHOST_FIX: dict[Platform, tuple[Step, ...]] = {
    WINDOWS: (
        words("Install KB4551762, or any later cumulative update."),
        registry(f'{SERVER_PARAMETERS}\n"DisableCompression"=dword:00000001'),
        words("The registry value protects the server until the update is in; not its clients."),
    ),
}
SMBGHOST_BUILDS = (18362, 18363)
_SAMBA_3 = re.compile(r"samba\s+3\.[\w.-]{1,20}", re.IGNORECASE)


def _ms17_010(report: HostReport) -> list[str] | None:
    facts = report.ms17_010.value
    if facts is None or not facts.missing:
        return None
    return [f"PeekNamedPipe was answered {clean(facts.status)}, as without the update."]


def _smbghost(report: HostReport) -> list[str] | None:
    facts = report.smbghost.value
    return [clean(facts.why)] if facts is not None and facts.exposed is True else None


def _smbghost_possible(report: HostReport) -> list[str] | None:
    """Return what makes the hole possible: the patch level is all that may be unknown."""
    facts, ntlm, algorithms = report.smbghost.value, report.ntlm.value, report.algorithms.value
    if facts is None or facts.exposed is not None or ntlm is None or algorithms is None:
        return None
    if ntlm.os_build not in SMBGHOST_BUILDS or not any(algorithms.compression.values()):
        return None
    return [clean(facts.why)]


def _unsupported(report: HostReport) -> list[str] | None:
    lines = [*_old_windows(report), *_old_samba(report)]
    return lines or None


def _old_windows(report: HostReport) -> list[str]:
    facts = report.ntlm.value
    if facts is None or facts.os_build is None or platform_of(report) is not Platform.WINDOWS:
        return _old_windows_by_smb1(report)
    name, ended = WINDOWS_BUILDS.get(facts.os_build, ("", date.max))
    if ended >= _day(report):
        return []
    stale = "; the build may be stale" if facts.may_be_stale else ""
    return [f"Build {facts.os_build} is {name}: support ended on {ended}{stale}."]


def _old_windows_by_smb1(report: HostReport) -> list[str]:
    """Return what NativeOS tells of systems that say no build: "Windows 5.1" is Windows XP."""
    facts = report.smb1.value
    said = facts.native_os.strip() if facts is not None else ""
    if platform_of(report) is not Platform.WINDOWS or said not in ("Windows 5.0", "Windows 5.1"):
        return []
    return [f"It calls itself {said}: support ended in {'2010' if said[-1] == '0' else '2014'}."]


def _old_samba(report: HostReport) -> list[str]:
    smb1, software = report.smb1.value, report.software.value
    told = [smb1.native_lan_manager] if smb1 is not None else []
    told += [f"{software.name} {software.version}"] if software is not None else []
    found = next((match for text in told if (match := _SAMBA_3.search(text[:400]))), None)
    if found is None:
        return []
    return [
        f"{clean(found.group())}: the last release of Samba 3 was given up in {SAMBA_3_ENDED:%Y}."
    ]


def _day(report: HostReport) -> date:
    """Return the day of the scan."""
    try:
        return datetime.fromtimestamp(report.ended_unix or report.started_unix, UTC).date()
    except (ValueError, OverflowError, OSError):
        return date.min


KINDS = (
    Kind(
        Entry(
            id="ms17-010-missing",
            title="The update MS17-010 is missing (EternalBlue)",
            severity=CRITICAL,
            severity_reason=(
                "anybody who reaches the port can take over the host, without an account, with "
                "programs that are public; WannaCry and NotPetya did"
            ),
            meaning=(
                "SMB1 of this host has the hole Microsoft closed in March 2017. nethood asked "
                "for a pipe that does not exist; the status tells whether the update is in. "
                "Nothing was attacked, and the host was not harmed."
            ),
            fixes={
                WINDOWS: (
                    words("Install the update: for XP and Server 2003 it is KB4012598."),
                    *OFF[WINDOWS],
                    words("Until then take it off the network; look for signs of a break-in."),
                ),
                APPLIANCE: (
                    words("It runs Windows inside: ask the maker, or put it in a network apart."),
                ),
            },
            breaks="Nothing; what turning SMB1 off breaks, see smb1-enabled.",
            references=(BULLETIN, cve("2017-0144"), cve("2017-0145")),
            needs=("ms17_010",),
        ),
        _ms17_010,
    ),
    Kind(
        Entry(
            id="smbghost",
            title="SMBGhost: the update for CVE-2020-0796 is missing",
            severity=CRITICAL,
            severity_reason=(
                "anybody who reaches the port can take over the host, without an account"
            ),
            meaning=(
                "Windows 10 and Server 1903 and 1909 had a hole in the compression of SMB 3.1.1, "
                "and this host is known to have it still. No compressed message was sent."
            ),
            fixes=SMBGHOST_FIX,
            breaks="Nothing.",
            references=(SMBGHOST_UPDATE, cve("2020-0796")),
            needs=("smbghost",),
        ),
        _smbghost,
    ),
    Kind(
        Entry(
            id="unsupported-release",
            title="The system gets no security updates any more",
            severity=HIGH,
            severity_reason="holes found since then stay open, and there are some every month",
            meaning=(
                "The release has reached the end of its support. It is told by the build, which "
                "an update can leave behind, and paid or long term servicing may still cover "
                "it: look at the host before you act."
            ),
            fixes={
                WINDOWS: (
                    words("Upgrade to a release that is supported, or pay for extended updates."),
                    powershell(
                        "Get-WmiObject Win32_OperatingSystem | "
                        "Select-Object Caption, Version, BuildNumber"
                    ),
                ),
                SAMBA: (words("Upgrade to a Samba your distribution still maintains."),),
                APPLIANCE: (words("New firmware, or a device whose maker still mends it."),),
            },
            breaks="Programs that run on the old system only.",
            references=(LIFECYCLE, SAMBA_RELEASES, cve("2017-7494")),
            needs=("ntlm", "smb1", "software"),
        ),
        _unsupported,
    ),
    Kind(
        Entry(
            id="smbghost-possible",
            title="SMBGhost is possible (CVE-2020-0796)",
            severity=MEDIUM,
            severity_reason=(
                "the build had the hole and compression is on, but whether the update is in "
                "can't be seen from outside"
            ),
            meaning=(
                "The hole is closed by an update that leaves no trace in what the host says. "
                "Look on the host whether KB4551762 or anything later is installed."
            ),
            fixes={
                WINDOWS: (
                    powershell("Get-HotFix | Sort-Object InstalledOn | Select-Object -Last 5"),
                    *SMBGHOST_FIX[WINDOWS],
                ),
            },
            breaks="Nothing.",
            references=(SMBGHOST_UPDATE, cve("2020-0796")),
            needs=("smbghost", "algorithms", "ntlm"),
        ),
        _smbghost_possible,
    ),
)
