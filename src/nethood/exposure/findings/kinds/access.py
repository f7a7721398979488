"""What is open without an account: sessions, the list of shares, the shares themselves."""

from __future__ import annotations

from nethood.exposure.findings.kinds.base import (
    APPLIANCE,
    GUESTS,
    HIGH,
    LOW,
    LSA,
    MEDIUM,
    MS_NLMP,
    NETHOOD,
    OPTIONS,
    SAMBA,
    SERVER_PARAMETERS,
    SMB_CONF,
    WINDOWS,
    Kind,
    menu,
    policy,
    policy_page,
    powershell,
    registry,
    smb_conf,
    toml,
    words,
)
from nethood.exposure.findings.model import Entry, Platform, Step
from nethood.exposure.findings.words import clean, joined
from nethood.exposure.model import HostReport, LogonFacts, ShareFacts

NULL_SHARES = policy_page(
    "Network access: Restrict anonymous access to Named Pipes and Shares",
    "network-access-restrict-anonymous-access-to-named-pipes-and-shares",
)
NO_ENUMERATION = policy_page(
    "Network access: Do not allow anonymous enumeration of SAM accounts and shares",
    "network-access-do-not-allow-anonymous-enumeration-of-sam-accounts-and-shares",
)
GUEST_STATUS = policy_page("Accounts: Guest account status", "accounts-guest-account-status")

RESTRICT: dict[Platform, tuple[Step, ...]] = {
    WINDOWS: (
        policy(
            f"{OPTIONS} > Network access: Do not allow anonymous enumeration of SAM accounts "
            "and shares: Enabled"
        ),
        policy(
            f"{OPTIONS} > Network access: Restrict anonymous access to Named Pipes and Shares: "
            "Enabled"
        ),
        registry(
            f'{LSA}\n"RestrictAnonymous"=dword:00000001\n"RestrictAnonymousSAM"=dword:00000001\n'
            f'"EveryoneIncludesAnonymous"=dword:00000000\n{SERVER_PARAMETERS}\n'
            '"RestrictNullSessAccess"=dword:00000001'
        ),
    ),
    SAMBA: (smb_conf("restrict anonymous = 2\nmap to guest = never"),),
    APPLIANCE: (
        menu("File services > SMB > advanced: turn anonymous and guest access off."),
        words("Give every device that stores files an account of its own."),
    ),
    NETHOOD: (words("Anonymous sessions are refused; there is no setting that lets them in."),),
}
NO_GUEST: dict[Platform, tuple[Step, ...]] = {
    WINDOWS: (
        powershell(
            "Get-LocalUser | Where-Object { $_.SID.Value -like 'S-1-5-21-*-501' } | "
            "Disable-LocalUser  # Windows 10, Server 2016"
        ),
        policy(f"{OPTIONS} > Accounts: Guest account status: Disabled"),
    ),
    SAMBA: (smb_conf("map to guest = never\n# in every share:\nguest ok = no"),),
    APPLIANCE: (menu("Users: disable the account guest. Shares: remove guest from each."),),
    NETHOOD: (toml('[shares.NAME]\nusers = ["alice"]'),),
}
CLOSE_SHARES: dict[Platform, tuple[Step, ...]] = {
    WINDOWS: (
        powershell(
            "Get-SmbShare | Get-SmbShareAccess | Where-Object AccountName -match "
            "'Everyone|ANONYMOUS|Guest'  # these names are translated\n"
            "Revoke-SmbShareAccess -Name SHARE -AccountName 'ANONYMOUS LOGON' -Force"
        ),
        registry(f'{SERVER_PARAMETERS}\n"NullSessionShares"=hex(7):00,00'),
    ),
    SAMBA: (smb_conf("# in the share:\nguest ok = no\nvalid users = alice bob"),),
    APPLIANCE: (menu("Shares > permissions: remove guest, everybody and anonymous."),),
    NETHOOD: NO_GUEST[NETHOOD],
}

# DELETE is left out: smbd grants it on shares that nobody can change (mask 0x001F00A9).
WRITE = 0x0000_0002 | 0x0000_0004 | 0x1000_0000 | 0x4000_0000
READ = 0x0000_0001 | 0x8000_0000 | 0x1000_0000


def _access(share: ShareFacts) -> int:
    """Return the access mask written in *maximal_access*; 0 where it is words only or none."""
    first = share.maximal_access.split(maxsplit=1)[:1]
    try:
        return int(first[0], 16) if first else 0
    except ValueError:
        return 0


def _grants(share: ShareFacts, mask: int, *wanted: str) -> bool:
    lowered = share.maximal_access.lower()
    return bool(_access(share) & mask) or any(word in lowered for word in wanted)


def may_write(share: ShareFacts) -> bool:
    """Whether the maximal access of a share lets its files be written."""
    return _grants(share, WRITE, "write", "full", "change")


def may_read(share: ShareFacts) -> bool:
    """Whether the maximal access of a share lets its files be read."""
    return _grants(share, READ, "read", "full", "change")


def _files(report: HostReport) -> list[ShareFacts]:
    return [share for share in report.shares.value or () if share.name.upper() != "IPC$"]


def _described(share: ShareFacts) -> str:
    kind = f" ({clean(share.kind, 40)})" if share.kind else ""
    access = f": {clean(share.maximal_access, 120)}" if share.maximal_access else ""
    return f"{clean(share.name, 80)}{kind}{access}"


def _allowed(facts: LogonFacts | None) -> bool:
    return facts is not None and facts.allowed


def _anonymous(report: HostReport) -> list[str] | None:
    facts = report.anonymous.value
    if facts is None or not facts.allowed or facts.is_guest:
        return None
    return [f"A logon without user and password was answered {clean(facts.status)}."]


def _anonymous_is_guest(report: HostReport) -> list[str] | None:
    facts = report.anonymous.value
    if facts is None or not facts.allowed or not facts.is_guest:
        return None
    return [f"A logon without user and password became a guest session ({clean(facts.status)})."]


def _guest(report: HostReport) -> list[str] | None:
    facts = report.guest.value
    if facts is None or not facts.allowed:
        return None
    return [f"The user guest without a password was answered {clean(facts.status)}."]


def _shares(report: HostReport) -> list[str] | None:
    shares = report.shares.value
    if not shares:
        return None
    return [f"{len(shares)} shares: {joined([share.name for share in shares])}"]


def _writable(report: HostReport) -> list[str] | None:
    return [_described(share) for share in _files(report) if may_write(share)] or None


def _readable(report: HostReport) -> list[str] | None:
    found = [share for share in _files(report) if may_read(share) and not may_write(share)]
    return [_described(share) for share in found] or None


KINDS = (
    Kind(
        Entry(
            id="anonymous-write",
            title="Anybody may write to a share",
            severity=HIGH,
            severity_reason=(
                "anybody in the network can change or delete files, or leave one that others open"
            ),
            meaning=(
                "The server told a session without an account that it may write. nethood did "
                "not try: this is what the server says of its share. The permissions of the "
                "folder behind it can still forbid what the share allows."
            ),
            fixes=CLOSE_SHARES,
            breaks="Scanners and scripts that store there without an account need one.",
            references=(NULL_SHARES, GUESTS, SMB_CONF),
            needs=("shares",),
        ),
        _writable,
    ),
    Kind(
        Entry(
            id="anonymous-read",
            title="Anybody may read a share",
            severity=MEDIUM,
            severity_reason="whatever is stored there is known to everybody in the network",
            meaning=(
                "The server told a session without an account that it may read. If the files "
                "are meant for everybody, this is right; make sure that nothing else is there."
            ),
            fixes=CLOSE_SHARES,
            breaks="Players and devices that read there without an account need one.",
            references=(NULL_SHARES, GUESTS, SMB_CONF),
            needs=("shares",),
        ),
        _readable,
    ),
    Kind(
        Entry(
            id="null-session-shares",
            title="The list of shares is told to anybody",
            severity=MEDIUM,
            severity_reason="it names what is worth attacking, without leaving a user's trace",
            meaning=(
                "Without an account the server lists its shares with their comments, hidden "
                "ones included: those whose name ends in $."
            ),
            fixes=RESTRICT,
            breaks=(
                "Windows 9x clients and old domain trusts. The network neighbourhood asks for "
                "a password before it shows the shares of this host."
            ),
            references=(NO_ENUMERATION, NULL_SHARES, SMB_CONF),
            needs=("shares",),
        ),
        _shares,
    ),
    Kind(
        Entry(
            id="guest-for-anonymous",
            title="Anonymous callers become guests",
            severity=MEDIUM,
            severity_reason=(
                "whatever guests may do, anybody may, and guest sessions can't be signed"
            ),
            meaning=(
                "A logon without a user was taken for the guest account. It reaches every share "
                "that admits guests. Windows 10 and 11 Enterprise and Windows 11 Pro from 24H2 "
                "refuse such sessions by themselves; Windows 10 Home and Pro do not."
            ),
            fixes=NO_GUEST,
            breaks="Devices that rely on being let in without a password need an account.",
            references=(GUESTS, SMB_CONF),
            needs=("anonymous",),
        ),
        _anonymous_is_guest,
    ),
    Kind(
        Entry(
            id="guest-session",
            title="The guest account may log in",
            severity=MEDIUM,
            severity_reason="everybody knows its name, and it has no password",
            meaning=(
                "The user guest was let in with an empty password. It reaches every share that "
                "admits guests or everybody. This was asked because --guest was given, once."
            ),
            fixes=NO_GUEST,
            breaks="Devices that rely on being let in without a password need an account.",
            references=(GUEST_STATUS, GUESTS, SMB_CONF),
            needs=("guest",),
        ),
        _guest,
    ),
    Kind(
        Entry(
            id="anonymous-session",
            title="Anonymous sessions are accepted",
            severity=LOW,
            severity_reason=(
                "by itself it only opens a door to IPC$; what lies behind it is judged apart"
            ),
            meaning=(
                "A logon without user and password succeeded. Windows and Samba let such a "
                "session connect to IPC$ unless told otherwise; what it can reach there are "
                "pipes, the list of shares, and at worst users and their groups."
            ),
            fixes=RESTRICT,
            breaks=(
                "Very old clients, some domain trusts, and programs that look for servers "
                "without logging in. Try it on one host first."
            ),
            references=(NULL_SHARES, NO_ENUMERATION, MS_NLMP),
            needs=("anonymous",),
        ),
        _anonymous,
    ),
)
