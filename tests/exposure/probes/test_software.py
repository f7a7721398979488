"""What answers, told by what earlier probes found; how sure that is; and when nothing is known."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from nethood.exposure.findings.kinds.releases import WINDOWS_BUILDS
from nethood.exposure.model import (
    Answer,
    Confidence,
    NetbiosFacts,
    NetbiosName,
    NtlmFacts,
    ServerFacts,
    Signing,
    Smb1Facts,
    SoftwareFacts,
    known,
    unknown,
)
from nethood.exposure.probes.software import APPLE_LOCAL_KDC, probe_software
from nethood.exposure.probes.software_builds import BUILDS
from tests.exposure.probes.fake_smb import FakeNetwork, context_on

WINDOWS = ("NEGOEX", "Kerberos", "NTLM")
RANDOM_GUID = "66a0b8e2-3271-1203-80d6-121dc7e99de8"


def server(
    *mechanisms: str, guid: str = RANDOM_GUID, capabilities: tuple[str, ...] = ("DFS", "LEASING")
) -> Answer[ServerFacts]:
    facts = ServerFacts(
        0x0311, Signing.ENABLED, guid, None, None, None, list(capabilities), list(mechanisms)
    )
    return known(facts)


def ntlm(version: str = "", computer: str = "FILES", **fields: Any) -> Answer[NtlmFacts]:
    build = int(version.split(".")[2]) if version else None
    fields.setdefault("timestamp_unix", 1.0)
    return known(NtlmFacts(computer, "CORP", "", "", "", version, build, **fields))


def smb1(system: str, manager: str) -> Answer[Smb1Facts]:
    return known(Smb1Facts(enabled=True, native_os=system, native_lan_manager=manager))


def netbios(*names: NetbiosName, computer: str = "FILES", mac: str = "") -> Answer[NetbiosFacts]:
    return known(NetbiosFacts(list(names), computer, "CORP", mac, [], [], 50, 200))


def guid_of(name: bytes) -> str:
    return str(UUID(bytes_le=name.ljust(16, b"\0")))


async def ask(**answers: Answer[Any]) -> Answer[SoftwareFacts]:
    context = context_on(FakeNetwork(lambda _: b""))
    for name, answer in answers.items():
        setattr(context.report, name, answer)
    return await probe_software(context)


async def told(**answers: Answer[Any]) -> SoftwareFacts:
    answer = await ask(**answers)
    assert answer.value is not None, answer.unknown
    assert answer.value.told_by
    return answer.value


@pytest.mark.parametrize(
    ("version", "name"),
    [
        ("6.0.6000", "Windows Vista"),
        ("6.1.7601", "Windows 7 SP1 or Windows Server 2008 R2 SP1"),
        ("6.3.9600", "Windows 8.1 or Windows Server 2012 R2"),
        ("10.0.10240", "Windows 10 1507"),
        ("10.0.14393", "Windows 10 1607 or Windows Server 2016"),
        ("10.0.17763", "Windows 10 1809 or Windows Server 2019"),
        ("10.0.19041", "Windows 10 2004 to 22H2 or Windows Server 2004 or 20H2"),
        ("10.0.19045", "Windows 10 22H2"),
        ("10.0.20348", "Windows Server 2022"),
        ("10.0.22631", "Windows 11 23H2"),
        ("10.0.26100", "Windows 11 24H2 to 26H2 or Windows Server 2025"),
    ],
)
async def test_windows_by_its_build(version: str, name: str) -> None:
    facts = await told(server=server(*WINDOWS), ntlm=ntlm(version))
    assert (facts.name, facts.version) == (name, version)
    assert facts.confidence is Confidence.LIKELY
    assert facts.told_by == [f"NTLM version {version}"]


async def test_a_domain_controller_is_a_server() -> None:
    names = netbios(NetbiosName("CORP", 0x1C, "domain controllers", is_group=True))
    facts = await told(server=server(*WINDOWS), ntlm=ntlm("10.0.17763"), netbios=names)
    assert facts.name == "Windows Server 2019"
    assert len(facts.told_by) == 2


async def test_windows_without_negoex_is_doubted() -> None:
    facts = await told(server=server("NTLM"), ntlm=ntlm("10.0.17763"))
    assert facts.confidence is Confidence.GUESS
    assert "NEGOEX is not offered" in facts.told_by[1]


async def test_windows_before_negoex_is_not() -> None:
    facts = await told(server=server("Kerberos", "NTLM"), ntlm=ntlm("6.0.6002"))
    assert facts.confidence is Confidence.LIKELY


async def test_a_build_of_no_release() -> None:
    facts = await told(server=server(*WINDOWS), ntlm=ntlm("10.0.29999"))
    assert (facts.name, facts.confidence) == ("Windows", Confidence.GUESS)


@pytest.mark.parametrize("version", ["6.3.17763", "10.0.7601", "1.2.3", "6.1.0", "0.0.0"])
async def test_a_version_that_fits_no_release_says_nothing(version: str) -> None:
    answer = await ask(server=server("Kerberos", "NTLM"), ntlm=ntlm(version))
    assert answer.value is None
    assert answer.unknown == "what was told fits no software known here"


async def test_negoex_alone_is_a_hint() -> None:
    facts = await told(server=server("NEGOEX", "Kerberos"))
    assert (facts.name, facts.confidence) == ("Windows", Confidence.GUESS)


@pytest.mark.parametrize(
    ("system", "manager", "name", "version"),
    [
        # As seen of smbd 4.17 on Debian; the others stand in rapid7/recog xml/smb_native_*.xml.
        ("Windows 6.1", "Samba 4.17.12-Debian", "Samba", "4.17.12-Debian"),
        ("Unix", "Samba 3.0.28a-apple", "Samba", "3.0.28a-apple"),
        ("Windows 5.1", "Windows 2000 LAN Manager", "Windows XP", ""),
        ("Windows 5.0", "Windows 2000 LAN Manager", "Windows 2000", ""),
        ("Windows NT 4.0", "NT LAN Manager 4.0", "Windows NT 4.0", ""),
        (
            "Windows Server 2008 R2 Standard 7601 Service Pack 1",
            "Windows Server 2008 R2 Standard 6.1",
            "Windows Server 2008 R2 Standard 7601 Service Pack 1",
            "7601",
        ),
    ],
)
async def test_smb1_says_it_in_words(system: str, manager: str, name: str, version: str) -> None:
    facts = await told(smb1=smb1(system, manager), ntlm=ntlm("6.1.0"))
    assert (facts.name, facts.version) == (name, version)
    assert facts.confidence is Confidence.CERTAIN
    assert facts.told_by == [f'SMB1 NativeOS "{system}", NativeLanMan "{manager}"']


async def test_other_words_of_smb1_say_nothing() -> None:
    answer = await ask(smb1=smb1("\x1b[31mThing", "Thing 2\n" * 99))
    assert answer.value is None


async def test_samba_by_the_name_in_its_guid() -> None:
    guid = guid_of(b"smbdpeer")
    facts = await told(server=server("NTLM", guid=guid), ntlm=ntlm("6.1.0", "SMBDPEER"))
    assert (facts.name, facts.version, facts.confidence) == ("Samba", "", Confidence.LIKELY)
    assert facts.told_by[0] == 'the server GUID is the name "smbdpeer", as Samba makes it'


@pytest.mark.parametrize("name", [b"A" * 16, b"", b"smbd\0peer", b"SMBDPEER", bytes(range(16))])
async def test_other_guids_are_no_samba(name: bytes) -> None:
    answer = await ask(server=server("NTLM", guid=guid_of(name)), ntlm=ntlm("6.1.0"))
    assert answer.value is None or answer.value.name != "Samba"


async def test_impacket() -> None:
    facts = await told(server=server("NTLM", guid=guid_of(b"A" * 16)), ntlm=ntlm("255.255.65535"))
    assert (facts.name, facts.confidence) == ("impacket smbserver", Confidence.LIKELY)
    assert len(facts.told_by) == 2


async def test_macos() -> None:
    facts = await told(server=server("Kerberos", APPLE_LOCAL_KDC, "NTLM"), ntlm=ntlm("6.1.0"))
    assert (facts.name, facts.confidence) == ("macOS", Confidence.LIKELY)


async def test_ksmbd() -> None:
    zero = guid_of(b"")
    facts = await told(server=server("NTLM", guid=zero), ntlm=ntlm(timestamp_unix=None))
    assert (facts.name, facts.confidence) == ("ksmbd", Confidence.LIKELY)
    answer = await ask(server=server("NTLM", guid=zero), ntlm=ntlm("6.1.0", timestamp_unix=None))
    assert answer.value is None


async def test_nethood_is_possible_at_most() -> None:
    plain = server("NTLM", capabilities=("LARGE_MTU",))
    facts = await told(server=plain, ntlm=ntlm("6.1.0"))
    assert (facts.name, facts.confidence) == ("nethood", Confidence.GUESS)
    assert (await ask(server=server("NTLM"), ntlm=ntlm("6.1.0"))).value is None


async def test_a_device_is_a_hint_beside_what_is_known() -> None:
    guid = guid_of(b"diskstation")
    facts = await told(
        server=server("NTLM", guid=guid),
        ntlm=ntlm("6.1.0", "DISKSTATION"),
        netbios=netbios(computer="DISKSTATION", mac="00:11:32:aa:bb:cc"),
    )
    assert facts.name == "Samba"
    assert facts.told_by[-1] == "the MAC address 00:11:32:aa:bb:cc: possibly a Synology NAS"


async def test_a_device_by_its_address_alone() -> None:
    facts = await told(netbios=netbios(mac="00-80-77-01-02-03"))
    assert (facts.name, facts.confidence) == ("Brother printer", Confidence.GUESS)


async def test_nothing_told() -> None:
    answer = await ask(server=unknown("port 445 is closed"))
    assert answer.unknown == "nothing was told that says it: port 445 is closed"
    assert (await ask(server=server("NTLM"))).value is None


def test_names_and_support_dates_are_of_the_same_builds() -> None:
    assert set(WINDOWS_BUILDS) <= set(BUILDS)
    assert all(release.client or release.server for release in BUILDS.values())
