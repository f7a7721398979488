"""What every kind is made of: an entry, a rule, and short ways to write the steps of a fix."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from nethood.exposure.findings.model import Entry, Platform, Reference, Severity, Step
from nethood.exposure.model import HostReport

Rule = Callable[[HostReport], list[str] | None]
"""Return what shows that the entry is true of a host, or None where nothing shows it."""

WINDOWS = Platform.WINDOWS
SAMBA = Platform.SAMBA
APPLIANCE = Platform.APPLIANCE
NETHOOD = Platform.NETHOOD

CRITICAL = Severity.CRITICAL
HIGH = Severity.HIGH
MEDIUM = Severity.MEDIUM
LOW = Severity.LOW
INFO = Severity.INFO


@dataclass(frozen=True, slots=True)
class Kind:
    """An entry of the catalogue and the rule that finds it."""

    entry: Entry
    rule: Rule


def powershell(text: str) -> Step:
    """Return a step typed into an elevated PowerShell."""
    return Step("PowerShell", text)


def policy(text: str) -> Step:
    """Return a step in the Group Policy editor."""
    return Step("Group Policy", text)


def registry(text: str) -> Step:
    """Return a step as the text of a .reg file."""
    return Step("Registry", text)


def smb_conf(text: str) -> Step:
    """Return lines of smb.conf, [global] unless they say otherwise."""
    return Step("smb.conf", text)


def toml(text: str) -> Step:
    """Return lines of nethood.toml."""
    return Step("nethood.toml", text)


def menu(text: str) -> Step:
    """Return a step in the web page or the panel of an appliance."""
    return Step("Menu", text)


def words(text: str) -> Step:
    """Return a step that no line can be typed for."""
    return Step("In words", text)


_LEARN = "https://learn.microsoft.com/en-us/"
_POLICY = (
    f"{_LEARN}previous-versions/windows/it-pro/windows-10/security/threat-protection/"
    "security-policy-settings/"
)
_SPEC = f"{_LEARN}openspecs/windows_protocols/"


def learn(title: str, path: str) -> Reference:
    """Return a page of Microsoft's documentation."""
    return Reference(f"Microsoft: {title}", _LEARN + path)


def policy_page(title: str, page: str) -> Reference:
    """Return Microsoft's page of a security policy setting."""
    return Reference(f"Microsoft: {title}", _POLICY + page)


def cve(number: str) -> Reference:
    """Return a vulnerability of the national database."""
    return Reference(f"CVE-{number}", f"https://nvd.nist.gov/vuln/detail/CVE-{number}")


def rfc(number: int, title: str) -> Reference:
    """Return a Request for Comments."""
    return Reference(f"RFC {number}: {title}", f"https://www.rfc-editor.org/rfc/rfc{number}")


MS_SMB2 = Reference("[MS-SMB2]", f"{_SPEC}ms-smb2/5606ad47-5ee0-437a-817e-70c366052962")
MS_CIFS = Reference("[MS-CIFS]", f"{_SPEC}ms-cifs/d416ff7c-c536-406e-a951-4f04b2fd1d2b")
MS_NLMP = Reference("[MS-NLMP]", f"{_SPEC}ms-nlmp/b38c36ed-2804-4868-a9ff-8dd3182128e4")
MS_BRWS = Reference("[MS-BRWS]", f"{_SPEC}ms-brws/3cfbad92-09b3-4abc-808f-c6f6347d5677")
SMB_CONF = Reference(
    "Samba: smb.conf", "https://www.samba.org/samba/docs/current/man-html/smb.conf.5.html"
)
SMB1_OFF = learn(
    "detect, enable and disable SMBv1, SMBv2 and SMBv3",
    "windows-server/storage/file-server/troubleshoot/detect-enable-and-disable-smbv1-v2-v3",
)
SIGNING = learn("SMB signing", "windows-server/storage/file-server/smb-signing-overview")
SECURITY = learn("SMB security enhancements", "windows-server/storage/file-server/smb-security")
SECURE_TRAFFIC = learn(
    "secure SMB traffic", "windows-server/storage/file-server/smb-secure-traffic"
)
DIALECTS = learn("manage SMB dialects", "windows-server/storage/file-server/manage-smb-dialects")
GUESTS = learn(
    "insecure guest logons",
    "windows-server/storage/file-server/enable-insecure-guest-logons-smb2-and-smb3",
)
SERVER_PARAMETERS = (
    "[HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\LanmanServer\\Parameters]"
)
LSA = "[HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control\\Lsa]"
OPTIONS = (
    "Computer Configuration > Windows Settings > Security Settings > Local Policies > "
    "Security Options"
)
