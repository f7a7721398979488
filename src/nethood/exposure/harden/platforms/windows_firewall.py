"""Windows Firewall, in and out, as PowerShell and, for old systems, as netsh commands.

A block rule wins over every allow rule there, so "closed except from 10.0.0.0/8" can't be a block
and an exception. What closes the ports is that nothing allows them: the rules that do are turned
off, and rules of our own allow the networks that are named. Outwards everything is allowed unless
blocked, so there it is one block rule, from which the allowed networks are cut out.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from nethood.exposure.harden.model import Check, Kind, Network, PlanRequest, Platform, Step, typed
from nethood.exposure.harden.platforms.powershell import (
    READ_RECORD,
    RECORDS,
    WRITE_RECORD,
    array,
    block,
    quote,
    record,
)

GROUP = "nethood"
FILE_SHARING = "@FirewallAPI.dll,-28502"
"""The group File and Printer Sharing, the same in every language."""
NOT_PUBLIC = (
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "224.0.0.0/3",
)
_EVERYBODY = {
    "0.0.0.0/0": ("1.0.0.0-223.255.255.255",),
    "::/0": ("2000::/3", "fc00::/7", "fe80::/10"),
}
"""A range there must not hold the unspecified address, [MS-FASP] 2.2.8, 2.2.10."""
PUBLIC_V6 = ipaddress.IPv6Network("2000::/3")
RULES = (("smb", "TCP", "139,445"), ("netbios", "UDP", "137,138"))


def steps(request: PlanRequest) -> list[Step]:
    """Return what closes the ports inwards, and 139 and 445 towards the Internet."""
    ranges = public_ranges(request)
    return [_inwards(request), *([_outwards(ranges)] if ranges else [])]


def _inwards(request: PlanRequest) -> Step:
    networks = [*request.allow_v4, *request.allow_v6]
    allow = [text for network in networks for text in _EVERYBODY.get(network, (network,))]
    return Step(
        id="windows-firewall-in",
        platform=Platform.WINDOWS_FIREWALL,
        title="Let in only the networks that are named, on ports 137 to 139 and 445",
        why=(
            "Whoever reaches these ports can ask for names, try passwords and use every weakness "
            "of SMB. The rules that allow them are turned off instead of blocked, because a block "
            "rule would win over the exceptions too."
        ),
        breaks=[
            "Everybody outside the allowed networks loses shares, printers and remote management "
            "through named pipes (Event Viewer, Services, PsExec) on this computer.",
            "The netsh way turns the whole group File and Printer Sharing off: this computer no "
            "longer answers ping, and printers shared here need 445 from an allowed network.",
            "Allowed networks are let in where the network is marked Domain or Private; in one "
            "marked Public nobody is: in a café, 10.0.0.0/8 is not yours.",
        ],
        commands=[
            typed(Kind.POWERSHELL, _close_in(allow)),
            typed(Kind.CMD, _netsh_close_in(allow)),
        ],
        undo=[
            typed(Kind.POWERSHELL, OPEN_IN),
            typed(Kind.CMD, NETSH_UNDO),
        ],
        verify=[
            Check("Get-NetFirewallRule -Group nethood lists the rules of the allowed networks."),
            Check("From an address that is not allowed, nethood check finds 139 and 445 filtered."),
        ],
        notes=[
            "Rules of a group policy can't be changed here; where one allows the ports, the "
            "script names it, and it has to be changed in the policy.",
            "The netsh commands are for Windows Vista, 7 and Server 2008, which have no firewall "
            "cmdlets. Their undo puts the whole firewall back as it was, later changes included.",
        ],
    )


def _outwards(ranges: list[str]) -> Step:
    return Step(
        id="windows-firewall-out",
        platform=Platform.WINDOWS_FIREWALL,
        title="Stop this computer from speaking SMB to the Internet",
        why=(
            "A link in a mail or a document that points to a server outside makes Windows log on "
            "there by itself and so hands over something a password can be computed from."
        ),
        breaks=[
            "Shares on public addresses, Azure Files among them, unless their network is allowed "
            "with --allow or reached through a VPN.",
        ],
        commands=[
            typed(Kind.POWERSHELL, _close_out(ranges)),
            typed(Kind.CMD, _netsh_close_out(ranges)),
        ],
        undo=[
            typed(Kind.POWERSHELL, OPEN_OUT),
            typed(Kind.CMD, _netsh_delete("nethood: SMB to the Internet")),
        ],
        verify=[
            Check("Get-NetFirewallRule -Name nethood-smb-out shows it enabled, with Action Block."),
        ],
        notes=[
            "The public addresses are written out: the keyword Internet means whatever lies "
            "outside the intranet as Windows sees it, which without a domain can be the next room.",
        ],
    )


def public_ranges(request: PlanRequest) -> list[str]:
    """Return the public addresses that are not allowed, as ranges "first-last", in order."""
    four = [ipaddress.IPv4Network(text) for text in NOT_PUBLIC]
    holes = [*four, *request.allow]
    return [
        f"{kind(first)}-{kind(last)}"
        for version, whole, kind in (
            (4, ipaddress.IPv4Network("0.0.0.0/0"), ipaddress.IPv4Address),
            (6, PUBLIC_V6, ipaddress.IPv6Address),
        )
        for first, last in _gaps(whole, [hole for hole in holes if hole.version == version])
    ]


def _gaps(whole: Network, holes: list[Network]) -> Iterator[tuple[int, int]]:
    """Yield the first and last number of each stretch of *whole* that no hole covers."""
    place, end = int(whole.network_address), int(whole.broadcast_address)
    for hole in sorted(holes, key=lambda hole: int(hole.network_address)):
        first, last = int(hole.network_address), int(hole.broadcast_address)
        if first > end:
            break
        if place < first:
            yield place, first - 1
        place = max(place, last + 1)
    if place <= end:
        yield place, end


_FIND = """\
$wanted = @{ TCP = @(139, 445); UDP = @(137, 138); Any = @() }
foreach ($kind in Get-NetFirewallProfile -PolicyStore ActiveStore) {
    if ("$($kind.Enabled)" -ne 'True' -or "$($kind.DefaultInboundAction)" -eq 'Allow') {
        throw "The $($kind.Name) profile lets everything in: turn the firewall on there first."
    }
    if ("$($kind.AllowLocalFirewallRules)" -eq 'False') {
        Write-Warning "A group policy ignores local rules in the $($kind.Name) profile."
    }
}
function Expand-Port([string[]] $Given) {
    foreach ($part in $Given) {
        if ($part -match '^(\\d+)-(\\d+)$') { [int] $Matches[1]..[int] $Matches[2] }
        elseif ($part -match '^\\d+$') { [int] $part }
        else { $part }
    }
}
function Find-Opener([string] $Store) {
    foreach ($filter in Get-NetFirewallPortFilter -PolicyStore $Store) {
        if (-not $wanted.ContainsKey("$($filter.Protocol)")) { continue }
        $ports = @(Expand-Port $filter.LocalPort)
        $ours = @($ports | Where-Object { $wanted["$($filter.Protocol)"] -contains $_ })
        $any = $ports -contains 'Any'
        if ($ours.Count -eq 0 -and -not $any) { continue }
        $rule = $filter | Get-NetFirewallRule
        if ($null -eq $rule) { continue }
        if ("$($rule.Direction)" -ne 'Inbound' -or "$($rule.Action)" -ne 'Allow') { continue }
        if ("$($rule.Enabled)" -ne 'True' -or $rule.Group -eq 'nethood') { continue }
        $program = ($rule | Get-NetFirewallApplicationFilter).Program
        if ($any -and @('Any', 'System') -notcontains $program) { continue }
        @{ Rule = $rule; Only = (-not $any -and $ours.Count -eq $ports.Count) }
    }
}
"""


def _close_in(allow: list[str]) -> str:
    return block(record("firewall-in") + _FIND + _CLOSE + _own_rules(allow) + _WARN)


_CLOSE = (
    """\
$found = @(Find-Opener PersistentStore)
$close = @($found | Where-Object { $_.Only } | ForEach-Object { $_.Rule.Name })
$before = @{ TurnedOff = $close }
if (Test-Path -LiteralPath $record) {
    $earlier = Get-Content -LiteralPath $record -Raw | ConvertFrom-Json
    $before.TurnedOff = @(@($earlier.TurnedOff) + $close | Select-Object -Unique)
}
"""
    + WRITE_RECORD
)

_WARN = """\
if ($close.Count -gt 0) { Disable-NetFirewallRule -Name $close }
$found | Where-Object { -not $_.Only } | ForEach-Object {
    Write-Warning "Still open by '$($_.Rule.DisplayName)', which is for more than these ports."
}
try {
    @(Find-Opener RSOP) | ForEach-Object {
        Write-Warning "Still open by '$($_.Rule.DisplayName)' of a group policy: change it there."
    }
}
catch { Write-Warning "Whether a group policy opens the ports is not known: $_" }
"""


def _own_rules(allow: list[str]) -> str:
    lines = [f"Get-NetFirewallRule -Group {GROUP} -ErrorAction SilentlyContinue |"]
    lines += ["    Where-Object { \"$($_.Direction)\" -eq 'Inbound' } | Remove-NetFirewallRule"]
    if allow:
        lines += [f"$allow = {array(allow)}"]
    for name, protocol, ports in RULES if allow else ():
        lines += _new_rule(
            Name=quote(f"nethood-{name}-in"),
            DisplayName=quote(f"nethood: {protocol} {ports} in"),
            Direction="'Inbound'",
            Action="'Allow'",
            Profile="@('Domain', 'Private')",
            Protocol=quote(protocol),
            LocalPort=array(ports.split(",")),
            RemoteAddress="$allow",
        )
    return "\n".join([*lines, ""])


def _new_rule(**fields: str) -> list[str]:
    named = {"Group": quote(GROUP), **fields}
    lines = [f"    {name} = {value}" for name, value in named.items()]
    return ["$rule = @{", *lines, "}", "New-NetFirewallRule @rule | Out-Null"]


OPEN_IN = block(
    record("firewall-in")
    + READ_RECORD
    + """\
$off = @($before.TurnedOff)
if ($off.Count -gt 0) { Enable-NetFirewallRule -Name $off -ErrorAction SilentlyContinue }
Get-NetFirewallRule -Group nethood -ErrorAction SilentlyContinue |
    Where-Object { "$($_.Direction)" -eq 'Inbound' } | Remove-NetFirewallRule
Remove-Item -LiteralPath $record
"""
)


def _close_out(ranges: list[str]) -> str:
    lines = "".join(f"    {quote(text)},\n" for text in ranges).rstrip(",\n")
    rule = _new_rule(
        Name="'nethood-smb-out'",
        DisplayName="'nethood: SMB to the Internet'",
        Direction="'Outbound'",
        Action="'Block'",
        Profile="'Any'",
        Protocol="'TCP'",
        RemotePort="@('139', '445')",
        RemoteAddress="$public",
    )
    return block("\n".join([_REMOVE_OUT, f"$public = @(\n{lines}\n)", *rule]))


_REMOVE_OUT = "Remove-NetFirewallRule -Name nethood-smb-out -ErrorAction SilentlyContinue"
OPEN_OUT = block(_REMOVE_OUT)

_SAVED = rf"{RECORDS}\firewall.wfw"

NETSH_UNDO = f'netsh advfirewall import "{_SAVED}"\n'


def _netsh_close_in(allow: list[str]) -> str:
    lines = [
        f'if not exist "{RECORDS}" mkdir "{RECORDS}"',
        f'if not exist "{_SAVED}" netsh advfirewall export "{_SAVED}"',
        f'netsh advfirewall firewall set rule group="{FILE_SHARING}" new enable=no',
    ]
    for _, protocol, ports in RULES if allow else ():
        name = f"nethood: {protocol} {ports} in"
        lines += [
            _netsh_delete(name).rstrip("\n"),
            f'netsh advfirewall firewall add rule name="{name}" dir=in action=allow '
            f"profile=domain,private protocol={protocol} localport={ports} "
            f"remoteip={','.join(allow)}",
        ]
    return "\n".join([*lines, ""])


def _netsh_close_out(ranges: list[str]) -> str:
    name = "nethood: SMB to the Internet"
    return (
        _netsh_delete(name)
        + f'netsh advfirewall firewall add rule name="{name}" dir=out action=block '
        f"profile=any protocol=TCP remoteport=139,445 remoteip={','.join(ranges)}\n"
    )


def _netsh_delete(name: str) -> str:
    return f'netsh advfirewall firewall delete rule name="{name}"\n'
