"""smbclient in every dialect, signed and encrypted, on ports of both kinds."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

import pytest

from tests.interop import peers
from tests.interop.conftest import ServerFactory
from tests.interop.samba import Smbclient
from tests.interop.server import RunningServer

pytestmark = pytest.mark.timeout(120)

DIALECTS = ("SMB2_02", "SMB2_10", "SMB3_00", "SMB3_02", "SMB3_11")
WAYS = (
    *((dialect, "sign", 0) for dialect in DIALECTS),
    *((dialect, "encrypt", 0) for dialect in DIALECTS[2:]),
    *((dialect, "sign", 445) for dialect in DIALECTS),
    *((dialect, "sign", 139) for dialect in DIALECTS),
    ("SMB3_11", "encrypt", 139),
)
ENTRY = re.compile(r"^  (\S.*?) +([A-Z]*) +(\d+)  \w{3} \w{3} [ \d]\d \d\d:", re.MULTILINE)
BIG = 300 * 1024 * 1024


@pytest.fixture(params=WAYS, ids=lambda way: f"{way[0]}-{way[1]}-{way[2] or 'free port'}")
def smbclient(request: pytest.FixtureRequest, local: Path) -> Smbclient:
    peers.need("smbclient")
    dialect, protection, port = request.param
    server: RunningServer = request.getfixturevalue("real_ports" if port else "server")
    return Smbclient(server, local, dialect, protection, port or None)


@pytest.fixture
def newest(server: RunningServer, local: Path) -> Smbclient:
    """smbclient as it comes: 3.1.1, signed."""
    peers.need("smbclient")
    return Smbclient(server, local)


def test_ls(smbclient: Smbclient) -> None:
    folder = smbclient.server.fresh()
    (folder / "one.txt").write_bytes(b"x" * 1234)
    (folder / "ä ö €.txt").write_bytes(b"")
    (folder / "sub").mkdir()
    listed = {match[1]: match for match in ENTRY.finditer(smbclient.ok("ls", folder=folder))}
    assert set(listed) == {".", "..", "one.txt", "ä ö €.txt", "sub"}
    assert listed["one.txt"][3] == "1234"
    assert "D" in listed["sub"][2]
    assert "D" not in listed["one.txt"][2]


def test_put_and_get(smbclient: Smbclient, local: Path) -> None:
    folder = smbclient.server.fresh()
    content = os.urandom(2_345_678)
    (local / "up").write_bytes(content)
    smbclient.ok("put up there; get there down", folder=folder)
    assert (folder / "there").read_bytes() == content
    assert (local / "down").read_bytes() == content


def test_recursive_copy(smbclient: Smbclient, local: Path) -> None:
    folder = smbclient.server.fresh()
    tree = {
        f"tree/d{i}/e{j}/f{k}": os.urandom(k * 1000)
        for i in (0, 1)
        for j in (0, 1)
        for k in range(3)
    }
    for name, content in tree.items():
        path = local / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    smbclient.ok("recurse ON; prompt OFF; mput tree", folder=folder)
    assert {n: (folder / n).read_bytes() for n in tree} == tree
    (local / "back").mkdir()
    smbclient.ok("lcd back; recurse ON; prompt OFF; mget tree", folder=folder)
    assert {n: (local / "back" / n).read_bytes() for n in tree} == tree


def test_rename_and_delete(smbclient: Smbclient) -> None:
    folder = smbclient.server.fresh()
    (folder / "old").write_bytes(b"content")
    (folder / "gone").write_bytes(b"")
    smbclient.ok("rename old new; del gone", folder=folder)
    assert [p.name for p in folder.iterdir()] == ["new"]
    assert (folder / "new").read_bytes() == b"content"


def test_folders(smbclient: Smbclient) -> None:
    folder = smbclient.server.fresh()
    (folder / "full").mkdir()
    (folder / "full" / "file").write_bytes(b"")
    (folder / "empty").mkdir()
    smbclient.ok("mkdir made; cd made; mkdir deeper; cd ..; rmdir empty", folder=folder)
    assert (folder / "made" / "deeper").is_dir()
    assert not (folder / "empty").exists()
    assert "NT_STATUS_DIRECTORY_NOT_EMPTY" in smbclient("rmdir full", folder=folder).output
    assert (folder / "full" / "file").exists()


def test_allinfo(smbclient: Smbclient) -> None:
    folder = smbclient.server.fresh()
    (folder / "file.txt").write_bytes(b"twelve bytes")
    output = smbclient.ok("allinfo file.txt", folder=folder)
    assert "create_time:" in output
    assert "write_time:" in output
    assert "stream: [::$DATA], 12 bytes" in output


def test_what_is_not_there(smbclient: Smbclient) -> None:
    folder = smbclient.server.fresh()
    assert "OBJECT_NAME_NOT_FOUND" in smbclient("get missing", folder=folder).output
    assert "OBJECT_PATH_NOT_FOUND" in smbclient("get no/such/file", folder=folder).output
    assert "NT_STATUS_NO_SUCH_FILE" in smbclient("ls missing*", folder=folder).output


@pytest.mark.parametrize(
    ("dialect", "protection"), [("SMB2_02", "sign"), ("SMB3_11", "sign"), ("SMB3_11", "encrypt")]
)
def test_big_file(newest: Smbclient, local: Path, dialect: str, protection: str) -> None:
    newest.dialect, newest.protection = dialect, protection
    folder = newest.server.fresh()
    block = os.urandom(1024 * 1024)
    with (local / "big").open("wb") as file:
        for i in range(BIG // len(block)):
            file.write(i.to_bytes(8, "big") + block[8:])
    newest.ok("put big; get big back", folder=folder, timeout_s=100)
    sums = {checksum(path) for path in (local / "big", folder / "big", local / "back")}
    assert len(sums) == 1
    for path in (local / "big", folder / "big", local / "back"):
        path.unlink()


def checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def test_from_an_smb1_packet(newest: Smbclient) -> None:
    """A client that still offers SMB1 begins with SMB_COM_NEGOTIATE and goes on in SMB2."""
    newest.options = ("--option=client min protocol=NT1",)
    newest.ok("ls", folder=newest.server.fresh())


@pytest.mark.parametrize("who", ["{user}%wrong", "nobody-here%{password}", "%"])
def test_wrong_password_is_refused(newest: Smbclient, who: str) -> None:
    server = newest.server
    newest.credentials = who.format(user=server.user, password=server.password)
    ran = newest("ls", timeout_s=20)
    assert ran.status != 0
    assert "NT_STATUS_LOGON_FAILURE" in ran.output or "NT_STATUS_ACCESS_DENIED" in ran.output


def test_unknown_share_is_refused(newest: Smbclient) -> None:
    newest.share = "nowhere"
    assert "NT_STATUS_BAD_NETWORK_NAME" in newest("ls").output


def test_list_of_shares(start_server: ServerFactory, local: Path) -> None:
    peers.need("smbclient")
    server = start_server(shares=("files", "second", "third"))
    command = ["smbclient", "-L", f"//{server.host}", "-p", str(server.port)]
    ran = peers.run([*command, "-U", server.credentials, "-g", "-s", "/dev/null"], 30)
    disks = {line.split("|")[1] for line in ran.output.splitlines() if line.startswith("Disk|")}
    assert disks == {"files", "second", "third"}
    assert "IPC|IPC$|" in ran.output


def test_read_only_share(start_server: ServerFactory, local: Path) -> None:
    peers.need("smbclient")
    server = start_server(shares=("files", "fixed"), read_only=("fixed",))
    (server.path("fixed") / "file").write_bytes(b"kept")
    client = Smbclient(server, local, share="fixed")
    client.ok("get file")
    (local / "other").write_bytes(b"new")
    for command in ("put other", "del file", "mkdir made", "rename file moved"):
        output = client(command).output
        assert "NT_STATUS_ACCESS_DENIED" in output or "NT_STATUS_MEDIA_WRITE_PROTECTED" in output
    assert {p.name for p in server.path("fixed").iterdir()} == {"file"}


def test_encryption_required(start_server: ServerFactory, local: Path) -> None:
    """A client that can't encrypt is refused; one that can need not be told to."""
    peers.need("smbclient")
    server = start_server(encrypt=True)
    Smbclient(server, local, "SMB3_00", "encrypt").ok("ls")
    Smbclient(server, local, "SMB3_11", "sign").ok("ls")
    assert "NT_STATUS_ACCESS_DENIED" in Smbclient(server, local, "SMB2_10")("ls").output


def test_encryption_required_by_one_share(start_server: ServerFactory, local: Path) -> None:
    peers.need("smbclient")
    server = start_server(shares=("files", "secret"), encrypted=("secret",))
    Smbclient(server, local, "SMB2_10").ok("ls")
    Smbclient(server, local, "SMB3_11", share="secret").ok("ls")
    old = Smbclient(server, local, "SMB2_10", share="secret")
    assert "NT_STATUS_ACCESS_DENIED" in old("ls").output


@pytest.mark.parametrize(
    ("client", "accepted"), [("SMB2_10", False), ("SMB3_00", True), ("SMB3_11", True)]
)
def test_dialect_bounds(
    start_server: ServerFactory, local: Path, client: str, accepted: bool
) -> None:
    peers.need("smbclient")
    server = start_server(min_dialect="3.0", max_dialect="3.0.2")
    assert (Smbclient(server, local, client)("ls").status == 0) is accepted
