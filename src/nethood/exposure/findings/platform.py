"""Which platform's fix fits a host: by its software, else by what its logon tells."""

from __future__ import annotations

from nethood.exposure.findings.model import Platform
from nethood.exposure.model import HostReport

_BY_NAME = (
    ("nethood", Platform.NETHOOD),
    ("windows", Platform.WINDOWS),
    ("microsoft", Platform.WINDOWS),
    ("samba", Platform.SAMBA),
)
# From Windows 2000 on, with room for those to come; others answer 0, or make a number up.
_WINDOWS_BUILDS = range(2195, 50_000)


def platform_of(report: HostReport) -> Platform | None:
    """Return the platform of a host, None where nothing tells it.

    Software that is known but none of ours by name is an appliance: ksmbd, macOS, a printer.
    """
    software = report.software.value
    if software is not None and software.name:
        return _named(software.name) or Platform.APPLIANCE
    smb1 = report.smb1.value
    if smb1 is not None and (named := _named(f"{smb1.native_lan_manager} {smb1.native_os}")):
        return named
    ntlm = report.ntlm.value
    told = ntlm.os_build if ntlm is not None else None
    return Platform.WINDOWS if told is not None and told in _WINDOWS_BUILDS else None


def _named(text: str) -> Platform | None:
    lowered = text[:400].lower()
    # Samba says "Windows 6.1" as its NativeOS: its own name decides, wherever it stands.
    if "samba" in lowered:
        return Platform.SAMBA
    return next((platform for word, platform in _BY_NAME if word in lowered), None)
