"""NetBIOS: the name service, what it tells, its amplification, and the session service."""

from __future__ import annotations

from nethood.exposure.findings.kinds.base import (
    APPLIANCE,
    INFO,
    LOW,
    MEDIUM,
    NETHOOD,
    SAMBA,
    SMB_CONF,
    WINDOWS,
    Kind,
    menu,
    policy,
    powershell,
    registry,
    rfc,
    smb_conf,
    toml,
)
from nethood.exposure.findings.kinds.public import is_public
from nethood.exposure.findings.model import Entry, Platform, Reference, Step
from nethood.exposure.findings.words import clean, joined
from nethood.exposure.model import HostReport

RFC_1001 = rfc(1001, "NetBIOS over TCP/UDP, concepts and methods")
RFC_1002 = rfc(1002, "NetBIOS over TCP/UDP, detailed specifications")
AMPLIFICATION = Reference(
    "CISA: alert TA14-017A, UDP-based amplification attacks",
    "https://www.cisa.gov/news-events/alerts/2014/01/17/udp-based-amplification-attacks",
)

NETBIOS_OFF: dict[Platform, tuple[Step, ...]] = {
    WINDOWS: (
        powershell(
            'Get-CimInstance Win32_NetworkAdapterConfiguration -Filter "IPEnabled=true" | '
            "Invoke-CimMethod -MethodName SetTcpipNetbios "
            "-Arguments @{TcpipNetbiosOptions = [uint32]2}"
        ),
        policy(
            "Computer Configuration > Administrative Templates > Network > DNS Client > "
            "Configure NetBIOS settings: Enabled, Disable NetBIOS name resolution (Windows 11; it "
            "stops this computer's own questions, the ports stay open)"
        ),
        registry(
            "[HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\NetBT\\Parameters\\"
            'Interfaces\\Tcpip_{GUID of the adapter}]\n"NetbiosOptions"=dword:00000002'
        ),
    ),
    SAMBA: (
        smb_conf("disable netbios = yes\nsmb ports = 445\n# and: systemctl disable --now nmbd"),
    ),
    APPLIANCE: (
        menu("File services > SMB > advanced: turn NetBIOS, WINS and master browser off."),
    ),
    NETHOOD: (toml("[netbios]\nenabled = false"),),
}
BREAKS = (
    "Hosts are no longer found by their NetBIOS names: Windows XP, scanners and consoles need an "
    "address or a DNS name. Current Windows finds hosts by DNS, WS-Discovery and mDNS."
)


def _reachable(report: HostReport) -> list[str] | None:
    facts = report.netbios.value
    if facts is None or is_public(report):
        return None
    return [f"UDP 137 answered a node status request with {len(facts.names)} names."]


def _reflector(report: HostReport) -> list[str] | None:
    facts = report.netbios.value
    if facts is None or not is_public(report):
        return None
    return [
        f"UDP 137 of the public address {report.target.address} answered "
        f"{facts.request_bytes} bytes with {facts.response_bytes}."
    ]


def _amplification(report: HostReport) -> list[str] | None:
    facts = report.netbios.value
    if facts is None or facts.request_bytes <= 0 or facts.amplification <= 1:
        return None
    return [
        f"{facts.request_bytes} bytes were answered with {facts.response_bytes}: "
        f"factor {facts.amplification:.1f}."
    ]


def _names(report: HostReport) -> list[str] | None:
    facts = report.netbios.value
    if facts is None or not facts.names:
        return None
    told = {"Computer": facts.computer, "Workgroup or domain": facts.workgroup, "MAC": facts.mac}
    names = [f"{name.name.strip()}<{name.suffix:02X}>" for name in facts.names]
    lines = [f"{what}: {clean(text, 60)}" for what, text in told.items() if text]
    return [*lines, f"Names: {joined(names)}"]


def _users(report: HostReport) -> list[str] | None:
    facts = report.netbios.value
    return [f"Logged in: {joined(facts.users)}"] if facts is not None and facts.users else None


def _session_service(report: HostReport) -> list[str] | None:
    if not report.port_is_open("tcp/139"):
        return None
    facts = report.session_service.value
    if facts is None:
        return ["TCP 139 is open."]
    told = "accepted a session" if facts.accepted else "refused the session"
    return [f"TCP 139 is open and {told} for the name {clean(facts.called_name, 40)}."]


KINDS = (
    Kind(
        Entry(
            id="netbios-open-to-internet",
            title="NetBIOS answers on a public address",
            severity=MEDIUM,
            severity_reason=(
                "it tells the Internet who the host is, and lends itself to attacks on others"
            ),
            meaning=(
                "The name service answered on an address of the public range. Anybody can send "
                "it small questions in the name of a victim, who then gets the larger answers. "
                "The scan saw it from where it ran; a firewall may still keep others out."
            ),
            fixes={
                **NETBIOS_OFF,
                WINDOWS: (
                    *NETBIOS_OFF[WINDOWS],
                    powershell(
                        "New-NetFirewallRule -DisplayName 'NetBIOS from outside' -Direction "
                        "Inbound -Protocol UDP -LocalPort 137,138 -RemoteAddress Internet "
                        "-Action Block  # without a domain, Internet can be the next room"
                    ),
                ),
            },
            breaks="Nothing that should be there.",
            references=(AMPLIFICATION, RFC_1002),
            needs=("netbios",),
        ),
        _reflector,
    ),
    Kind(
        Entry(
            id="netbios-name-service",
            title="The NetBIOS name service is reachable",
            severity=LOW,
            severity_reason=(
                "the protocol proves nobody's identity; names can be claimed and answers forged "
                "by anybody in the same network"
            ),
            meaning=(
                "The host takes part in name resolution as it was before DNS. Such hosts also "
                "ask by broadcast, and believe whoever answers first."
            ),
            fixes=NETBIOS_OFF,
            breaks=BREAKS,
            references=(RFC_1001, RFC_1002, SMB_CONF),
            needs=("netbios",),
        ),
        _reachable,
    ),
    Kind(
        Entry(
            id="netbios-users-told",
            title="NetBIOS tells who is logged in",
            severity=LOW,
            severity_reason="a user's name is half of what a password guesser needs",
            meaning=(
                "The messenger service registered the names of the users that are logged in. "
                "Anybody who asks is told. Systems since Windows Vista no longer do it."
            ),
            fixes=NETBIOS_OFF,
            breaks=BREAKS,
            references=(RFC_1002,),
            needs=("netbios",),
        ),
        _users,
    ),
    Kind(
        Entry(
            id="session-service-open",
            title="The NetBIOS session service (TCP 139) is open",
            severity=LOW,
            severity_reason="it is a second way to the same files, often left out of firewalls",
            meaning=(
                "SMB is reached through TCP 139 as well as, or instead of, TCP 445. Nothing "
                "since Windows 2000 needs it."
            ),
            fixes=NETBIOS_OFF,
            breaks=BREAKS,
            references=(RFC_1002, SMB_CONF),
            needs=("session_service",),
        ),
        _session_service,
    ),
    Kind(
        Entry(
            id="netbios-names-told",
            title="NetBIOS tells names and MAC address",
            severity=INFO,
            severity_reason="it helps to find hosts, for good and for bad",
            meaning=(
                "A node status answer names the computer, its workgroup or domain, its services "
                "and, except on Samba, the address of its network card."
            ),
            fixes=NETBIOS_OFF,
            breaks=BREAKS,
            references=(RFC_1002,),
            needs=("netbios",),
        ),
        _names,
    ),
    Kind(
        Entry(
            id="netbios-amplification",
            title="NetBIOS answers are larger than questions",
            severity=INFO,
            severity_reason="inside a network nobody gains by it; outside see its own finding",
            meaning=(
                "How many bytes come back for one that is sent, measured with a single question. "
                "3.8 is what the CISA alert names for NetBIOS."
            ),
            fixes=NETBIOS_OFF,
            breaks=BREAKS,
            references=(AMPLIFICATION, RFC_1002),
            needs=("netbios",),
        ),
        _amplification,
    ),
)
