"""Encryption and dialects: none possible, only old ones, only CCM, 3.1.1 missing."""

from __future__ import annotations

from collections.abc import Iterable

from nethood.exposure.findings.kinds.base import (
    APPLIANCE,
    DIALECTS,
    INFO,
    LOW,
    MEDIUM,
    MS_SMB2,
    NETHOOD,
    SAMBA,
    SECURITY,
    SMB_CONF,
    WINDOWS,
    Kind,
    menu,
    policy,
    powershell,
    smb_conf,
    toml,
    words,
)
from nethood.exposure.findings.model import Entry
from nethood.exposure.findings.words import joined
from nethood.exposure.model import DialectFacts, HostReport

SMB_3 = 0x0300
SMB_311 = 0x0311


def _dialects(report: HostReport) -> dict[int, DialectFacts]:
    return {facts.dialect: facts for facts in report.dialects.value or ()}


def _supported(report: HostReport) -> list[DialectFacts]:
    return [facts for facts in _dialects(report).values() if facts.supported]


def _names(facts: Iterable[DialectFacts]) -> str:
    return ", ".join(f"SMB {entry.name}" for entry in facts)


def _refused(report: HostReport, dialect: int) -> bool:
    facts = _dialects(report).get(dialect)
    return facts is not None and facts.supported is False


def _no_encryption(report: HostReport) -> list[str] | None:
    supported = _supported(report)
    if not supported:
        return None
    if all(facts.dialect < SMB_3 for facts in supported):
        complete = all(_refused(report, dialect) for dialect in (SMB_3, 0x0302, SMB_311))
        text = f"Spoken: {_names(supported)}; encryption came with SMB 3.0."
        return [text] if complete else None
    return _nothing_encrypts(report, supported)


def _nothing_encrypts(report: HostReport, supported: list[DialectFacts]) -> list[str] | None:
    """Return what shows that no dialect from 3.0 on offers a cipher, None where one may."""
    lines = []
    for facts in supported:
        if facts.dialect in (SMB_3, 0x0302):
            if _says_encryption(facts.capabilities):
                return None
            lines.append(f"SMB {facts.name}: the capability to encrypt is missing.")
        elif facts.dialect == SMB_311:
            if not _offers_no_cipher(report):
                return None
            lines.append(f"SMB {facts.name}: every cipher was refused.")
    return lines or None


def _says_encryption(capabilities: list[str]) -> bool:
    return any("encrypt" in capability.lower() for capability in capabilities)


def _offers_no_cipher(report: HostReport) -> bool:
    algorithms = report.algorithms.value
    ciphers = algorithms.ciphers if algorithms is not None else {}
    return bool(ciphers) and all(answer is False for answer in ciphers.values())


def _no_311(report: HostReport) -> list[str] | None:
    supported = _supported(report)
    if not supported or not _refused(report, SMB_311):
        return None
    return [f"SMB 3.1.1 was refused; the newest spoken is SMB {supported[-1].name}."]


def _old(report: HostReport) -> list[str] | None:
    old = [facts for facts in _supported(report) if facts.dialect < SMB_3]
    return [f"Accepted: {_names(old)}."] if old else None


def _ccm_only(report: HostReport) -> list[str] | None:
    algorithms = report.algorithms.value
    if algorithms is None:
        return None
    ciphers = algorithms.ciphers
    accepted = [name for name, answer in ciphers.items() if answer]
    refused = [name for name, answer in ciphers.items() if answer is False]
    gcm = [name for name in ciphers if "GCM" in name.upper()]
    if not accepted or not gcm or any(name not in refused for name in gcm):
        return None
    return [f"Accepted: {joined(accepted)}. Refused: {joined(refused)}."]


KINDS = (
    Kind(
        Entry(
            id="no-encryption",
            title="Encryption is not possible",
            severity=MEDIUM,
            severity_reason="whoever can see the traffic can read every file that is transferred",
            meaning=(
                "The server speaks no dialect that encrypts, or has encryption turned off. Even "
                "a client that asks for it gets its files in the clear."
            ),
            fixes={
                WINDOWS: (
                    powershell(
                        "Set-SmbServerConfiguration -EncryptData $true -Force  # requires it\n"
                        "Set-SmbShare -Name SHARE -EncryptData $true -Force  # or for one share"
                    ),
                    words("Windows 7, Server 2008 R2 and older can't encrypt: upgrade."),
                ),
                SAMBA: (
                    smb_conf("server max protocol = SMB3\nsmb encrypt = desired"),
                    words("Its newer name is server smb encrypt; Samba takes both."),
                ),
                APPLIANCE: (
                    menu(
                        "File services > SMB > advanced: maximum protocol SMB3, transport "
                        "encryption: if the client asks, or always."
                    ),
                ),
                NETHOOD: (
                    toml('[server]\nmax_dialect = "3.1.1"\n# for everybody:\nencrypt = true'),
                ),
            },
            breaks=(
                "Nothing, where encryption is offered. Where it is required: every client without "
                "SMB 3 encryption, as those older than Windows 8 and Samba 4.1."
            ),
            references=(SECURITY, MS_SMB2, SMB_CONF),
            needs=("dialects", "algorithms"),
        ),
        _no_encryption,
    ),
    Kind(
        Entry(
            id="smb311-missing",
            title="SMB 3.1.1 is not spoken",
            severity=LOW,
            severity_reason=(
                "older dialects protect the agreement on settings afterwards, not while it is "
                "made, and have slower ciphers only"
            ),
            meaning=(
                "SMB 3.1.1 (Windows 10, Samba 4.3) seals the whole negotiation with a hash, so "
                "that nobody can talk both sides down, and brings AES-GCM."
            ),
            fixes={
                WINDOWS: (
                    words("It comes with Windows 10 and Windows Server 2016: upgrade."),
                    powershell(
                        "Set-SmbServerConfiguration -Smb2DialectMax None -Force"
                        "  # where Windows 11 24H2 or Server 2025 was limited"
                    ),
                ),
                SAMBA: (smb_conf("server max protocol = SMB3"),),
                APPLIANCE: (menu("File services > SMB > advanced: maximum protocol SMB3."),),
                NETHOOD: (toml('[server]\nmax_dialect = "3.1.1"'),),
            },
            breaks="Nothing: clients that know less go on as before.",
            references=(DIALECTS, SECURITY, MS_SMB2),
            needs=("dialects",),
        ),
        _no_311,
    ),
    Kind(
        Entry(
            id="old-dialects",
            title="SMB 2.0.2 or 2.1 is accepted",
            severity=INFO,
            severity_reason=(
                "a newer client can't be talked down to it unnoticed; it matters where everything "
                "has to be encrypted"
            ),
            meaning=(
                "The dialects of Windows Vista and 7 can sign but not encrypt. Servers accept "
                "them unless told otherwise."
            ),
            fixes={
                WINDOWS: (
                    powershell(
                        "Set-SmbServerConfiguration -Smb2DialectMin SMB300 -Force"
                        "  # Windows 11 24H2, Server 2025"
                    ),
                    policy(
                        "Computer Configuration > Administrative Templates > Network > Lanman "
                        "Server > Mandate the minimum version of SMB: SMB 3.0.0"
                    ),
                ),
                SAMBA: (smb_conf("server min protocol = SMB3_00"),),
                APPLIANCE: (menu("File services > SMB > advanced: minimum protocol SMB3."),),
                NETHOOD: (toml('[server]\nmin_dialect = "3.0"'),),
            },
            breaks="Windows 7, Windows Server 2008 R2, and many devices that store to a folder.",
            references=(DIALECTS, SMB_CONF),
            needs=("dialects",),
        ),
        _old,
    ),
    Kind(
        Entry(
            id="ccm-only",
            title="Only AES-CCM is offered to encrypt with",
            severity=INFO,
            severity_reason="AES-CCM is as safe; it is slower than AES-GCM",
            meaning="Every cipher of the GCM kind was refused, each asked for by itself.",
            fixes={
                WINDOWS: (
                    powershell(
                        "Set-SmbServerConfiguration -EncryptionCiphers "
                        '"AES_256_GCM, AES_128_GCM, AES_256_CCM, AES_128_CCM" -Force'
                        "  # Windows 11 and Server 2022, with the updates of June 2022"
                    ),
                ),
                SAMBA: (
                    smb_conf(
                        "server smb3 encryption algorithms = "
                        "AES-128-GCM, AES-256-GCM, AES-128-CCM, AES-256-CCM"
                    ),
                ),
                APPLIANCE: (words("New firmware may bring AES-GCM."),),
            },
            breaks="Nothing.",
            references=(SECURITY, MS_SMB2, SMB_CONF),
            needs=("algorithms",),
        ),
        _ccm_only,
    ),
)
