"""Reports of hosts as they are found in networks, made by hand."""

from __future__ import annotations

from nethood.exposure.model import (
    AlgorithmFacts,
    Confidence,
    DialectFacts,
    Evidence,
    HostReport,
    LogonFacts,
    Ms17010Facts,
    NetbiosFacts,
    NetbiosName,
    NtlmFacts,
    PipeFacts,
    PortFacts,
    PortState,
    ServerFacts,
    SessionServiceFacts,
    ShareFacts,
    Signing,
    Smb1Facts,
    SmbGhostFacts,
    SoftwareFacts,
    Target,
    known,
    unknown,
)

STARTED = 1_790_000_000.0
"""21 September 2026."""
DIALECTS = {0x0202: "2.0.2", 0x0210: "2.1", 0x0300: "3.0", 0x0302: "3.0.2", 0x0311: "3.1.1"}
CIPHERS = ("AES-128-CCM", "AES-128-GCM", "AES-256-CCM", "AES-256-GCM")


def dialects(signing: Signing, spoken: tuple[int, ...] = tuple(DIALECTS)) -> list[DialectFacts]:
    """Return every dialect, those *spoken* with their signing."""
    found = []
    for dialect, name in DIALECTS.items():
        if dialect not in spoken:
            found.append(DialectFacts(dialect, name, False))
            continue
        extra = ["ENCRYPTION"] if dialect in (0x0300, 0x0302) else []
        found.append(DialectFacts(dialect, name, True, signing, 1, ["LEASING", *extra], 1 << 20))
    return found


def algorithms(*ciphers: str, compression: bool = False) -> AlgorithmFacts:
    """Return what 3.1.1 can do: of *ciphers* each, of the others none."""
    return AlgorithmFacts(
        {name: name in ciphers for name in CIPHERS},
        {"HMAC-SHA256": False, "AES-CMAC": True, "AES-GMAC": True},
        {"LZNT1": compression, "LZ77": compression},
    )


def server(signing: Signing, *, skew_s: float = 0.4, boot: float | None = None) -> ServerFacts:
    """Return the answer to a negotiation."""
    return ServerFacts(
        0x0311,
        signing,
        "8a4c0b1e-5d3f-4f62-9a10-2f6d4c1b7e90",
        STARTED + skew_s,
        skew_s,
        boot,
        ["DFS", "LEASING", "LARGE_MTU"],
        ["NEGOEX", "Kerberos", "NTLM"],
    )


def ntlm(name: str, domain: str, version: str = "", build: int | None = None) -> NtlmFacts:
    """Return the target information of a host in a domain, or in none."""
    dns = domain.lower()
    return NtlmFacts(
        name,
        domain.partition(".")[0].upper(),
        f"{name.lower()}.{dns}",
        dns,
        "",
        version,
        build,
        None,
    )


def row(name: str, suffix: int, service: str, *, group: bool = False) -> NetbiosName:
    """Return a row of a name table."""
    return NetbiosName(name, suffix, service, group)


def netbios(
    computer: str, group: str, *more: NetbiosName, users: tuple[str, ...] = ()
) -> NetbiosFacts:
    """Return a node status with the names every host has, and *more*."""
    names = [
        row(computer, 0x00, "workstation"),
        row(computer, 0x20, "file server"),
        row(group, 0x00, "workgroup", group=True),
        *more,
    ]
    size = 103 + 18 * len(names)
    return NetbiosFacts(names, computer, group, "00:15:5d:01:ca:05", list(users), [], 50, size)


def host(address: str, name: str = "", *, port_139: bool = False) -> HostReport:
    """Return a report with the port of SMB open and nothing else known."""
    report = HostReport(Target(address, 445, name), STARTED, STARTED + 1.5)
    state = PortState.OPEN if port_139 else PortState.CLOSED
    report.ports = {
        "tcp/445": known(PortFacts(PortState.OPEN, 0.6)),
        "tcp/139": known(PortFacts(state, 0.5 if port_139 else None)),
    }
    report.netbios = unknown("no answer from UDP port 137 within 3 s")
    report.guest = unknown("not asked; --guest asks once")
    report.ms17_010 = unknown("SMB1 is off")
    return report


def windows_10() -> HostReport:
    """Return a Windows 10 1909 at its defaults: signing enabled, compression on."""
    report = host("192.168.1.23", "lab-23")
    report.server = known(server(Signing.ENABLED))
    report.dialects = known(dialects(Signing.ENABLED))
    report.algorithms = known(algorithms(*CIPHERS[:2], compression=True))
    report.smb1 = known(Smb1Facts(False), Evidence("NEGOTIATE NT LM 0.12", "connection reset"))
    report.ntlm = known(ntlm("LAB-23", "WORKGROUP", "10.0.18363", 18363))
    report.anonymous = known(LogonFacts(True, "STATUS_SUCCESS", is_null=True))
    report.shares = unknown("refused: the list with STATUS_ACCESS_DENIED")
    report.pipes = unknown("refused: IPC$ with STATUS_ACCESS_DENIED")
    report.smbghost = known(SmbGhostFacts(None, "build 18363 with compression on"))
    report.software = known(
        SoftwareFacts("Windows 10 1909", "10.0.18363", Confidence.LIKELY, ["NTLM version"])
    )
    return report


def domain_controller() -> HostReport:
    """Return a Server 2019 that controls a domain, as it is installed."""
    report = host("10.0.0.5", "dc1.example.com", port_139=True)
    report.server = known(server(Signing.REQUIRED))
    report.dialects = known(dialects(Signing.REQUIRED))
    report.algorithms = known(algorithms(*CIPHERS[:2]))
    report.smb1 = known(Smb1Facts(False))
    report.ntlm = known(ntlm("DC1", "example.com", "10.0.17763", 17763))
    report.netbios = known(
        netbios(
            "DC1",
            "EXAMPLE",
            row("EXAMPLE", 0x1C, "domain controllers", group=True),
            row("EXAMPLE", 0x1B, "domain master browser"),
        )
    )
    report.session_service = known(SessionServiceFacts(True, "*SMBSERVER"))
    report.anonymous = known(LogonFacts(True, "STATUS_SUCCESS", is_null=True))
    report.shares = unknown("refused: the list with STATUS_ACCESS_DENIED")
    report.pipes = known(
        [
            PipeFacts("samr", True, "STATUS_SUCCESS"),
            PipeFacts("spoolss", False, "STATUS_ACCESS_DENIED"),
        ]
    )
    report.smbghost = unknown("the build is not one of 18362 and 18363")
    report.software = known(
        SoftwareFacts("Windows Server 2019", "10.0.17763", Confidence.LIKELY, ["NTLM version"])
    )
    return report


def windows_xp() -> HostReport:
    """Return a Windows XP without updates."""
    report = host("192.168.1.66", "till-3", port_139=True)
    report.server = unknown("SMB2 is not spoken")
    report.dialects = known(dialects(Signing.OFF, ()))
    report.algorithms = unknown("SMB 3.1.1 is not spoken")
    report.smb1 = known(
        Smb1Facts(
            True, "NT LM 0.12", Signing.OFF, True, False,
            "Windows 5.1", "Windows 2000 LAN Manager", "SHOP",
        )
    )  # fmt: skip
    report.ntlm = known(ntlm("TILL-3", "SHOP", "5.1.2600", 2600))
    report.netbios = known(
        netbios("TILL-3", "SHOP", row("SHOP", 0x1E, "elections", group=True), users=("CASHIER",))
    )
    report.session_service = known(SessionServiceFacts(True, "*SMBSERVER"))
    report.anonymous = known(LogonFacts(True, "STATUS_SUCCESS", is_null=True))
    report.shares = known([ShareFacts("IPC$", "pipe"), ShareFacts("C$", "disk", "Default share")])
    report.pipes = known([PipeFacts("spoolss", True, "STATUS_SUCCESS")])
    report.ms17_010 = known(Ms17010Facts(True, "STATUS_INSUFF_SERVER_RESOURCES"))
    report.software = known(
        SoftwareFacts("Windows XP", "5.1", Confidence.CERTAIN, ["SMB1 NativeOS", "NTLM version"])
    )
    return report


def samba() -> HostReport:
    """Return a Samba at its defaults."""
    report = host("192.168.1.10", "files")
    report.server = known(server(Signing.ENABLED))
    report.dialects = known(dialects(Signing.ENABLED))
    report.algorithms = known(algorithms(*CIPHERS))
    report.smb1 = known(Smb1Facts(False))
    report.ntlm = known(ntlm("FILES", "WORKGROUP", "6.1.0", 0))
    report.anonymous = known(LogonFacts(True, "STATUS_SUCCESS", is_null=True))
    report.shares = known(
        [
            ShareFacts("public", "disk", "For everybody", "0x001200a9 read"),
            ShareFacts("IPC$", "pipe"),
        ]
    )
    report.pipes = known([PipeFacts("samr", True, "STATUS_SUCCESS")])
    report.smbghost = unknown("compression is off")
    report.software = known(SoftwareFacts("Samba", "", Confidence.LIKELY, ["NTLM version 6.1.0"]))
    return report


def old_nas() -> HostReport:
    """Return a NAS box from ten years ago that lets everybody in."""
    report = host("192.168.1.40", "nas", port_139=True)
    report.server = known(server(Signing.OFF, skew_s=-5400.0, boot=STARTED - 9_000_000))
    report.dialects = known(dialects(Signing.OFF, (0x0202, 0x0210)))
    report.algorithms = unknown("SMB 3.1.1 is not spoken")
    report.smb1 = known(
        Smb1Facts(True, "NT LM 0.12", Signing.OFF, True, False, "Unix", "Samba 3.6.25", "HOME")
    )
    report.ntlm = known(ntlm("NAS", "HOME"))
    report.netbios = known(netbios("NAS", "HOME", row("HOME", 0x1D, "master browser")))
    report.session_service = known(SessionServiceFacts(True, "*SMBSERVER"))
    report.anonymous = known(LogonFacts(True, "STATUS_SUCCESS", is_guest=True))
    report.guest = known(LogonFacts(True, "STATUS_SUCCESS", is_guest=True))
    report.shares = known(
        [
            ShareFacts("photos", "disk", "Our photos", "0x001f01ff full control"),
            ShareFacts("music", "disk", "", "0x001200a9 read"),
            ShareFacts("IPC$", "pipe"),
        ]
    )
    report.pipes = known([PipeFacts("samr", True, "STATUS_SUCCESS")])
    report.ms17_010 = unknown("the status says nothing: STATUS_NOT_SUPPORTED")
    report.smbghost = unknown("SMB 3.1.1 is not spoken")
    report.software = known(
        SoftwareFacts("Samba", "3.6.25", Confidence.CERTAIN, ["SMB1 NativeLanManager"])
    )
    return report


def nethood() -> HostReport:
    """Return `nethood serve` at its defaults."""
    report = host("192.168.1.30", "attic")
    report.server = known(server(Signing.REQUIRED))
    report.server.value.mechanisms[:] = ["NTLM"]  # type: ignore[union-attr]
    report.dialects = known(dialects(Signing.REQUIRED))
    report.algorithms = known(algorithms(*CIPHERS))
    report.smb1 = known(Smb1Facts(False))
    report.ntlm = known(ntlm("ATTIC", "WORKGROUP", "6.1.0", 0))
    report.anonymous = known(LogonFacts(False, "STATUS_LOGON_FAILURE"))
    report.shares = unknown("no anonymous session: STATUS_LOGON_FAILURE")
    report.pipes = unknown("no anonymous session: STATUS_LOGON_FAILURE")
    report.smbghost = unknown("compression is off")
    report.software = known(SoftwareFacts("nethood", "0.1.0", Confidence.CERTAIN, ["server GUID"]))
    return report


def silence() -> HostReport:
    """Return an address nobody answers at."""
    report = HostReport(Target("192.168.1.99"), STARTED, STARTED + 3)
    report.ports = {
        "tcp/445": known(PortFacts(PortState.FILTERED)),
        "tcp/139": known(PortFacts(PortState.FILTERED)),
    }
    for name in ("netbios", "server", "smb1", "dialects", "anonymous"):
        setattr(report, name, unknown("no answer within 3 s"))
    return report


def everybody() -> list[HostReport]:
    """Return one of each."""
    return [
        windows_10(), domain_controller(), windows_xp(), samba(), old_nas(), nethood(), silence(),
    ]  # fmt: skip


HOSTILE = (
    "\x1b[31mEVIL\x1b]0;x\x07<script>alert(1)</script>\r\n=cmd|'/c calc'!A1\u202etxt" + "A" * 65536
)


def hostile() -> HostReport:
    """Return a host that puts everything it can into every word it says."""
    report = windows_xp()
    report.target = Target("192.168.1.200", 445, HOSTILE)
    report.smb1 = known(
        Smb1Facts(True, HOSTILE, Signing.OFF, True, False, HOSTILE, HOSTILE, HOSTILE),
        Evidence(HOSTILE, HOSTILE, "ff534d42" * 40),
    )
    report.ntlm = known(
        NtlmFacts(HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE, 2600, float("inf"))
    )
    report.netbios = known(
        netbios(HOSTILE, HOSTILE, row(HOSTILE, 0x1D, HOSTILE), users=(HOSTILE,) * 50)
    )
    report.shares = known([ShareFacts(HOSTILE, HOSTILE, HOSTILE, HOSTILE + " write")] * 30)
    report.pipes = known([PipeFacts("spoolss", True, HOSTILE)])
    report.anonymous = known(LogonFacts(True, HOSTILE, is_null=True))
    report.server = known(server(Signing.OFF, skew_s=1e300, boot=1e300))
    report.software = known(SoftwareFacts(HOSTILE, HOSTILE, Confidence.GUESS, [HOSTILE] * 9))
    report.algorithms = unknown(HOSTILE)
    return report
