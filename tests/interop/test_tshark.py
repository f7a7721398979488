"""tshark's dissectors on captured traffic of real clients: nothing malformed, nothing unknown.

The capture runs in a network namespace, so that it holds this traffic alone, on port 445: on
any other port tshark reads 17-bit lengths and calls long messages malformed.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.interop import peers
from tests.interop.conftest import ServerFactory
from tests.interop.samba import Smbclient, client_conf
from tests.interop.server import RunningServer

pytestmark = pytest.mark.timeout(180)

MARKER = b"end of the capture"
SEND_MARKER = f"import socket as s; s.socket(2, 2).sendto({MARKER!r}, ('127.0.0.1', 9))"
FAULTS = (
    "_ws.malformed",
    "_ws.unreassembled",
    "_ws.expert.severity == error",
    "smb2.cmd > 0x13",
    "nbss.type > 0 and nbss.type < 0x81",
    "smb2 and data.len > 0 and not smb2.cmd in {8, 9}",
)
# tshark knows no AES-GMAC and computes zeros for it.
BAD_SIGNATURE = re.compile(r"Bad signature\. Should be (?!0{32})")
# So it calls the reserved field of FileNetworkOpenInformation and a descriptor's length.
RESERVED = re.compile(r"^\s*Unknown: (0{8}|\d+)$")
UNKNOWN = re.compile(r"(?i)unknown|undissected|undecoded|not implemented|dissector bug|bogus")


@pytest.fixture(scope="module")
def capture(
    start_server: ServerFactory,
    make_namespace: Callable[[], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """What clients and server said to each other, as a file for tshark."""
    peers.need("tshark", "smbclient", "rpcclient", "rclone", "nmap")
    home = tmp_path_factory.mktemp("capture")
    server = start_server(signing="enabled", namespace=make_namespace(), shares=("files", "secret"))
    file = home / "traffic.pcapng"
    with capturing(server, file):
        talk(server, home)
    return file


def talk(server: RunningServer, home: Path) -> None:
    """Have every kind of client say what it says."""
    (home / "file").write_bytes(os.urandom(300_000))
    for dialect in ("SMB2_02", "SMB2_10", "SMB3_00", "SMB3_02", "SMB3_11"):
        folder = server.fresh()
        client = Smbclient(server, home, dialect)
        client.protection = "sign"
        client.ok(
            "put file; ls; allinfo file; get file back; mkdir d; rename file d/moved; ls d/*;"
            " del d/moved; rmdir d; volume; du",
            folder=folder,
        )
        client.protection = "off"
        client.ok("put file; ls; get file back; del file", folder=folder)
    Smbclient(server, home, "SMB3_00", "encrypt").ok("put file; ls; get file back")
    Smbclient(server, home, "SMB3_11", "encrypt").ok("put file; ls; get file back")
    old = Smbclient(server, home, options=("--option=client min protocol=NT1",), port=139)
    old.ok("ls; get file back")
    Smbclient(server, home, credentials="nobody-here%wrong")("ls")
    Smbclient(server, home)("get missing; rmdir file; cd nowhere")
    for command in ("srvinfo", "netshareenumall", "netsharegetinfo files", "netremotetod"):
        words = ["rpcclient", "-s", str(client_conf(home)), "-U", server.credentials]
        peers.run([*words, server.host, "-c", command], 30, namespace=server.options.namespace)
    scripts = "smb-protocols,smb2-security-mode,smb2-capabilities,smb2-time"
    nmap = ["nmap", "-n", "-Pn", "-sT", "-p445", "--script", scripts, server.host]
    peers.run(nmap, 90, namespace=server.options.namespace)


@contextmanager
def capturing(server: RunningServer, file: Path) -> Iterator[None]:
    """Capture loopback in the server's namespace, from the first packet to a marker's."""
    command = ["tshark", "-i", "lo", "-B", "64", "-w", str(file)]
    process = subprocess.Popen(
        peers.in_namespace(server.options.namespace, command),
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        said = ""
        while "Capturing on" not in said and (line := process.stderr.readline()):
            said += line
        assert "Capturing on" in said, said
        await_marker(server, file)  # "Capturing" is said a little before it is so
        file_start = file.read_bytes().count(MARKER)
        yield
        await_marker(server, file, file_start)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(20)
        if process.stderr:
            process.stderr.close()


def await_marker(server: RunningServer, file: Path, seen: int = 0) -> None:
    """Send marker datagrams until one more than seen is in the capture."""
    deadline = time.monotonic() + 20
    while not file.exists() or file.read_bytes().count(MARKER) <= seen:
        assert time.monotonic() < deadline, "the capture does not see its marker"
        peers.run([sys.executable, "-c", SEND_MARKER], 10, namespace=server.options.namespace)


def tshark(capture: Path, *options: str) -> str:
    known = ["-o", f"ntlmssp.nt_password:{RunningServer.password}"]
    ran = peers.run(["tshark", "-r", capture, *known, *options], 120)
    assert ran.status == 0, ran.output
    return "\n".join(line for line in ran.output.splitlines() if "Running as user" not in line)


def test_the_capture_is_whole(capture: Path) -> None:
    """The other tests here mean nothing on an empty capture, or where tshark can't decrypt."""
    commands = tshark(capture, "-Y", "smb2", "-T", "fields", "-e", "smb2.cmd").split()
    seen = {int(word) for words in commands for word in words.split(",")}
    assert {0, 1, 3, 4, 5, 6, 8, 9, 11, 14, 16, 17} <= seen
    dialects = tshark(capture, "-Y", "smb2.dialect", "-T", "fields", "-e", "smb2.dialect")
    for dialect in ("0x0202", "0x0210", "0x0300", "0x0302", "0x0311"):
        assert dialect in dialects
    assert tshark(capture, "-Y", "smb2.header.transform.msg_size and smb2.filename").strip()


@pytest.mark.parametrize("fault", FAULTS)
def test_no_fault(capture: Path, fault: str) -> None:
    assert tshark(capture, "-Y", f"tcp and {fault}").strip() == ""


def test_signatures(capture: Path) -> None:
    check = ("-o", "smb2.verify_signatures:TRUE", "-V")
    details = tshark(capture, "-Y", "smb2.flags.signature == 1", *check)
    assert "Good signature" in details
    assert BAD_SIGNATURE.findall(details) == []


def test_nothing_unknown(capture: Path) -> None:
    details = tshark(capture, "-Y", "smb2.flags.response == 1", "-O", "smb2,srvsvc,spnego,ntlmssp")
    found = [line for line in details.splitlines() if UNKNOWN.search(line)]
    assert [line for line in found if not RESERVED.match(line)] == []
