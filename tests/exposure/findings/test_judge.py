"""What is found on which host, and what is not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from nethood.exposure.findings import CATALOGUE, Platform, judge, unknowns
from nethood.exposure.model import (
    Answer,
    HostReport,
    LogonFacts,
    NetbiosFacts,
    PortFacts,
    PortState,
    ShareFacts,
    Signing,
    Smb1Facts,
    SmbGhostFacts,
    Target,
    known,
    unknown,
)
from tests.exposure import hosts

NEIGHBOUR = ["smb-reachable", "ntlm-information"]
NETBIOS = ["netbios-name-service", "netbios-names-told", "netbios-amplification"]
EXPECTED: dict[Callable[[], HostReport], list[str]] = {
    hosts.windows_10: [
        *NEIGHBOUR, "unsupported-release", "smbghost-possible", "signing-not-required",
        "anonymous-session", "old-dialects",
    ],
    hosts.domain_controller: [
        *NEIGHBOUR, *NETBIOS, "anonymous-session", "anonymous-account-pipes", "old-dialects",
        "session-service-open", "domain-controller",
    ],
    hosts.windows_xp: [
        *NEIGHBOUR, *NETBIOS, "ms17-010-missing", "unsupported-release", "smb1-enabled",
        "smb1-only", "smb1-signing-not-required", "null-session-shares", "browser-role",
        "anonymous-coercion-pipes", "anonymous-session", "netbios-users-told",
        "session-service-open",
    ],
    hosts.samba: [
        *NEIGHBOUR, "signing-not-required", "anonymous-read", "null-session-shares",
        "anonymous-session", "anonymous-account-pipes", "old-dialects",
    ],
    hosts.old_nas: [
        *NEIGHBOUR, *NETBIOS, "unsupported-release", "smb1-enabled", "signing-off",
        "anonymous-write", "smb1-signing-not-required", "anonymous-read", "null-session-shares",
        "guest-for-anonymous", "guest-session", "no-encryption", "anonymous-account-pipes",
        "smb311-missing", "session-service-open", "clock-skew", "old-dialects", "browser-role",
        "boot-time-told",
    ],
    hosts.nethood: [*NEIGHBOUR, "old-dialects", "ntlm-only"],
    hosts.silence: [],
}  # fmt: skip


def found(report: HostReport) -> set[str]:
    return {finding.id for finding in judge(report)}


@pytest.mark.parametrize("make", EXPECTED, ids=lambda make: make.__name__)
def test_what_is_found_on_a_host_is_what_was_expected(make: Callable[[], HostReport]) -> None:
    assert found(make()) == set(EXPECTED[make])


def plaintext() -> HostReport:
    report = hosts.windows_xp()
    report.smb1 = known(Smb1Facts(True, "NT LM 0.12", Signing.OFF, False, True))
    return report


def relayed_controller() -> HostReport:
    report = hosts.domain_controller()
    report.dialects = known(hosts.dialects(Signing.ENABLED))
    return report


def ccm_only() -> HostReport:
    report = hosts.samba()
    report.algorithms = known(hosts.algorithms("AES-128-CCM", "AES-256-CCM"))
    return report


def ghost() -> HostReport:
    report = hosts.windows_10()
    report.smbghost = known(SmbGhostFacts(True, "seen"))
    return report


def internet() -> HostReport:
    report = hosts.old_nas()
    report.target = Target("8.8.8.8")
    return report


VARIANTS: dict[Callable[[], HostReport], set[str]] = {
    plaintext: {"smb1-plaintext-passwords", "smb1-share-level-security"},
    relayed_controller: {"signing-not-required-dc"},
    ccm_only: {"ccm-only"},
    ghost: {"smbghost"},
    internet: {"smb-open-to-internet", "netbios-open-to-internet"},
}


@pytest.mark.parametrize("make", VARIANTS, ids=lambda make: make.__name__)
def test_a_change_of_one_fact_is_found(make: Callable[[], HostReport]) -> None:
    assert VARIANTS[make] <= found(make())


def test_everything_in_the_catalogue_can_be_found() -> None:
    ever = {name for make in (*EXPECTED, *VARIANTS) for name in found(make())}
    assert ever == set(CATALOGUE)


def test_one_replaces_the_other() -> None:
    assert "signing-not-required" not in found(relayed_controller())
    assert not {"smb-reachable", "netbios-name-service"} & found(internet())
    assert "smbghost-possible" not in found(ghost())


def test_what_is_unknown_finds_nothing_and_is_listed() -> None:
    report = HostReport(Target("192.168.1.1"))
    for name, field in HostReport.__dataclass_fields__.items():
        if "Answer" in str(field.type) and name != "ports":
            setattr(report, name, unknown("port 445 is closed"))
    assert judge(report) == []
    listed = unknowns(report)
    assert len(listed) == 14
    assert {entry.reason for entry in listed} == {"port 445 is closed"}
    assert "smb1-enabled" in next(e.findings for e in listed if e.topic == "SMB1")


def test_one_dialect_without_an_answer_leaves_encryption_unjudged() -> None:
    report = hosts.old_nas()
    assert report.dialects.value is not None
    report.dialects.value[4].supported = None
    assert not {"no-encryption", "smb311-missing", "smb1-only"} & found(report)


def test_one_cipher_without_an_answer_leaves_encryption_unjudged() -> None:
    report = hosts.samba()
    report.dialects = known(hosts.dialects(Signing.REQUIRED, (0x0311,)))
    report.algorithms = known(hosts.algorithms())
    assert "no-encryption" in found(report)
    assert report.algorithms.value is not None
    report.algorithms.value.ciphers["AES-256-GCM"] = None
    assert "no-encryption" not in found(report)


def test_what_a_known_answer_leaves_open_is_listed() -> None:
    report = hosts.windows_10()
    assert report.dialects.value is not None
    assert report.algorithms.value is not None
    report.dialects.value[0].supported = None
    report.dialects.value[0].problem = "no answer within 3 s"
    report.algorithms.value.ciphers["AES-256-GCM"] = None
    listed = {entry.topic: entry.reason for entry in unknowns(report)}
    assert listed["SMB 2.0.2"] == "no answer within 3 s"
    assert listed["algorithms AES-256-GCM"] == "no answer"
    assert listed["SMBGhost (CVE-2020-0796)"] == "build 18363 with compression on"


@pytest.mark.parametrize(("build", "compression"), [(0, True), (19045, True), (18363, False)])
def test_smbghost_is_possible_only_on_its_builds_with_compression(
    build: int, compression: bool
) -> None:
    report = hosts.windows_10()
    report.ntlm = known(hosts.ntlm("LAB-23", "WORKGROUP", f"10.0.{build}", build))
    report.algorithms = known(hosts.algorithms("AES-128-GCM", compression=compression))
    assert "smbghost-possible" not in found(report)


def test_the_build_of_other_software_is_no_release_of_windows() -> None:
    report = hosts.windows_xp()
    report.smb1 = unknown("refused")
    assert report.software.value is not None
    report.software.value.name = "nethood"
    assert "unsupported-release" not in found(report)


@pytest.mark.parametrize(
    ("started", "expected"),
    [(1_640_000_000.0, False), (1_660_000_000.0, True), (float("inf"), False)],
    ids=["supported in 2021", "ended by 2022", "no date"],
)
def test_support_ends_on_a_day(started: float, expected: bool) -> None:
    report = hosts.windows_10()
    report.started_unix = report.ended_unix = started
    assert ("unsupported-release" in found(report)) is expected


@pytest.mark.parametrize(
    ("access", "expected"),
    [
        ("0x001200a9", "anonymous-read"),
        ("0x00000002", "anonymous-write"),
        ("001F01FF", "anonymous-write"),
        ("read, write", "anonymous-write"),
        ("0x00000080", None),
        ("", None),
    ],
)
def test_access_is_read_from_its_mask_or_words(access: str, expected: str | None) -> None:
    report = HostReport(Target("192.168.1.1"))
    report.shares = known([ShareFacts("a", "disk", "", access)])
    assert found(report) - {"null-session-shares"} == ({expected} if expected else set())


def test_a_refused_logon_is_no_finding() -> None:
    report = HostReport(Target("192.168.1.1"))
    report.anonymous = report.guest = known(LogonFacts(False, "STATUS_ACCESS_DENIED"))
    assert judge(report) == []


@pytest.mark.parametrize(
    ("make", "platform"),
    [
        (hosts.windows_10, Platform.WINDOWS),
        (hosts.samba, Platform.SAMBA),
        (hosts.old_nas, Platform.SAMBA),
        (hosts.nethood, Platform.NETHOOD),
    ],
)
def test_the_fix_is_for_what_was_recognised(
    make: Callable[[], HostReport], platform: Platform
) -> None:
    for finding in judge(make()):
        assert finding.platform is platform
        assert finding.fix


def test_without_known_software_every_fix_is_given() -> None:
    report = HostReport(Target("192.168.1.1"))
    report.smb1 = known(Smb1Facts(True))
    [finding] = judge(report)
    assert finding.platform is None
    assert {line.partition(",")[0] for line in finding.fix} >= {"Windows", "Samba", "appliances"}


@pytest.mark.parametrize(
    ("build", "platform"), [(26100, Platform.WINDOWS), (0, None), (None, None), (65535, None)]
)
def test_a_build_of_windows_tells_windows(build: int | None, platform: Platform | None) -> None:
    report = HostReport(Target("192.168.1.1"))
    report.ntlm = known(hosts.ntlm("A", "B", "1.2.3", build))
    assert judge(report)[0].platform is platform


def test_dialects_that_differ_in_signing_are_told_apart() -> None:
    report = hosts.samba()
    assert report.dialects.value is not None
    for facts in report.dialects.value[2:]:
        facts.signing = Signing.REQUIRED
    shown = next(f for f in judge(report) if f.id == "signing-not-required").evidence
    assert shown == ["SMB 2.0.2, 2.1: signing is enabled, not required."]


def test_samba_is_samba_although_it_says_windows_first() -> None:
    report = HostReport(Target("192.168.1.1"))
    report.smb1 = known(Smb1Facts(True, native_os="Windows 6.1", native_lan_manager="Samba 4.9"))
    assert judge(report)[0].platform is Platform.SAMBA


def test_worst_comes_first() -> None:
    ranks = [finding.severity.rank for finding in judge(hosts.windows_xp())]
    assert ranks == sorted(ranks)


def test_words_of_a_host_are_clean_and_bounded() -> None:
    for finding in judge(hosts.hostile()):
        assert len(finding.evidence) <= 24
        for line in finding.evidence:
            assert line.isprintable()
            assert len(line) < 2000


def test_an_empty_name_table_and_a_request_of_no_bytes_do_no_harm() -> None:
    report = HostReport(Target("not an address"))
    report.netbios = known(NetbiosFacts([], "", "", "", [], [], 0, 0))
    report.ports = {"tcp/445": known(PortFacts(PortState.OPEN)), "tcp/139": Answer()}
    assert found(report) == {"netbios-name-service", "smb-reachable"}


def test_a_domain_master_browser_of_a_workgroup_is_no_domain_controller() -> None:
    report = hosts.samba()
    report.netbios = known(
        hosts.netbios("FILES", "WORKGROUP", hosts.row("WORKGROUP", 0x1B, "domain master browser"))
    )
    assert "domain-controller" not in found(report)


@pytest.mark.parametrize(
    ("build", "ended"),
    [
        pytest.param(6000, "2010-04-13", id="Vista without a service pack"),
        pytest.param(6001, "2011-07-12", id="Server 2008 SP1"),
        pytest.param(7600, "2013-04-09", id="7 without its service pack"),
        pytest.param(7601, "2020-01-14", id="7 SP1"),
        pytest.param(25398, "2025-10-24", id="Server 23H2"),
    ],
)
def test_support_of_what_a_service_pack_replaced_ended_before(build: int, ended: str) -> None:
    report = hosts.windows_10()
    assert report.ntlm.value is not None
    report.ntlm = known(replace(report.ntlm.value, os_build=build))
    shown = [line for finding in judge(report) for line in finding.evidence]
    assert any(f"support ended on {ended}" in line for line in shown)
