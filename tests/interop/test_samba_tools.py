"""Samba's other clients: rpcclient, net and smbget."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.interop import peers
from tests.interop.conftest import ServerFactory
from tests.interop.peers import Ran
from tests.interop.samba import client_conf
from tests.interop.server import STAND_IN, RunningServer

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def two_shares(start_server: ServerFactory) -> RunningServer:
    return start_server(shares=("files", "second"))


def rpcclient(server: RunningServer, home: Path, command: str) -> Ran:
    words = ["rpcclient", "-s", str(client_conf(home)), "-p", str(server.port), "-U"]
    ran = peers.run([*words, server.credentials, server.host, "-c", command], 30)
    assert ran.status == 0, ran.output
    return ran


def test_rpcclient_srvinfo(two_shares: RunningServer, local: Path) -> None:
    peers.need("rpcclient")
    output = rpcclient(two_shares, local, "srvinfo").output
    assert "interop" in output
    assert "platform_id" in output
    assert "os version" in output


def test_rpcclient_netshareenumall(two_shares: RunningServer, local: Path) -> None:
    peers.need("rpcclient")
    output = rpcclient(two_shares, local, "netshareenumall").output
    names = {line.split(":", 1)[1].strip() for line in output.splitlines() if "netname:" in line}
    assert names == {"files", "second", "IPC$"}
    assert "the second share" in output


@pytest.mark.parametrize("level", ["1", "2", "502", "1005"])
def test_rpcclient_netsharegetinfo(two_shares: RunningServer, local: Path, level: str) -> None:
    peers.need("rpcclient")
    output = rpcclient(two_shares, local, f"netsharegetinfo second {level}").output
    if level == "1005":
        assert "flags" in output or "dfs" in output.lower()
    else:
        assert "netname: second" in output


def test_rpcclient_netsharegetinfo_of_no_share(two_shares: RunningServer, local: Path) -> None:
    peers.need("rpcclient")
    words = ["rpcclient", "-s", str(client_conf(local)), "-p", str(two_shares.port)]
    words += ["-U", two_shares.credentials, two_shares.host, "-c", "netsharegetinfo nowhere 1"]
    output = peers.run([str(word) for word in words], 30).output
    assert "WERR_NERR_NETNAMENOTFOUND" in output or "WERR_INVALID_NAME" in output


@pytest.mark.parametrize("command", ["netremotetod", "wkssvc_wkstagetinfo"])
def test_rpcclient_silent(two_shares: RunningServer, local: Path, command: str) -> None:
    """rpcclient prints nothing of these; its status says that the answer decoded."""
    peers.need("rpcclient")
    rpcclient(two_shares, local, command)


def test_rpcclient_netsessenum(two_shares: RunningServer, local: Path) -> None:
    peers.need("rpcclient")
    if STAND_IN:
        pytest.skip("smbd shows sessions to its administrators only")
    assert "Received 1 entries" in rpcclient(two_shares, local, "netsessenum").output


def test_rpcclient_names_and_sids(two_shares: RunningServer, local: Path) -> None:
    peers.need("rpcclient")
    user = two_shares.user
    found = rpcclient(two_shares, local, f"lookupnames {user}").output
    match = re.search(rf"^{user} (S-1-[\d-]+) \(User: 1\)", found, re.MULTILINE)
    assert match, found
    back = rpcclient(two_shares, local, f"lookupsids {match[1]}").output
    assert rf"\{user} (1)" in back


def test_net_rpc_share_list(real_ports: RunningServer, local: Path) -> None:
    """net knows ports 445 and 139 only."""
    peers.need("net")
    words = ["net", "rpc", "share", "list", "-S", real_ports.host]
    words += ["-U", real_ports.credentials, "-s", str(client_conf(local))]
    ran = peers.run(words, 30, namespace=real_ports.options.namespace)
    assert ran.status == 0, ran.output
    assert set(ran.output.split()) == {"files", "IPC$"}


def test_smbget_one_file(server: RunningServer, local: Path) -> None:
    peers.need("smbget")
    folder = server.fresh()
    content = os.urandom(1_000_003)
    (folder / "source").write_bytes(content)
    smbget(server, local, f"{folder.name}/source", "-o", "target")
    assert (local / "target").read_bytes() == content


def test_smbget_recursive(server: RunningServer, local: Path) -> None:
    peers.need("smbget")
    folder = server.fresh()
    (folder / "a" / "b").mkdir(parents=True)
    (folder / "a" / "one").write_bytes(b"1" * 70_000)
    (folder / "a" / "b" / "two").write_bytes(b"2")
    smbget(server, local, folder.name, "-R")
    assert (local / "a" / "one").read_bytes() == b"1" * 70_000
    assert (local / "a" / "b" / "two").read_bytes() == b"2"


def smbget(server: RunningServer, home: Path, path: str, *options: str) -> None:
    url = f"smb://{server.host}:{server.port}/files/{path}"
    conf = client_conf(home)
    words = ["smbget", *options, "-f", str(conf), "-q", "-U", server.credentials, url]
    ran = peers.run(words, 60, cwd=home, env={"HOME": str(home)})
    assert ran.status == 0, ran.output
