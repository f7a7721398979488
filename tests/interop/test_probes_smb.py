"""The SMB probes against real servers: what each configuration must be found to be.

The expectations stand in one table, written before the probes ran.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from nethood.exposure.context import ProbeOptions
from nethood.exposure.examine import examine
from nethood.exposure.model import HostReport, Signing, Target
from tests.exposure.loopback import HOST, LoopbackNetwork
from tests.interop import peers
from tests.interop.conftest import ServerFactory
from tests.interop.smbd_peer import await_port, free_port, start_smbd

ALL = ("2.0.2", "2.1", "3.0", "3.0.2", "3.1.1")
EVERY_CIPHER = ("AES-128-CCM", "AES-128-GCM", "AES-256-CCM", "AES-256-GCM")
EVERY_SIGNATURE = ("HMAC-SHA256", "AES-CMAC", "AES-GMAC")


@dataclass(frozen=True)
class Expected:
    """What must be found of a server."""

    dialects: tuple[str, ...]
    signing: Signing
    smb1: bool
    ciphers: tuple[str, ...] | None = EVERY_CIPHER
    signing_algorithms: tuple[str, ...] | None = EVERY_SIGNATURE
    smb1_signing: Signing | None = None
    native_lan_manager: str = ""
    computer: str = "SMBDPEER"
    ms17_010_missing: bool | None = None
    ghost: bool | None = False
    """False: certainly not exposed; none of these servers compresses."""


SMBD: dict[str, tuple[dict[str, str], Expected]] = {
    "SMB1 on": (
        {"server_min_protocol": "NT1"},
        Expected(
            ALL,
            Signing.ENABLED,
            smb1=True,
            smb1_signing=Signing.OFF,
            native_lan_manager="Samba",
            ms17_010_missing=False,
        ),
    ),
    "SMB1 on and signing required": (
        {"server_min_protocol": "NT1", "server_signing": "mandatory"},
        Expected(
            ALL,
            Signing.REQUIRED,
            smb1=True,
            smb1_signing=Signing.REQUIRED,
            native_lan_manager="Samba",
            ms17_010_missing=False,
        ),
    ),
    "SMB1 alone": (
        {"server_min_protocol": "NT1", "server_max_protocol": "NT1"},
        Expected(
            (),
            Signing.OFF,
            smb1=True,
            ciphers=None,
            signing_algorithms=None,
            smb1_signing=Signing.OFF,
            native_lan_manager="Samba",
            ms17_010_missing=False,
        ),
    ),
    "signing off": (
        {"server_signing": "disabled"},
        # [MS-SMB2] 3.3.5.4: a server of SMB2 always says that signing is enabled.
        Expected(ALL, Signing.ENABLED, smb1=False),
    ),
    "signing required": (
        {"server_signing": "mandatory"},
        Expected(ALL, Signing.REQUIRED, smb1=False),
    ),
    "encryption only": (
        {"smb_encrypt": "required"},
        Expected(ALL, Signing.ENABLED, smb1=False),
    ),
    "old dialects only": (
        {"server_max_protocol": "SMB2_10"},
        Expected(("2.0.2", "2.1"), Signing.ENABLED, False, ciphers=None, signing_algorithms=None),
    ),
    "3.1.1 alone, one cipher": (
        {"server_min_protocol": "SMB3_11", "server_smb3_encryption_algorithms": "AES-128-GCM"},
        Expected(("3.1.1",), Signing.ENABLED, smb1=False, ciphers=("AES-128-GCM",)),
    ),
}


async def look_at(port: int, *, session_port: int = 1) -> HostReport:
    options = ProbeOptions(timeout_s=10, smb_port=port, session_port=session_port)
    return await examine(Target(HOST, port), LoopbackNetwork(), options)


def yes(facts: dict[str, bool | None]) -> tuple[str, ...]:
    assert None not in facts.values()
    return tuple(name for name, value in facts.items() if value)


def check(report: HostReport, expected: Expected) -> None:
    check_smb1(report, expected)
    check_dialects(report, expected)
    check_algorithms(report, expected)
    check_names(report, expected)
    if expected.ghost is not None:
        assert report.smbghost.value is not None
        assert report.smbghost.value.exposed is expected.ghost


def check_smb1(report: HostReport, expected: Expected) -> None:
    smb1 = report.smb1.value
    assert smb1 is not None, report.smb1.unknown
    assert smb1.enabled is expected.smb1
    assert smb1.signing is expected.smb1_signing
    assert smb1.native_lan_manager.startswith(expected.native_lan_manager)
    assert bool(smb1.native_lan_manager) is bool(expected.native_lan_manager)
    found = report.ms17_010.value
    assert (found.missing if found else None) is expected.ms17_010_missing, report.ms17_010.unknown


def check_dialects(report: HostReport, expected: Expected) -> None:
    dialects = report.dialects.value
    assert dialects is not None, report.dialects.unknown
    assert None not in [facts.supported for facts in dialects]
    assert tuple(facts.name for facts in dialects if facts.supported) == expected.dialects
    stated = {facts.signing for facts in dialects if facts.supported}
    assert stated == ({expected.signing} if expected.dialects else set())
    server = report.server.value
    assert bool(server) is bool(expected.dialects)
    if server is not None:
        assert server.preferred_dialect == max(f.dialect for f in dialects if f.supported)
        assert server.signing is expected.signing


def check_algorithms(report: HostReport, expected: Expected) -> None:
    algorithms = report.algorithms.value
    if expected.ciphers is None or expected.signing_algorithms is None:
        assert algorithms is None
        assert report.algorithms.unknown
        return
    assert algorithms is not None, report.algorithms.unknown
    assert yes(algorithms.ciphers) == expected.ciphers
    assert yes(algorithms.signing) == expected.signing_algorithms
    assert yes(algorithms.compression) == ()


def check_names(report: HostReport, expected: Expected) -> None:
    server, ntlm = report.server.value, report.ntlm.value
    assert ntlm is not None, report.ntlm.unknown
    assert ntlm.netbios_computer == expected.computer
    assert ntlm.timestamp_unix is None or abs(ntlm.timestamp_unix - time.time()) < 30
    if server is None:
        return
    assert server.mechanisms == [] or "NTLM" in server.mechanisms
    if server.skew_s is not None:
        assert abs(server.skew_s) < 30


@pytest.mark.parametrize("configuration", SMBD)
async def test_smbd(configuration: str, tmp_path: Path) -> None:
    settings, expected = SMBD[configuration]
    smbd = start_smbd(tmp_path, **settings)
    print(smbd)
    try:
        check(await look_at(smbd.port), expected)
    finally:
        smbd.stop()


async def test_smbd_behind_a_session(tmp_path: Path) -> None:
    """smbd takes session requests on any port but 445, so it stands for port 139."""
    smbd = start_smbd(tmp_path)
    try:
        report = await look_at(free_port(), session_port=smbd.port)
    finally:
        smbd.stop()
    assert report.session_service.value is not None
    assert report.session_service.value.accepted
    check(report, Expected(ALL, Signing.ENABLED, smb1=False))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, Expected(ALL, Signing.REQUIRED, smb1=False, computer="NETHOOD")),
        (
            {"signing": "enabled"},
            Expected(ALL, Signing.ENABLED, smb1=False, computer="NETHOOD"),
        ),
        (
            {"min_dialect": "3.0.2"},
            Expected(("3.0.2", "3.1.1"), Signing.REQUIRED, smb1=False, computer="NETHOOD"),
        ),
        (
            {"max_dialect": "2.1"},
            Expected(
                ("2.0.2", "2.1"),
                Signing.REQUIRED,
                smb1=False,
                ciphers=None,
                signing_algorithms=None,
                computer="NETHOOD",
            ),
        ),
    ],
    ids=["as it comes", "signing enabled", "new dialects", "old dialects"],
)
async def test_nethood(
    options: dict[str, str], expected: Expected, start_server: ServerFactory
) -> None:
    check(await look_at(start_server(**options).port), expected)


_IMPACKET = """
import sys
from impacket.smbserver import SimpleSMBServer
server = SimpleSMBServer("127.0.0.1", int(sys.argv[1]))
server.setSMB2Support(sys.argv[3] == "smb2")
server.addShare("FILES", sys.argv[2], "")
server.start()
"""


@pytest.fixture
def start_impacket(tmp_path: Path) -> Iterator[Callable[[str], int]]:
    """Return a function from "smb1" or "smb2" to the port of impacket's server."""
    peers.need("impacket")
    running: list[subprocess.Popen[bytes]] = []

    def start(kind: str) -> int:
        port, log = free_port(), tmp_path / "log"
        words = [sys.executable, "-c", _IMPACKET, str(port), str(tmp_path), kind]
        with log.open("wb") as output:
            running.append(subprocess.Popen(words, stdout=output, stderr=output))
        await_port(port, running[-1], log)
        return port

    yield start
    for process in running:
        process.kill()
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)


async def test_impacket_with_smb2(start_impacket: Callable[[str], int]) -> None:
    report = await look_at(start_impacket("smb2"))
    dialects = report.dialects.value
    assert dialects is not None
    assert [f.name for f in dialects if f.supported] == ["2.0.2"]
    assert dialects[0].signing is Signing.ENABLED
    assert report.smb1.value is not None
    assert report.smb1.value.enabled
    assert report.algorithms.value is None
    assert report.ntlm.value is not None


async def test_impacket_without_smb2(start_impacket: Callable[[str], int]) -> None:
    report = await look_at(start_impacket("smb1"))
    assert report.smb1.value is not None
    assert report.smb1.value.enabled
    assert report.server.value is None
