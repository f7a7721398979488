"""impacket, smbprotocol and pysmb: three SMB2 clients written in Python by others."""

from __future__ import annotations

import io
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.interop import peers
from tests.interop.server import RunningServer

# These libraries warn about themselves; that is not ours to fail on.
pytestmark = [pytest.mark.timeout(120), pytest.mark.filterwarnings("ignore")]

DIALECTS = {"2.0.2": 0x0202, "2.1": 0x0210, "3.0": 0x0300, "3.0.2": 0x0302, "3.1.1": 0x0311}
# impacket knows no signing above 3.0.
IMPACKET_DIALECTS = ("2.0.2", "2.1", "3.0", "3.1.1")


@contextmanager
def impacket(server: RunningServer, dialect: str | None = None) -> Iterator[Any]:
    from impacket.smbconnection import SMBConnection

    connection = SMBConnection(
        server.host,
        server.host,
        sess_port=server.port,
        preferredDialect=DIALECTS[dialect] if dialect else None,
        timeout=20,
    )
    try:
        connection.login(server.user, server.password)
        yield connection
    finally:
        connection.close()


@pytest.mark.parametrize("dialect", [None, *IMPACKET_DIALECTS])
def test_impacket_files(server: RunningServer, dialect: str | None) -> None:
    peers.need("impacket")
    folder = server.fresh()
    content = os.urandom(300_000)
    with impacket(server, dialect) as connection:
        if dialect:
            assert connection.getDialect() == DIALECTS[dialect]
        connection.createDirectory("files", f"{folder.name}\\sub")
        connection.putFile("files", f"{folder.name}\\sub\\one", io.BytesIO(content).read)
        assert (folder / "sub" / "one").read_bytes() == content
        received = io.BytesIO()
        connection.getFile("files", f"{folder.name}\\sub\\one", received.write)
        assert received.getvalue() == content
        connection.rename("files", f"{folder.name}\\sub\\one", f"{folder.name}\\two")
        entries = connection.listPath("files", f"{folder.name}\\*")
        found = {e.get_longname(): (e.get_filesize(), bool(e.is_directory())) for e in entries}
        assert set(found) == {".", "..", "sub", "two"}
        assert found["two"] == (len(content), False)
        assert found["sub"][1]
        connection.deleteFile("files", f"{folder.name}\\two")
        connection.deleteDirectory("files", f"{folder.name}\\sub")
    assert list(folder.iterdir()) == []


def test_impacket_lists_shares(server: RunningServer) -> None:
    peers.need("impacket")
    with impacket(server) as connection:
        names = {str(share["shi1_netname"]).rstrip("\0") for share in connection.listShares()}
    assert names == {"files", "IPC$"}


def test_impacket_wrong_password(server: RunningServer) -> None:
    peers.need("impacket")
    from impacket.smbconnection import SessionError, SMBConnection

    connection = SMBConnection(server.host, server.host, sess_port=server.port, timeout=20)
    with pytest.raises(SessionError, match="STATUS_LOGON_FAILURE"):
        connection.login(server.user, "wrong")
    connection.close()


@contextmanager
def smbprotocol(server: RunningServer, dialect: str, encrypt: bool) -> Iterator[dict[str, Any]]:
    """Yield the keyword arguments that make smbclient's functions use a session in dialect."""
    import smbclient
    from smbprotocol.connection import Connection, Dialects

    connection = Connection(uuid.uuid4(), server.host, server.port, require_signing=True)
    version = {
        "2.0.2": Dialects.SMB_2_0_2,
        "2.1": Dialects.SMB_2_1_0,
        "3.0": Dialects.SMB_3_0_0,
        "3.0.2": Dialects.SMB_3_0_2,
        "3.1.1": Dialects.SMB_3_1_1,
    }[dialect]
    connection.connect(dialect=version, timeout=20)
    given = {
        "port": server.port,
        "username": server.user,
        "password": server.password,
        "connection_cache": {f"{server.host}:{server.port}": connection},
        "encrypt": encrypt,
    }
    try:
        smbclient.register_session(server.host, **given)
        yield given
    finally:
        connection.disconnect()


WAYS = [*((d, False) for d in DIALECTS), *((d, True) for d in ("3.0", "3.0.2", "3.1.1"))]


@pytest.mark.parametrize(("dialect", "encrypt"), WAYS)
def test_smbprotocol_files(server: RunningServer, dialect: str, encrypt: bool) -> None:
    peers.need("smbprotocol")
    import smbclient

    folder = server.fresh()
    top = rf"\\{server.host}\files\{folder.name}"
    content = os.urandom(3_000_000)
    with smbprotocol(server, dialect, encrypt) as how:
        smbclient.makedirs(rf"{top}\a\b", **how)
        with smbclient.open_file(rf"{top}\a\one", mode="wb", **how) as file:
            file.write(content)
        with smbclient.open_file(rf"{top}\a\one", mode="rb", **how) as file:
            assert file.read() == content
        info = smbclient.stat(rf"{top}\a\one", **how)
        assert info.st_size == len(content)
        assert abs(info.st_mtime - (folder / "a" / "one").stat().st_mtime) < 0.001
        with smbclient.open_file(rf"{top}\a\text", mode="w", encoding="utf-8", **how) as text:
            text.write("grüße\n")
        smbclient.rename(rf"{top}\a\one", rf"{top}\a\b\two", **how)
        smbclient.copyfile(rf"{top}\a\b\two", rf"{top}\copy", **how)
        assert (folder / "copy").read_bytes() == content
        walked = [
            (path[len(top) :], dirs, files) for path, dirs, files in smbclient.walk(top, **how)
        ]
        assert sorted(walked) == [
            ("", ["a"], ["copy"]),
            (r"\a", ["b"], ["text"]),
            (r"\a\b", [], ["two"]),
        ]
        smbclient.utime(rf"{top}\copy", times=(1_000_000_000, 1_000_000_001), **how)
        assert smbclient.stat(rf"{top}\copy", **how).st_mtime == 1_000_000_001
        smbclient.truncate(rf"{top}\copy", 10, **how)
        smbclient.remove(rf"{top}\a\b\two", **how)
        smbclient.rmdir(rf"{top}\a\b", **how)
        with pytest.raises(OSError, match="No such file"):
            smbclient.stat(rf"{top}\a\b", **how)
        with pytest.raises(OSError, match=r"0xc0000101|not empty"):
            smbclient.rmdir(rf"{top}\a", **how)
    assert (folder / "copy").read_bytes() == content[:10]
    assert (folder / "a" / "text").read_text("utf-8").splitlines() == ["grüße"]


def test_smbprotocol_exclusive_and_append(server: RunningServer) -> None:
    peers.need("smbprotocol")
    import smbclient

    top = rf"\\{server.host}\files\{server.fresh().name}"
    with smbprotocol(server, "3.1.1", encrypt=False) as how:
        with smbclient.open_file(rf"{top}\log", mode="xb", **how) as file:
            file.write(b"one")
        with pytest.raises(OSError, match="File exists"):
            smbclient.open_file(rf"{top}\log", mode="xb", **how)
        with smbclient.open_file(rf"{top}\log", mode="ab", **how) as file:
            file.write(b" two")
        with smbclient.open_file(rf"{top}\log", mode="rb", share_access="r", **how) as file:
            assert file.read() == b"one two"
            with pytest.raises(OSError, match=r"0xc0000043|used by another"):
                smbclient.open_file(rf"{top}\log", mode="r+b", **how)


@pytest.mark.parametrize("sign", [True, False])
def test_pysmb_files(server: RunningServer, sign: bool) -> None:
    peers.need("pysmb")
    from smb.SMBConnection import SMBConnection

    folder = server.fresh()
    content = os.urandom(300_000)
    connection = SMBConnection(
        server.user,
        server.password,
        "TESTS",
        "NETHOOD",
        use_ntlm_v2=True,
        sign_options=SMBConnection.SIGN_WHEN_SUPPORTED
        if sign
        else SMBConnection.SIGN_WHEN_REQUIRED,
        is_direct_tcp=True,
    )
    try:
        assert connection.connect(server.host, server.port, timeout=20)
        assert {share.name for share in connection.listShares()} == {"files", "IPC$"}
        connection.createDirectory("files", f"{folder.name}/sub")
        connection.storeFile("files", f"{folder.name}/sub/one", io.BytesIO(content))
        assert (folder / "sub" / "one").read_bytes() == content
        received = io.BytesIO()
        connection.retrieveFile("files", f"{folder.name}/sub/one", received)
        assert received.getvalue() == content
        connection.rename("files", f"{folder.name}/sub/one", f"{folder.name}/two")
        entries = {e.filename: e.file_size for e in connection.listPath("files", folder.name)}
        assert entries.keys() == {".", "..", "sub", "two"}
        assert entries["two"] == len(content)
        connection.deleteFiles("files", f"{folder.name}/two")
        connection.deleteDirectory("files", f"{folder.name}/sub")
    finally:
        connection.close()
    assert list(folder.iterdir()) == []
