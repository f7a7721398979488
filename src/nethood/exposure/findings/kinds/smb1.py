"""SMB1: that it is on, that nothing else is, and how it is set up."""

from __future__ import annotations

from nethood.exposure.findings.kinds.base import (
    APPLIANCE,
    HIGH,
    MEDIUM,
    MS_CIFS,
    NETHOOD,
    OPTIONS,
    SAMBA,
    SERVER_PARAMETERS,
    SMB1_OFF,
    SMB_CONF,
    WINDOWS,
    Kind,
    learn,
    menu,
    policy,
    powershell,
    registry,
    smb_conf,
    toml,
    words,
)
from nethood.exposure.findings.model import Entry, Reference
from nethood.exposure.findings.words import clean
from nethood.exposure.model import HostReport, Signing, Smb1Facts

STOP = Reference(
    "Microsoft: stop using SMB1",
    "https://techcommunity.microsoft.com/blog/filecab/stop-using-smb1/425858",
)
GONE = learn(
    "SMBv1 is not installed by default",
    "windows-server/storage/file-server/troubleshoot/smbv1-not-installed-by-default-in-windows",
)

OFF = {
    WINDOWS: (
        powershell(
            "Set-SmbServerConfiguration -EnableSMB1Protocol $false -Force\n"
            "Disable-WindowsOptionalFeature -Online -FeatureName SMB1Protocol -NoRestart"
            "  # from Windows 8.1 and Server 2012 R2 on"
        ),
        registry(f'{SERVER_PARAMETERS}\n"SMB1"=dword:00000000'),
        words("Before Windows 8 and Server 2012: set the registry value and restart."),
    ),
    SAMBA: (smb_conf("server min protocol = SMB2_02"),),
    APPLIANCE: (
        menu("File services > SMB > advanced: set the minimum protocol to SMB2 or SMB3."),
        words("Where there is no such setting: new firmware, or a place behind a gateway."),
    ),
    NETHOOD: (toml('[server]\nmin_dialect = "2.0.2"'),),
}


def _enabled(report: HostReport) -> Smb1Facts | None:
    facts = report.smb1.value
    return facts if facts is not None and facts.enabled else None


def _on(report: HostReport) -> list[str] | None:
    facts = _enabled(report)
    if facts is None:
        return None
    shown = [f"SMB1 was accepted with the dialect {clean(facts.dialect or 'NT LM 0.12')}."]
    said = [clean(text) for text in (facts.native_os, facts.native_lan_manager) if text]
    return [*shown, f"It calls itself {' / '.join(said)}."] if said else shown


def _only(report: HostReport) -> list[str] | None:
    dialects = report.dialects.value
    if _enabled(report) is None or not dialects:
        return None
    if any(facts.supported is not False for facts in dialects):
        return None
    refused = ", ".join(f"SMB {facts.name}" for facts in dialects)
    return [f"Refused: {refused}; only SMB1 is spoken."]


def _unsigned(report: HostReport) -> list[str] | None:
    facts = _enabled(report)
    if facts is None or facts.signing in (None, Signing.REQUIRED):
        return None
    return [f"SMB1 signing is {facts.signing}, not required."]


def _plaintext(report: HostReport) -> list[str] | None:
    facts = _enabled(report)
    if facts is None or facts.plaintext_passwords is not True:
        return None
    return ["The server's SecurityMode asks for passwords in plain text."]


def _share_level(report: HostReport) -> list[str] | None:
    facts = _enabled(report)
    if facts is None or facts.user_level_security is not False:
        return None
    return ["The server's SecurityMode says share-level security: no user has to log in."]


KINDS = (
    Kind(
        Entry(
            id="smb1-enabled",
            title="SMB1 is on",
            severity=HIGH,
            severity_reason=(
                "it can't encrypt, signs with MD5 at best, has no protection against being "
                "talked down to weaker settings, and is the way WannaCry and NotPetya spread"
            ),
            meaning=(
                "The host still speaks the file sharing protocol of the 1990s. Whoever can reach "
                "the port can use its weaknesses, whatever newer versions the host speaks beside "
                "it. Microsoft has asked since 2016 to turn it off and no longer installs it."
            ),
            fixes=OFF,
            breaks=(
                "Windows XP and Server 2003, scanners and printers that store to a folder, old "
                "media players, consoles and NAS boxes can no longer connect. Look in the SMB1 "
                "audit log (Set-SmbServerConfiguration -AuditSmb1Access $true) for a week first."
            ),
            references=(SMB1_OFF, STOP, GONE),
            needs=("smb1",),
        ),
        _on,
    ),
    Kind(
        Entry(
            id="smb1-only",
            title="Nothing newer than SMB1 is spoken",
            severity=HIGH,
            severity_reason=(
                "every client that wants these files has to keep SMB1 on as well, so one old "
                "device weakens all the others"
            ),
            meaning=(
                "The host refused every dialect of SMB2 and SMB3. It is an old system or a "
                "device whose firmware stopped in time."
            ),
            fixes={
                WINDOWS: (
                    words("Upgrade: SMB2 came with Windows Vista and Windows Server 2008."),
                    powershell(
                        "Set-SmbServerConfiguration -EnableSMB2Protocol $true -Force"
                        "  # where someone turned it off"
                    ),
                ),
                SAMBA: (
                    smb_conf("server min protocol = SMB2_02\nserver max protocol = SMB3"),
                    words("Samba before 3.6 has no SMB2: upgrade."),
                ),
                APPLIANCE: (
                    words(
                        "New firmware or a newer device. Until then: reach it through one "
                        "gateway that speaks SMB1 to it alone, in a network of its own."
                    ),
                ),
            },
            breaks="Nothing beyond what turning SMB1 off breaks.",
            references=(STOP, SMB1_OFF),
            needs=("dialects", "smb1"),
        ),
        _only,
    ),
    Kind(
        Entry(
            id="smb1-signing-not-required",
            title="SMB1 does not require signing",
            severity=MEDIUM,
            severity_reason=(
                "someone between client and server can change what is sent, or use a client's "
                "logon for himself, but has to be in that place first"
            ),
            meaning=(
                "Over SMB1 the server serves clients that do not sign their messages, even "
                "where it requires signing over newer dialects."
            ),
            fixes={
                **OFF,
                WINDOWS: (
                    *OFF[WINDOWS],
                    policy(
                        f"{OPTIONS} > Microsoft network server: Digitally sign communications "
                        "(always): Enabled, if SMB1 has to stay"
                    ),
                ),
                SAMBA: (*OFF[SAMBA], smb_conf("server signing = mandatory")),
            },
            breaks="SMB1 clients that can't sign; most that still need SMB1 can't.",
            references=(SMB1_OFF, SMB_CONF),
            needs=("smb1",),
        ),
        _unsigned,
    ),
    Kind(
        Entry(
            id="smb1-plaintext-passwords",
            title="Passwords are asked for in plain text",
            severity=HIGH,
            severity_reason="whoever sees one logon go by has the password itself",
            meaning=(
                "The server tells clients over SMB1 that it wants the password as it is, not a "
                "proof of knowing it. Current clients refuse; old ones obey."
            ),
            fixes={
                WINDOWS: OFF[WINDOWS],
                SAMBA: (
                    smb_conf("encrypt passwords = yes\nlanman auth = no\nntlm auth = ntlmv2-only"),
                    *OFF[SAMBA],
                ),
                APPLIANCE: OFF[APPLIANCE],
            },
            breaks=(
                "Clients that do not know NTLMv2, as Windows NT 4.0 before SP4 and Windows 9x "
                "without the Active Directory client; and what turning SMB1 off breaks, see "
                "smb1-enabled."
            ),
            references=(MS_CIFS, SMB_CONF),
            needs=("smb1",),
        ),
        _plaintext,
    ),
    Kind(
        Entry(
            id="smb1-share-level-security",
            title="Share-level security: no user logs in",
            severity=HIGH,
            severity_reason=(
                "a share has one password for everybody, or none, and nothing tells who did what"
            ),
            meaning=(
                "The server checks a password for each share instead of a user's account, as "
                "Windows 95 did."
            ),
            fixes={
                WINDOWS: OFF[WINDOWS],
                SAMBA: (smb_conf("security = user\nmap to guest = never"), *OFF[SAMBA]),
                APPLIANCE: (
                    menu("File sharing: change from share mode to user mode."),
                    *OFF[APPLIANCE],
                ),
            },
            breaks="Devices that store without a user name need an account.",
            references=(MS_CIFS, SMB_CONF),
            needs=("smb1",),
        ),
        _share_level,
    ),
)
