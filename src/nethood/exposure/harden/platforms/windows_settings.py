"""The settings of Windows that make ports 137 to 139 and 445 worth attacking, one step each.

Every step gives its ways: PowerShell, a .reg file, a group policy; one of them is enough. The
order is what keeps people working: guests go before signing is required, because a guest can't
sign and would only see an error nobody understands; SMB1 goes before signing, which it does badly.
"""

from __future__ import annotations

from nethood.exposure.harden.model import (
    Check,
    Command,
    Kind,
    PlanRequest,
    Platform,
    Step,
    typed,
)
from nethood.exposure.harden.platforms import windows_scripts as scripts
from nethood.exposure.harden.platforms.windows_values import (
    Live,
    Value,
    commands,
    registry_commands,
    registry_undo,
    undo,
)

_SERVER = r"SYSTEM\CurrentControlSet\Services\LanmanServer\Parameters"
_CLIENT = r"SYSTEM\CurrentControlSet\Services\LanmanWorkstation\Parameters"
_LSA = r"SYSTEM\CurrentControlSet\Control\Lsa"
_DNS_POLICY = r"SOFTWARE\Policies\Microsoft\Windows NT\DNSClient"
_OPTIONS = (
    "Computer Configuration > Windows Settings > Security Settings > Local Policies > "
    "Security Options > "
)
_TEMPLATES = "Computer Configuration > Administrative Templates > Network > "
_PREFERENCE = (
    "Computer Configuration > Preferences > Windows Settings > Registry > New > Registry Item: "
    "Update, HKEY_LOCAL_MACHINE, "
)
_POLICY_BACK = (
    "In the same place: what it was before. A security option keeps its value when it is set "
    "to Not Defined; an administrative template gives it back when it is Not Configured."
)
_POLICY_WINS = (
    "The PowerShell is for Windows 10, Server 2016 and newer. Where a group policy of the domain "
    "says something else, the policy wins."
)


def steps(request: PlanRequest) -> list[Step]:
    """Return all settings, in order; who is allowed in plays no part in them."""
    return [
        _guest_logons(),
        _guest_account(),
        _null_sessions(),
        _llmnr(),
        _netbt(),
        _smb1_server(),
        _smb1_client(),
        _signing_server(),
        _signing_client(),
        _mdns(),
    ]


def _policy(*lines: str) -> Command:
    return typed(Kind.TEXT, "\n".join(["Group policy:", *(f"  {line}" for line in lines)]))


def _policy_undo() -> Command:
    return typed(Kind.TEXT, f"Group policy:\n  {_POLICY_BACK}")


def _setting(
    id: str,
    title: str,
    why: str,
    breaks: list[str],
    values: tuple[Value, ...],
    policy: list[str],
    seen: str,
    *,
    live: Live | None = None,
    notes: list[str] | None = None,
) -> Step:
    return Step(
        id=id,
        platform=Platform.WINDOWS,
        title=title,
        why=why,
        breaks=breaks,
        commands=[*commands(id, values, live), _policy(*policy)],
        undo=[*undo(id, values, live), _policy_undo()],
        verify=[Check(seen)],
        notes=[*(notes or []), _POLICY_WINS],
    )


def _guest_logons() -> Step:
    return _setting(
        "windows-guest-logons",
        "Refuse to be logged on as a guest by other servers",
        "A guest session can be neither signed nor encrypted: whoever stands between gives this "
        "computer any file he likes.",
        [
            "NAS boxes and routers that share without a password can't be opened any more: give "
            "them a user and a password.",
        ],
        (
            Value(_CLIENT, "AllowInsecureGuestAuth", 0),
            Value(
                r"SOFTWARE\Policies\Microsoft\Windows\LanmanWorkstation",
                "AllowInsecureGuestAuth",
                0,
            ),
        ),
        [f"{_TEMPLATES}Lanman Workstation > Enable insecure guest logons: Disabled"],
        "Get-SmbClientConfiguration shows EnableInsecureGuestLogons False.",
        live=Live("SmbClientConfiguration", "EnableInsecureGuestLogons", False),
        notes=[
            "Off already in Windows 10 and 11 Enterprise and Education, Windows 11 Pro since 24H2 "
            "and Server since 2019; still on in Windows 10 Home and Pro."
        ],
    )


def _guest_account() -> Step:
    return Step(
        id="windows-guest-account",
        platform=Platform.WINDOWS,
        title="Turn the guest account off",
        why="With it on, a user name nobody knows is let in to what Everyone may read.",
        breaks=["Whoever came in without an account of this computer needs one now."],
        commands=[
            typed(Kind.POWERSHELL, scripts.GUEST_OFF),
            _policy(f"{_OPTIONS}Accounts: Guest account status: Disabled"),
        ],
        undo=[typed(Kind.POWERSHELL, scripts.GUEST_UNDO), _policy_undo()],
        verify=[Check("nethood check finds that a guest logon is refused (--guest).")],
        notes=[
            "Off by default. A domain controller has no account of its own: there it is the guest "
            "of the domain, in Active Directory Users and Computers.",
            "The account is found by its number (it ends in 501): its name has a translation.",
        ],
    )


def _null_sessions() -> Step:
    return _setting(
        "windows-null-sessions",
        "Tell nothing to callers without a name",
        "A null session needs no password; where it may list users and shares, the list is half "
        "of the way in.",
        [
            "Inventory programs and copiers that list shares without logging on; trusts with NT 4 "
            "domains.",
        ],
        (
            Value(_LSA, "RestrictAnonymous", 1),
            Value(_LSA, "RestrictAnonymousSAM", 1),
            Value(_LSA, "EveryoneIncludesAnonymous", 0),
            Value(_SERVER, "RestrictNullSessAccess", 1),
        ),
        [
            f"{_OPTIONS}Network access: Do not allow anonymous enumeration of SAM accounts: "
            "Enabled",
            f"{_OPTIONS}Network access: Do not allow anonymous enumeration of SAM accounts and "
            "shares: Enabled",
            f"{_OPTIONS}Network access: Let Everyone permissions apply to anonymous users: "
            "Disabled",
            f"{_OPTIONS}Network access: Restrict anonymous access to Named Pipes and Shares: "
            "Enabled",
        ],
        "nethood check finds no share and no pipe open to an anonymous caller.",
        notes=[
            "Restart Windows afterwards. NullSessionPipes is left alone: a domain controller "
            "needs what stands there, and the enumeration settings do not count on it. "
            "RestrictAnonymous stays at 1: 2 locks old members out."
        ],
    )


def _llmnr() -> Step:
    return _setting(
        "windows-llmnr",
        "Turn LLMNR off",
        "Windows asks everybody in the room for names DNS does not know, and believes the first "
        "who answers; it then logs on there by itself.",
        ["Short names that are not in DNS are no longer found, unless NetBIOS or mDNS finds them."],
        (Value(_DNS_POLICY, "EnableMulticast", 0),),
        [f"{_TEMPLATES}DNS Client > Turn off multicast name resolution: Enabled"],
        "nethood canary hears no LLMNR question from this computer.",
        notes=["It counts from the next restart, or the next refresh of the policies."],
    )


def _netbt() -> Step:
    return Step(
        id="windows-netbt",
        platform=Platform.WINDOWS,
        title="Turn NetBIOS over TCP/IP off on every adapter",
        why=(
            "Ports 137, 138 and 139 then no longer listen: no name table to read, no broadcast "
            "names that anybody can answer."
        ),
        breaks=[
            "Whoever only speaks SMB over port 139: Windows 9x and NT, old copiers and consoles.",
            "Names that only NetBIOS or WINS knows, and the old browse list of the network.",
        ],
        commands=[
            typed(Kind.POWERSHELL, scripts.NETBT_OFF),
            typed(Kind.CMD, scripts.NETBT_OFF_CMD),
            _policy(
                "Computer Configuration > Windows Settings > Scripts > Startup: the PowerShell "
                "above; there is no setting for the ports themselves.",
                f"{_TEMPLATES}DNS Client > Configure NetBIOS settings: Enabled, Disable NetBIOS "
                "name resolution (stops the questions; the ports stay open)",
            ),
        ],
        undo=[
            typed(Kind.POWERSHELL, scripts.NETBT_UNDO),
            typed(Kind.CMD, scripts.NETBT_UNDO_CMD),
            _policy_undo(),
        ],
        verify=[Check("nethood check finds 137 and 139 closed, and no name table.")],
        notes=[
            "An adapter added later begins with what DHCP says: give option 001 of the vendor "
            "class Microsoft Options the value 2 there, or run this again.",
            "The cmd way counts from the next restart.",
        ],
    )


def _smb1_server() -> Step:
    return _setting(
        "windows-smb1-server",
        "Turn the SMB1 server off",
        "SMB1 can't encrypt, can be talked down to weaker settings, and is how WannaCry and "
        "NotPetya spread.",
        [
            "Windows XP and Server 2003, copiers that scan to a folder, consoles and media players "
            "without SMB2. To find them first: Set-SmbServerConfiguration -AuditSmb1Access $true, "
            "a week of patience, then event 3000 in Microsoft-Windows-SMBServer/Audit.",
        ],
        (Value(_SERVER, "SMB1", 0),),
        [f"{_PREFERENCE}{_SERVER}, SMB1, REG_DWORD, 0"],
        "Get-SmbServerConfiguration shows EnableSMB1Protocol False; nethood check finds SMB1 off.",
        live=Live("SmbServerConfiguration", "EnableSMB1Protocol", False),
        notes=[
            "A clean installation of Windows 10 since 1709 and of Server since 2019 does not have "
            "it. The .reg file and the policy count from the next restart; Windows 7 and Server "
            "2008 R2 have only these."
        ],
    )


def _smb1_client() -> Step:
    values = (
        Value(r"SYSTEM\CurrentControlSet\Services\mrxsmb10", "Start", 4),
        Value(
            r"SYSTEM\CurrentControlSet\Services\LanmanWorkstation",
            "DependOnService",
            ("Bowser", "MRxSmb20", "NSI"),
        ),
    )
    return Step(
        id="windows-smb1-client",
        platform=Platform.WINDOWS,
        title="Remove SMB1 altogether, its client included",
        why="A server that says it speaks only SMB1 can talk this computer down to it.",
        breaks=["Shares of old NAS boxes and of Windows XP and Server 2003 can't be opened."],
        commands=[
            typed(Kind.POWERSHELL, scripts.SMB1_CLIENT_OFF),
            *registry_commands("windows-smb1-client", values),
            _policy(
                f"{_PREFERENCE}{values[0].key}, Start, REG_DWORD, 4",
                f"{_PREFERENCE}{values[1].key}, DependOnService, REG_MULTI_SZ, Bowser MRxSmb20 NSI",
            ),
        ],
        undo=[
            typed(Kind.POWERSHELL, scripts.SMB1_CLIENT_UNDO),
            *registry_undo("windows-smb1-client", values),
            _policy_undo(),
        ],
        verify=[
            Check("Get-WindowsOptionalFeature -Online -FeatureName SMB1Protocol says Disabled."),
        ],
        notes=[
            "Restart Windows once, after the last step. To put it back Windows may want its "
            "installation source.",
            "The .reg file and the policy are for Windows 7, 8 and Server 2008 R2 and 2012; use "
            "them only where the service mrxsmb10 exists, and both values together: with only the "
            "first, the Workstation service does not start.",
        ],
    )


def _signing(side: str, key: str, title: str, why: str, breaks: list[str]) -> Step:
    return _setting(
        f"windows-signing-{side}",
        title,
        why,
        breaks,
        (Value(key, "RequireSecuritySignature", 1),),
        [
            f"{_OPTIONS}Microsoft network {side}: Digitally sign communications (always): Enabled",
        ],
        f"Get-Smb{side.capitalize()}Configuration shows RequireSecuritySignature True.",
        live=Live(f"Smb{side.capitalize()}Configuration", "RequireSecuritySignature", True),
        notes=[
            "Windows 11 24H2 Pro, Enterprise and Education require it both ways, Server 2025 only "
            "as a client, Home not at all; a domain controller requires it of others by default."
        ],
    )


def _signing_server() -> Step:
    return _signing(
        "server",
        _SERVER,
        "Require signing of those who come here",
        "Without it, a logon that somebody was tricked into elsewhere can be passed on to this "
        "computer as it happens (relaying).",
        ["Clients that can't sign, and guests. Copying with old processors is a little slower."],
    )


def _signing_client() -> Step:
    return _signing(
        "client",
        _CLIENT,
        "Require signing of the servers this computer uses",
        "Without it, whoever stands between can change files, programs and logon scripts on the "
        "way.",
        ["Servers that can't sign or only know guests: mostly old NAS boxes and routers."],
    )


def _mdns() -> Step:
    return _setting(
        "windows-mdns",
        "Optional: turn multicast DNS off as well",
        "It can be answered by anybody in the room, as LLMNR can. Leave it on where printers or "
        "screens are found by it.",
        ["Finding printers, casting to screens, names that end in .local."],
        (Value(r"SYSTEM\CurrentControlSet\Services\Dnscache\Parameters", "EnableMDNS", 0),),
        [
            f"{_TEMPLATES}DNS Client > Configure multicast DNS (mDNS) protocol: Disabled (where "
            "the editor has it)",
        ],
        "nethood canary hears no mDNS question from this computer.",
        notes=["It counts from the next restart. Browsers with an mDNS of their own keep it."],
    )
