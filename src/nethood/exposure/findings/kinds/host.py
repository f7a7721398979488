"""The host itself: its open port, its clock, what it tells of itself, its roles."""

from __future__ import annotations

from datetime import UTC, datetime

from nethood.exposure.findings.kinds.base import (
    APPLIANCE,
    INFO,
    LOW,
    MEDIUM,
    MS_BRWS,
    MS_NLMP,
    MS_SMB2,
    NETHOOD,
    SAMBA,
    SECURE_TRAFFIC,
    SMB_CONF,
    WINDOWS,
    Kind,
    menu,
    policy_page,
    powershell,
    rfc,
    smb_conf,
    toml,
    words,
)
from nethood.exposure.findings.kinds.public import is_public
from nethood.exposure.findings.kinds.roles import (
    BROWSER_ELECTION,
    DOMAIN_MASTER,
    MASTER_BROWSER,
    is_domain_controller,
    names_with,
)
from nethood.exposure.findings.model import Entry, Platform, Reference, Step
from nethood.exposure.findings.words import clean
from nethood.exposure.model import HostReport

SKEW_LIMIT_S = 300.0

CLOCK = policy_page(
    "Maximum tolerance for computer clock synchronization",
    "maximum-tolerance-for-computer-clock-synchronization",
)
BEST_PRACTICES = Reference(
    "CISA: SMB security best practices",
    "https://www.cisa.gov/news-events/alerts/2017/01/16/smb-security-best-practices",
)

ONLY_NEIGHBOURS: dict[Platform, tuple[Step, ...]] = {
    WINDOWS: (
        powershell(
            "Set-NetFirewallRule -Group '@FirewallAPI.dll,-28502' -RemoteAddress LocalSubnet"
            "  # the group File and Printer Sharing, in every language"
        ),
        words("At the border of the network: block TCP 445 and 139, UDP 137 and 138, both ways."),
    ),
    SAMBA: (
        smb_conf(
            "# your network, and the interface that leads to it:\n"
            "hosts allow = 192.0.2.0/24\n"
            "interfaces = lo eth0\nbind interfaces only = yes"
        ),
        words("At the border of the network: block TCP 445 and 139, UDP 137 and 138, both ways."),
    ),
    APPLIANCE: (
        menu("Firewall: let only your own network reach file sharing."),
        words("On the router: remove port forwardings to 445 and 139, and UPnP for this device."),
    ),
    NETHOOD: (toml("[server]\nallow_public = false"),),
}
NOTHING: dict[Platform, tuple[Step, ...]] = {
    WINDOWS: (words("Nothing to do: every server tells it."),),
    SAMBA: (words("Nothing to do: every server tells it."),),
    APPLIANCE: (words("Nothing to do: every server tells it."),),
    NETHOOD: (words("Nothing to do: every server tells it."),),
}
CLOCK_FIX: dict[Platform, tuple[Step, ...]] = {
    WINDOWS: (powershell("w32tm /resync /rediscover\nw32tm /query /status"),),
    SAMBA: (Step("Shell", "timedatectl set-ntp true"),),
    APPLIANCE: (menu("System > time: synchronise with a time server; check the time zone."),),
    NETHOOD: (Step("Shell", "timedatectl set-ntp true"),),
}


def _smb_port(report: HostReport) -> str:
    port = f"tcp/{report.target.port}"
    return port if report.port_is_open(port) else ""


def _from_internet(report: HostReport) -> list[str] | None:
    port = _smb_port(report)
    if not port or not is_public(report):
        return None
    return [f"{port} of the public address {report.target.address} accepted a connection."]


def _reachable(report: HostReport) -> list[str] | None:
    port = _smb_port(report)
    if not port or is_public(report):
        return None
    facts = report.ports[port].value
    took = facts.connect_ms if facts is not None else None
    return [f"{port} accepted a connection" + (f" in {took:.1f} ms." if took is not None else ".")]


def _skew(report: HostReport) -> list[str] | None:
    facts = report.server.value
    if facts is None or facts.skew_s is None or abs(facts.skew_s) <= SKEW_LIMIT_S:
        return None
    minutes = abs(facts.skew_s) / 60
    where = "ahead of" if facts.skew_s > 0 else "behind"
    return [f"Its clock is {minutes:,.0f} minutes {where} the scanner's."]


def _boot_time(report: HostReport) -> list[str] | None:
    facts = report.server.value
    if facts is None or not facts.boot_time_unix:
        return None
    return [f"Running since {moment(facts.boot_time_unix)}, it says."]


def moment(unix_s: float) -> str:
    """Return a time as people read it, in UTC; hostile ones as their number."""
    try:
        return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (ValueError, OverflowError, OSError):
        return f"{unix_s:.0f} seconds after 1970"


def _ntlm(report: HostReport) -> list[str] | None:
    facts = report.ntlm.value
    if facts is None:
        return None
    told = {
        "NetBIOS computer": facts.netbios_computer,
        "NetBIOS domain": facts.netbios_domain,
        "DNS computer": facts.dns_computer,
        "DNS domain": facts.dns_domain,
        "DNS forest": facts.dns_forest,
        "OS version": f"{facts.os_version} (may be stale)" if facts.os_version else "",
    }
    return [f"{what}: {clean(text, 120)}" for what, text in told.items() if text] or None


def _ntlm_only(report: HostReport) -> list[str] | None:
    facts = report.server.value
    if facts is None or not facts.mechanisms:
        return None
    told = [clean(name, 40) for name in facts.mechanisms]
    if any("krb" in name.lower() or "kerberos" in name.lower() for name in facts.mechanisms):
        return None
    if not any("ntlm" in name.lower() for name in facts.mechanisms):
        return None
    return [f"Ways to log in: {', '.join(told[:12])}"]


def _controller(report: HostReport) -> list[str] | None:
    lines = is_domain_controller(report)
    if not lines:
        return None
    masters = names_with(report, DOMAIN_MASTER)
    lines += [f"{clean(name.name.strip())}<1B>: the domain master browser." for name in masters]
    return lines


def _browser(report: HostReport) -> list[str] | None:
    lines = [
        f"{clean(name.name.strip())}<1D>: the master browser of its network."
        for name in names_with(report, MASTER_BROWSER)
    ]
    lines += [
        f"{clean(name.name.strip())}<1E>: takes part in browser elections."
        for name in names_with(report, BROWSER_ELECTION)
        if name.is_group
    ]
    return lines or None


KINDS = (
    Kind(
        Entry(
            id="smb-open-to-internet",
            title="File sharing is open on a public address",
            severity=MEDIUM,
            severity_reason=(
                "scanners of the whole Internet find it; the scan can't tell whether it was seen "
                "from inside, which keeps this from being high"
            ),
            meaning=(
                "The SMB port answered on an address of the public range. Every weakness of the "
                "server is then everybody's, and passwords are guessed day and night."
            ),
            fixes=ONLY_NEIGHBOURS,
            breaks="Who needs these files from outside: give them a VPN, or SMB over QUIC.",
            references=(SECURE_TRAFFIC, BEST_PRACTICES),
            needs=(),
        ),
        _from_internet,
    ),
    Kind(
        Entry(
            id="clock-skew",
            title="The clock is wrong by more than five minutes",
            severity=LOW,
            severity_reason=(
                "Kerberos may refuse tickets then, and a client that falls back to NTLM has less "
                "protection"
            ),
            meaning=(
                "The server's own time differs from this machine's by more than Kerberos "
                "tolerates. Logs of different hosts can't be compared either. If many hosts "
                "show this, it is the scanner's clock that is wrong."
            ),
            fixes=CLOCK_FIX,
            breaks="Nothing; files written meanwhile keep their wrong times.",
            references=(CLOCK, rfc(4120, "The Kerberos Network Authentication Service (V5)")),
            needs=("server",),
        ),
        _skew,
    ),
    Kind(
        Entry(
            id="smb-reachable",
            title="File sharing is reachable from here",
            severity=INFO,
            severity_reason="it is what a file server is for",
            meaning=(
                "The SMB port accepts connections from the machine that scanned. If this host "
                "is not meant to share files, close it."
            ),
            fixes=ONLY_NEIGHBOURS,
            breaks="Clients outside the networks you allow.",
            references=(SECURE_TRAFFIC, BEST_PRACTICES),
            needs=(),
        ),
        _reachable,
    ),
    Kind(
        Entry(
            id="domain-controller",
            title="It is a domain controller",
            severity=INFO,
            severity_reason="it is its purpose; findings on it weigh more",
            meaning="The host registered the NetBIOS names that only domain controllers hold.",
            fixes=NOTHING,
            breaks="Nothing.",
            references=(MS_BRWS,),
            needs=("netbios",),
        ),
        _controller,
    ),
    Kind(
        Entry(
            id="browser-role",
            title="It takes part in the computer browser service",
            severity=INFO,
            severity_reason="the list of hosts it keeps is open anyway",
            meaning=(
                "The host stands for election as the one that keeps the list of all computers. "
                "Current Windows no longer uses it."
            ),
            fixes={
                WINDOWS: (
                    powershell(
                        "Stop-Service Browser; Set-Service Browser -StartupType Disabled"
                        "  # it went with SMB1"
                    ),
                ),
                SAMBA: (smb_conf("local master = no\npreferred master = no\ndomain master = no"),),
                APPLIANCE: (
                    menu("File services > SMB > advanced: turn local master browser off."),
                ),
                NETHOOD: (toml('[browser]\nmaster = "no"'),),
            },
            breaks="The network list of Windows XP and older.",
            references=(MS_BRWS, SMB_CONF),
            needs=("netbios",),
        ),
        _browser,
    ),
    Kind(
        Entry(
            id="ntlm-information",
            title="Names and version are told before logging in",
            severity=INFO,
            severity_reason="every server that accepts NTLM does it, it is part of the protocol",
            meaning=(
                "The second message of an NTLM logon names the computer, its domain and forest, "
                "and the build of its system. An update can leave the build behind."
            ),
            fixes=NOTHING,
            breaks="Nothing.",
            references=(MS_NLMP,),
            needs=("ntlm",),
        ),
        _ntlm,
    ),
    Kind(
        Entry(
            id="ntlm-only",
            title="Only NTLM is offered to log in with",
            severity=INFO,
            severity_reason="outside a domain there is nothing better to offer yet",
            meaning=(
                "Kerberos is not among the ways to log in. NTLM proofs can be relayed to other "
                "servers unless these require signing."
            ),
            fixes={
                WINDOWS: (words("Join a domain; then restrict NTLM by Group Policy."),),
                SAMBA: (
                    smb_conf(
                        "security = ads\nrealm = EXAMPLE.ORG\n"
                        "kerberos method = secrets and keytab\n# then: net ads join"
                    ),
                ),
                APPLIANCE: (menu("Users > directory: join the domain."),),
                NETHOOD: (words("Nothing to do: passwords are checked by NTLMv2 only."),),
            },
            breaks="Devices that know NTLM only, where it is then turned off.",
            references=(MS_NLMP, SMB_CONF),
            needs=("server",),
        ),
        _ntlm_only,
    ),
    Kind(
        Entry(
            id="boot-time-told",
            title="The time of the last start is told",
            severity=INFO,
            severity_reason="it hints at missing updates, and no more",
            meaning=(
                "The server's first answer has the time it was started, as Windows did until "
                "Windows 10 1703 and Server 2016. A start long ago means that no update that needs "
                "a restart has been finished since."
            ),
            fixes={
                WINDOWS: (words("Windows 10 1709, Server 2019 and newer say zero instead."),),
                SAMBA: (words("Newer releases of Samba say zero instead."),),
                APPLIANCE: (words("New firmware."),),
            },
            breaks="Nothing.",
            references=(MS_SMB2,),
            needs=("server",),
        ),
        _boot_time,
    ),
)
