"""What real servers let in without an account, and what software they are found to be.

The expectations stand in one table, written before the probes ran.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from nethood.exposure.context import ProbeOptions
from nethood.exposure.examine import examine
from nethood.exposure.model import Confidence, HostReport, LogonFacts, Target
from tests.exposure.loopback import HOST, LoopbackNetwork
from tests.interop import peers
from tests.interop.conftest import ServerFactory
from tests.interop.smbd_peer import await_port, free_port, start_smbd

FIELDS = {"anonymous", "guest", "shares", "pipes", "software"}
IN = "STATUS_SUCCESS"
NO = "STATUS_LOGON_FAILURE"
READ = "0x001F00A9 read, execute"
"""smbd leaves the standard rights in the mask of a share that is read only."""
FULL = "0x001F01FF full control"
DENIED = "refused: STATUS_ACCESS_DENIED"


@dataclass(frozen=True)
class Expected:
    """What must be found: shares and pipes are a refusal's words where they are no list."""

    anonymous: LogonFacts
    guest: LogonFacts
    shares: dict[str, tuple[str, str]] | str
    """Name -> (kind, access)."""
    open_pipes: set[str] | str
    """Pipes that must open, some of them; or the words of the refusal."""
    software: tuple[str, str, Confidence]
    missing_pipes: set[str] = field(default_factory=set)


SAMBA = ("Samba", "", Confidence.LIKELY)
SAMBA_PIPES = {"samr", "lsarpc", "srvsvc", "wkssvc"}
IPC = {"IPC$": ("ipc, hidden", "")}

SMBD: dict[str, tuple[dict[str, str], Expected]] = {
    "as it comes": (
        {},
        Expected(
            LogonFacts(True, IN),
            LogonFacts(False, NO),
            {"files": ("disk", DENIED), **IPC},
            SAMBA_PIPES,
            SAMBA,
            missing_pipes={"efsrpc", "atsvc"},
        ),
    ),
    "guests may read": (
        {"map_to_guest": "Bad User", "guest_ok": "yes", "force_user": "root"},
        Expected(
            LogonFacts(True, IN),
            LogonFacts(True, IN, is_guest=True),
            {"files": ("disk", READ), **IPC},
            SAMBA_PIPES,
            SAMBA,
        ),
    ),
    "guests may write": (
        {"guest_ok": "yes", "force_user": "root", "read_only": "no"},
        Expected(
            LogonFacts(True, IN),
            LogonFacts(False, NO),
            {"files": ("disk", FULL), **IPC},
            SAMBA_PIPES,
            SAMBA,
        ),
    ),
    "restrict anonymous": (
        {"restrict_anonymous": "2"},
        Expected(
            LogonFacts(True, IN),
            LogonFacts(False, NO),
            "IPC$ with STATUS_ACCESS_DENIED",
            "IPC$ with STATUS_ACCESS_DENIED",
            SAMBA,
        ),
    ),
    "restrict anonymous, but guests": (
        {"restrict_anonymous": "2", "map_to_guest": "Bad User", "guest_ok": "yes"},
        Expected(
            LogonFacts(True, IN),
            LogonFacts(True, IN, is_guest=True),
            "IPC$ with STATUS_ACCESS_DENIED",
            "IPC$ with STATUS_ACCESS_DENIED",
            SAMBA,
        ),
    ),
}


async def look_at(port: int, *, guest: bool = True) -> HostReport:
    options = ProbeOptions(timeout_s=10, guest=guest, smb_port=port, session_port=1)
    return await examine(Target(HOST, port), LoopbackNetwork(), options, only=FIELDS)


def check(report: HostReport, expected: Expected) -> None:
    assert report.anonymous.value == expected.anonymous, report.anonymous.unknown
    assert report.guest.value == expected.guest, report.guest.unknown
    check_shares(report, expected)
    check_pipes(report, expected)
    software = report.software.value
    assert software is not None, report.software.unknown
    assert (software.name, software.version, software.confidence) == expected.software


def check_shares(report: HostReport, expected: Expected) -> None:
    shares = report.shares.value
    if isinstance(expected.shares, str):
        assert shares is None
        assert report.shares.unknown.startswith("refused: ")
        assert report.shares.unknown.endswith(expected.shares)
        return
    assert shares is not None, report.shares.unknown
    assert {s.name: (s.kind, s.maximal_access) for s in shares} == expected.shares


def check_pipes(report: HostReport, expected: Expected) -> None:
    pipes = report.pipes.value
    if isinstance(expected.open_pipes, str):
        assert pipes is None
        assert report.pipes.unknown.startswith("refused: ")
        assert report.pipes.unknown.endswith(expected.open_pipes)
        return
    assert pipes is not None, report.pipes.unknown
    opened = {pipe.name for pipe in pipes if pipe.opens}
    assert opened >= expected.open_pipes
    assert not opened & expected.missing_pipes


@pytest.mark.parametrize("configuration", SMBD)
async def test_smbd(configuration: str, tmp_path: Path) -> None:
    settings, expected = SMBD[configuration]
    smbd = start_smbd(tmp_path, **settings)
    print(smbd)
    try:
        check(await look_at(smbd.port), expected)
    finally:
        smbd.stop()


async def test_smbd_with_smb1_names_its_version(tmp_path: Path) -> None:
    smbd = start_smbd(tmp_path, server_min_protocol="NT1")
    try:
        report = await look_at(smbd.port, guest=False)
    finally:
        smbd.stop()
    software = report.software.value
    assert software is not None
    assert (software.name, software.confidence) == ("Samba", Confidence.CERTAIN)
    assert smbd.version == f"Version {software.version}"
    assert report.guest.unknown == "not asked: --guest asks"


async def test_smbd_with_smb1_alone_is_not_asked(tmp_path: Path) -> None:
    smbd = start_smbd(tmp_path, server_min_protocol="NT1", server_max_protocol="NT1")
    try:
        report = await look_at(smbd.port)
    finally:
        smbd.stop()
    assert report.anonymous.unknown.startswith("the server speaks SMB1 alone")
    assert report.software.value is not None
    assert report.software.value.name == "Samba"


async def test_nethood_lets_nobody_in(start_server: ServerFactory) -> None:
    refusal = f"was answered with {NO}"
    expected = Expected(
        LogonFacts(False, NO),
        LogonFacts(False, NO),
        refusal,
        refusal,
        ("nethood", "", Confidence.GUESS),
    )
    check(await look_at(start_server().port), expected)


_IMPACKET = """
import sys
from impacket.smbserver import SimpleSMBServer
server = SimpleSMBServer("127.0.0.1", int(sys.argv[1]))
server.setSMB2Support(True)
server.addShare("FILES", sys.argv[2], "")
server.start()
"""


@pytest.fixture
def impacket_port(tmp_path: Path) -> Iterator[int]:
    """impacket's server without users: it lets everybody in."""
    peers.need("impacket")
    port, log = free_port(), tmp_path / "log"
    words = [sys.executable, "-c", _IMPACKET, str(port), str(tmp_path)]
    with log.open("wb") as output:
        process = subprocess.Popen(words, stdout=output, stderr=output)
    await_port(port, process, log)
    yield port
    process.kill()
    with suppress(subprocess.TimeoutExpired):
        process.wait(10)


async def test_impacket_lets_everybody_in(impacket_port: int) -> None:
    expected = Expected(
        LogonFacts(True, IN, is_null=True),
        LogonFacts(True, IN, is_guest=True),
        {
            "IPC$": ("disk, hidden", ""),
            "FILES": ("disk", "0x000F01FF full control"),
        },
        {"srvsvc", "wkssvc"},
        ("impacket smbserver", "", Confidence.LIKELY),
        missing_pipes={"samr", "spoolss"},
    )
    check(await look_at(impacket_port), expected)
