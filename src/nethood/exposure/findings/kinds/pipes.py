"""Pipes that open for anonymous callers: who is told what, and who can be made to call."""

from __future__ import annotations

from nethood.exposure.findings.kinds.access import NULL_SHARES, RESTRICT
from nethood.exposure.findings.kinds.base import (
    APPLIANCE,
    LOW,
    MEDIUM,
    OPTIONS,
    SERVER_PARAMETERS,
    SMB_CONF,
    WINDOWS,
    Kind,
    cve,
    learn,
    menu,
    policy,
    policy_page,
    powershell,
    registry,
    words,
)
from nethood.exposure.findings.model import Entry, Platform, Reference
from nethood.exposure.findings.platform import platform_of
from nethood.exposure.findings.words import clean
from nethood.exposure.model import HostReport

COERCION = {
    "spoolss": "print spooler",
    "efsrpc": "file encryption",
    "netdfs": "distributed file system",
    "fssagentrpc": "shadow copies of shares",
}
ACCOUNTS = {
    "samr": "users and groups",
    "lsarpc": "names and security identifiers",
    "netlogon": "domain logons",
}

ANONYMOUS_PIPES = policy_page(
    "Network access: Named Pipes that can be accessed anonymously",
    "network-access-named-pipes-that-can-be-accessed-anonymously",
)
RELAY_ADVICE = Reference(
    "Microsoft: KB5005413, NTLM relay attacks on certificate services",
    "https://support.microsoft.com/help/5005413",
)
NTLM_BLOCKING = learn("block NTLM over SMB", "windows-server/storage/file-server/smb-ntlm-blocking")


def _open(report: HostReport, kinds: dict[str, str]) -> list[str] | None:
    opened = []
    for pipe in report.pipes.value or ():
        purpose = kinds.get(pipe.name.lower().rpartition("\\")[2])
        if pipe.opens and purpose:
            opened.append(f"\\PIPE\\{clean(pipe.name, 40)} opened ({purpose}), then was closed.")
    return opened or None


def _coercion(report: HostReport) -> list[str] | None:
    """Leave Samba out: its pipes of these names open to anybody, and use no account of the host."""
    if platform_of(report) is Platform.SAMBA:
        return None
    return _open(report, COERCION)


def _accounts(report: HostReport) -> list[str] | None:
    return _open(report, ACCOUNTS)


KINDS = (
    Kind(
        Entry(
            id="anonymous-coercion-pipes",
            title="Pipes that can make the host log in elsewhere open to anybody",
            severity=MEDIUM,
            severity_reason=(
                "with an unpatched service behind it, anybody can make this host send its own "
                "logon to a place of his choice, and relay it"
            ),
            meaning=(
                "Services behind these pipes can be told to open a file on another host; this "
                "host then logs in there with its machine account (PrinterBug, PetitPotam, "
                "DFSCoerce, ShadowCoerce). nethood opened the pipe and closed it; it called "
                "nothing, so whether the service would obey is not known. Samba has pipes of these "
                "names too; it never logs in elsewhere by its own account for them, so they are "
                "no finding there."
            ),
            fixes={
                WINDOWS: (
                    powershell(
                        "Stop-Service Spooler; Set-Service Spooler -StartupType Disabled"
                        "  # where nothing is printed"
                    ),
                    registry(f'{SERVER_PARAMETERS}\n"NullSessionPipes"=hex(7):00,00'),
                    policy(
                        f"{OPTIONS} > Network access: Named Pipes that can be accessed "
                        "anonymously: empty"
                    ),
                    words(
                        "On a domain controller leave netlogon, samr and lsarpc in that list; take "
                        "only the others out."
                    ),
                ),
                APPLIANCE: (menu("Turn the printer server off where nothing is printed."),),
            },
            breaks="Shared printers, where the spooler is turned off.",
            references=(ANONYMOUS_PIPES, RELAY_ADVICE, cve("2021-36942"), NTLM_BLOCKING),
            needs=("pipes",),
        ),
        _coercion,
    ),
    Kind(
        Entry(
            id="anonymous-account-pipes",
            title="Pipes that tell accounts open to anybody",
            severity=LOW,
            severity_reason=(
                "the pipe being open is not yet an answer; from Windows 10 1607 and Server 2016 on "
                "only administrators may ask samr, domain controllers aside"
            ),
            meaning=(
                "The pipes of the account database open without an account. Old systems, and "
                "new ones set up to be compatible, list their users, groups and password policy "
                "there. nethood opened the pipe and closed it; it asked for no user."
            ),
            fixes=RESTRICT,
            breaks=(
                "Domain controllers need some of these pipes open (netlogon, lsarpc, samr) for "
                "old trusts, and the policies of anonymous enumeration do not count there. Who may "
                "ask samr is set by: Network access: Restrict clients allowed to make remote calls "
                "to SAM."
            ),
            references=(ANONYMOUS_PIPES, NULL_SHARES, SMB_CONF),
            needs=("pipes",),
        ),
        _accounts,
    ),
)
